//! SQL text to shapes: what an index could serve in a statement.
//!
//! The only crate that names the parser, which is PostgreSQL's own grammar. It decides which table each column of a statement
//! belongs to, and in which way the statement asks for it; it never asks a server, and knows neither costs nor indexes. Whatever it
//! cannot understand becomes a value with its reason ([`pgtailor_model::workload::Skipped`]), never an error.
//!
//! Start with [`understand()`]. The tree of one statement goes through `reading`: `statement` and `select` (scopes), `from` and `view` (what
//! is read), `predicate` and `compare` with `operand` (conditions to facts), `order` (endings), `parameter` (what parameters are for) and
//! `fact` (facts to a shape); `construct` and `connection` note what no shape shows, and `rewritten` writes the statement otherwise. What is made of columns is an `expression`; `rewrite` writes it down, `volatility` says whether an index could
//! hold it, and `service` which index could be searched.
//!
//! What it does not see: bodies of functions, triggers and rules; collations of columns; settings of the session that sent the statement.

mod alias;
mod cast;
mod children;
mod collector;
mod compare;
mod connection;
mod constants;
mod construct;
mod expression;
mod fact;
mod from;
mod function;
mod group;
mod lexical;
mod numbers;
mod operand;
mod order;
mod parameter;
mod pattern;
pub mod plannable;
mod predicate;
mod reading;
mod relation;
mod result;
mod rewrite;
mod rewritten;
mod room;
mod scope;
mod select;
mod service;
pub mod skip;
mod spatial;
mod split;
mod statement;
mod tags;
mod text;
mod tokens;
mod types;
mod understand;
mod view;
mod volatility;
mod walker;

pub use collector::{Collector, Filling, Kind, Observation, Values};
pub use split::{Cut, Statement, split};
pub use tags::tags;
pub use text::{fingerprint, normalize};
pub use understand::understand;
