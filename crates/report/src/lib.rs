//! One view model, many formats: values in, text out.
//!
//! A [`Report`] lays a value of the model out as a [`document::Document`], as the JSON of `docs/json.md` and as SQL statements; a
//! [`format::Format`] turns that into text. No front end renders by itself. The format never changes what is found: all of them are
//! made from the same value.
//!
//! This crate does no I/O. It does not know whether there is a terminal: colour and width are parameters ([`Style`]). It decides
//! nothing about databases: what a number means, and whether it is bad, was decided before.
//!
//! Start with [`report`] (the trait), then [`view::rollout`] (a report) and [`format::Format`] with its list.

mod chart;
pub mod document;
pub mod format;
mod layout;
pub mod migration;
mod number;
pub mod report;
pub mod sql_text;
mod text;
pub mod view;

pub use format::{Format, UnknownFormat};
pub use report::{Colour, Report, Statement, Style, render};
pub use view::advice::AdviceReport;
pub use view::advice::counsel::CounselReport;
pub use view::advice::record::{self, RecordError};
pub use view::advice::why::{WhyReport, why, why_not};
pub use view::analysis::AnalysisReport;
pub use view::audit::AuditReport;
pub use view::catalog::CatalogReport;
pub use view::demo::DemoReport;
pub use view::doctor::DoctorReport;
pub use view::history::HistoryReport;
pub use view::outcome::OutcomeReport;
pub use view::plan_check::{PlanCheckReport, UnplannedCount};
pub use view::rollout::RolloutReport;
pub use view::together::Together;
pub use view::twin::{TwinReport, TwinsReport, Which};
pub use view::workload::{Values, WorkloadReport};
