//! SQL text to shapes: what an index could serve in a statement.
//!
//! The only crate that names the parser, which is PostgreSQL's own grammar. It decides which table each column of a statement
//! belongs to, and in which way the statement asks for it; it never asks a server, and knows neither costs nor indexes. Whatever it
//! cannot understand becomes a value with its reason ([`pgtailor_model::workload::Skipped`]), never an error.
//!
//! Start with [`understand()`]. One statement goes through `text` (parse), `statement` and `select` (scopes), `from` (tables and joins),
//! `predicate` with `operand` (conditions to facts) and `fact` (facts to a shape).
//!
//! What it does not see: definitions of views, bodies of functions, volatility of functions that are not built in, and
//! expressions that an existing expression index could serve.

mod children;
mod fact;
mod from;
mod function;
mod operand;
mod order;
mod pattern;
mod predicate;
mod relation;
mod room;
mod scope;
mod select;
mod statement;
mod text;
mod understand;
mod walker;

pub use text::{fingerprint, normalize};
pub use understand::understand;
