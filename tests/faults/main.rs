//! The faults that really happen to a program which changes a PostgreSQL database by itself, each made to happen to this one.
//!
//! One module for each letter of the catalogue, one test for each row, named by it. `README.md` beside this file is the table of all
//! rows. The tests run the program as a user does, hold it in the wanted phase with real blockers, and look at the catalog and the
//! server's log afterwards; see `place.rs`.

mod bad_input;
mod chaos;
mod dropping;
mod extensions;
mod harm;
mod idempotency;
mod interruption;
mod names;
mod partitioned;
mod place;
mod pooler;
mod privileges;
mod reindex;
mod replica;
mod security;
mod space;
mod waiting;
