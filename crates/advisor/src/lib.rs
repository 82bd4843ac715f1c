//! What to change: judges declared catalogs, estimates index sizes.
