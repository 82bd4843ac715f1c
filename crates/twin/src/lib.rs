//! Twins: private servers with the schema and the statistics of a database and none of its data, whose planner gives the costs of that
//! database.
//!
//! A twin is raised from a snapshot ([`Twin::raise`]), says how faithful it is ([`Twin::self_test`]), and is asked what would be if indexes,
//! statistics or settings were others. What makes it faithful: definitions, `pg_statistic` and `pg_class` as they are on the source, files as
//! long as there (but empty), numbers on the first pages of indexes, and the smallest and the largest value of indexed columns in two real rows.
//!
//! Who gives the statements is not trusted, and neither is who wrote the snapshot: definitions are carried out by a role that owns nothing but
//! the twin, statements are planned by one that owns nothing at all, and the superuser of the twin touches catalogs only, before any code of
//! somebody else is in their way. The server listens on no network. This crate knows servers of its own only; it sends nothing to a target.

mod candidate;
mod definitions;
mod dump;
mod error;
mod expression;
mod files;
mod locale;
mod pages;
mod raise;
mod rows;
mod self_test;
mod session;
mod statistics;
mod statistics_ext;
mod what_if;
mod what_if_statistics;

pub use error::TwinError;
pub use pgtailor_postgres::planning::nodes;
pub use raise::{OtherMajor, RaiseOptions, Raised, Twin};
pub use self_test::{Deviation, SelfTest, Shape};
pub use session::{DATABASE, PLANNER};
pub use what_if::{BlockingWhatIf, TwinWhatIf};
