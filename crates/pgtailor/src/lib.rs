//! The use cases of pgtailor, and the library's face.
