//! The language of values, as written in TOML: one language for the columns of rows and for the parameters of statements.
//!
//! It only describes; `generate::compile` gives names their meaning, `generate::value` computes. The documentation for people is
//! `docs/blueprints.md`, which has a section for each of these.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How a value is made.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Spec {
    /// SQL's null.
    Null,
    /// A random UUID; as a column it is the row's own, as a parameter one that no row has.
    Uuid,
    /// A UUID that differs between runs of the same seed: for rows that a statement inserts. Parameters only.
    FreshUuid,
    /// The row's number, from 1. Columns only.
    Row,
    /// The row's number among those of its owner, from 1. Columns only.
    Position,
    /// The key of the row that owns this one. Columns only.
    Owner,
    /// Always the same.
    Value(Scalar),
    /// Text with `${…}` in it.
    Template(String),
    /// One of several texts, each with its weight.
    Choice(BTreeMap<String, f64>),
    /// One of several texts, all equally likely.
    OneOf(Vec<String>),
    /// True with this probability.
    Bool(f64),
    /// A whole number.
    Int(IntSpec),
    /// An instant.
    Timestamp(TimestampSpec),
    /// An instant after another one.
    After(AfterSpec),
    /// The key of a row of another table. Columns only.
    Reference(ReferenceSpec),
    /// The value of a column: of this row, or through references (`pipeline_id.organization_id`); in a statement, of a drawn row
    /// (`member.email`).
    Column(String),
    /// A value or null.
    Sometimes(SometimesSpec),
    /// One of several ways, each with its weight.
    Mix(Vec<MixSpec>),
    /// One of several ways, decided by the value of a column.
    Case(CaseSpec),
    /// One of two ways, decided by how long ago a column's instant is.
    Recent(RecentSpec),
    /// An array of values.
    Array(ArraySpec),
    /// A value that later statements of the same client can use. Parameters only.
    Remember(RememberSpec),
    /// A value that an earlier statement of the same client remembered, which stays remembered. Parameters only.
    Recall(RecallSpec),
    /// A value that an earlier statement of the same client remembered, which is forgotten, or remembered under another name.
    /// Parameters only.
    Take(TakeSpec),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Bool(bool),
    Int(i64),
    Text(String),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct IntSpec {
    pub(crate) from: i64,
    pub(crate) to: i64,
    #[serde(default)]
    pub(crate) spread: IntSpread,
}

/// How whole numbers lie between their ends.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum IntSpread {
    #[default]
    Uniform,
    /// Small ones more often, with this exponent.
    Zipf(f64),
    /// `from` plus an exponential with this mean, cut at `to`.
    Exponential(f64),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct TimestampSpec {
    pub(crate) from: String,
    pub(crate) to: String,
    #[serde(default)]
    pub(crate) order: Order,
    #[serde(default = "one")]
    pub(crate) skew: f64,
}

/// Whether instants follow the order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    #[default]
    Random,
    Rows,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct AfterSpec {
    pub(crate) column: String,
    pub(crate) mean: String,
    pub(crate) most: Option<String>,
    #[serde(default = "now")]
    pub(crate) until: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ReferenceSpec {
    pub(crate) table: String,
    #[serde(default = "id")]
    pub(crate) column: String,
    pub(crate) within: Option<String>,
    #[serde(default)]
    pub(crate) pick: Pick,
}

/// Which row is picked of many.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Pick {
    /// All equally likely.
    #[default]
    Uniform,
    /// A few rows far more often than the others; which ones is random.
    Zipf(f64),
    /// The last rows more often: distance from the end is exponential, with this fraction of the rows as its mean.
    Recent(f64),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct SometimesSpec {
    pub(crate) fraction: f64,
    pub(crate) value: Box<Spec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct MixSpec {
    pub(crate) weight: f64,
    pub(crate) value: Spec,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct CaseSpec {
    pub(crate) column: String,
    pub(crate) cases: BTreeMap<String, Spec>,
    pub(crate) otherwise: Box<Spec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RecentSpec {
    pub(crate) column: String,
    pub(crate) within: String,
    pub(crate) then: Box<Spec>,
    pub(crate) otherwise: Box<Spec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ArraySpec {
    pub(crate) of: Box<Spec>,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RememberSpec {
    #[serde(rename = "as")]
    pub(crate) name: String,
    pub(crate) value: Box<Spec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RecallSpec {
    pub(crate) from: String,
    pub(crate) otherwise: Box<Spec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct TakeSpec {
    pub(crate) from: String,
    #[serde(rename = "remember-as")]
    pub(crate) remember_as: Option<String>,
    pub(crate) otherwise: Box<Spec>,
}

/// The text of `data.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct DataSpec {
    #[serde(default)]
    pub(crate) table: Vec<TableSpec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct TableSpec {
    pub(crate) name: String,
    #[serde(default = "public")]
    pub(crate) schema: String,
    pub(crate) rows: Option<u64>,
    #[serde(default)]
    pub(crate) fixed: bool,
    pub(crate) owner: Option<OwnerSpec>,
    pub(crate) columns: BTreeMap<String, Spec>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct OwnerSpec {
    pub(crate) table: String,
    #[serde(default = "id")]
    pub(crate) column: String,
    #[serde(default)]
    pub(crate) spread: Spread,
    pub(crate) each: Option<EachSpec>,
    #[serde(default)]
    pub(crate) order: OwnedOrder,
}

/// How many rows each owner has, of a given number in all.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Spread {
    #[default]
    Even,
    Zipf(f64),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct EachSpec {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// Where the rows of one owner lie in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OwnedOrder {
    #[default]
    Shuffled,
    Together,
}

/// The text of `workload.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct WorkloadSpec {
    #[serde(default)]
    pub(crate) statement: Vec<toml::Spanned<StatementSpec>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct StatementSpec {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) shape: u32,
    pub(crate) category: String,
    pub(crate) kind: crate::workload::Kind,
    pub(crate) weight: f64,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) sql: String,
    #[serde(default)]
    pub(crate) rows: Vec<BoundRowSpec>,
    #[serde(default)]
    pub(crate) parameters: Vec<Spec>,
}

/// A row that is drawn before the parameters, so that several of them can speak of the same one.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct BoundRowSpec {
    pub(crate) name: String,
    pub(crate) table: Option<String>,
    pub(crate) within: Option<String>,
    #[serde(default)]
    pub(crate) pick: Pick,
    pub(crate) follow: Option<String>,
}

fn one() -> f64 {
    1.0
}

fn now() -> String {
    "now".to_owned()
}

fn id() -> String {
    "id".to_owned()
}

fn public() -> String {
    "public".to_owned()
}
