//! One view model, many formats.
