//! Compares a declared catalog with what exists, by definition.
//!
//! It decides what each declared entry *is* beside the database and the other entries, and, for a policy, which entries are created.
//! [`crate::advise`] asks `worth` what each entry is worth to a workload.
//! It does not know how an index is built, and it never looks at names to tell whether two indexes are the same.

mod canonical;
mod judge;
mod resolve;
mod rivals;
mod worth;

pub use canonical::Canonical;
pub use judge::{judge, to_create};
pub(crate) use worth::worth;
