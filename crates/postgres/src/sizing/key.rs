//! One key part: how its values are stored, how many there are, and what is inside them.

use pgtailor_advisor::size::{ElementInputs, KeyInputs, Occurrence, Values};
use pgtailor_model::index::{IndexKey, KeyPart};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::unit::{Rows, count_as_f64, f64_as_count};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::facts::{Column, Read, Statistics, Stored};
use super::sample::{Inside, Sample, Source, sample};
use super::{Expressions, NotSized, lone, mentions, plan, refused, rows};
use crate::capture::deparse::without_outer_parentheses;
use crate::error::Error;
use crate::session::ReadOnlySession;

/// `typlen` of types of variable width.
const VARIABLE: i16 = -1;
/// Length word of a short value in an index, in bytes.
const LENGTH_WORD: f64 = 1.0;
/// A `name` in an index, which leaves out the padding to 64 bytes; statistics count that, too. In bytes.
const NAME: f64 = 16.0;
/// Longest element of a document that is kept as it is; others are hashed (`JGIN_MAXLENGTH` in `jsonb.h`), in bytes with length word. Lexemes
/// and tags are hardly as long.
const LONGEST_IN_DOCUMENT: f64 = 126.0;
/// Lexeme of a text search vector beside its letters: `WordEntry`, a count of positions, one position and half a byte of padding
/// (`ts_type.h`), in bytes.
const LEXEME: f64 = 4.0 + 2.0 + 2.0 + 0.5;
/// Length word and number of lexemes of a text search vector, in bytes.
const VECTOR: f64 = 8.0;
/// Letters of a lexeme where no frequent one is known: English words have five, their stems fewer, names and numbers more.
const LETTERS: f64 = 6.0;

/// Reads keys of one index.
pub(super) struct Reader<'a> {
    pub session: &'a ReadOnlySession,
    pub client: &'a Client,
    pub table: Oid,
    pub name: &'a QualifiedName,
    pub columns: &'a [Column],
    pub method: &'a str,
    pub table_rows: f64,
    pub expressions: Expressions,
    pub read: &'a mut Read,
}

/// What is known of the values before looking inside.
struct Known {
    nulls: f64,
    /// With the length word, in bytes.
    width: f64,
    /// Shares of the widths by their remainder by eight, where values were looked at.
    remainders: Option<[f64; 8]>,
    distinct: f64,
    common: Vec<f64>,
}

impl Reader<'_> {
    /// A key part.
    pub(super) async fn key(&mut self, key: &IndexKey) -> Result<Result<KeyInputs, NotSized>, Error> {
        let class = key.operator_class.as_deref();
        let (label, inputs) = match &key.part {
            KeyPart::Column(name) => match self.columns.iter().find(|column| column.name == *name) {
                Some(column) => {
                    let collation = self.collation(key).await?.unwrap_or(column.collation);
                    (name, self.column(column, collation, class).await?)
                }
                None => return Ok(Err(NotSized::NoColumn(name.clone()))),
            },
            KeyPart::Expression(text) => match lone(text) {
                Ok(()) => (text, self.expression(text, self.collation(key).await?.unwrap_or_default(), class).await?),
                Err(refusal) => return Ok(Err(refusal)),
            },
        };
        Ok(match inputs {
            Ok(inputs) if inputs.operator_class.is_empty() => Err(NotSized::NoOperatorClass(label.clone())),
            inputs => inputs,
        })
    }

    /// An included column, which needs no operator class.
    pub(super) async fn included(&mut self, name: &str) -> Result<Result<KeyInputs, NotSized>, Error> {
        match self.columns.iter().find(|column| column.name == *name) {
            Some(column) => self.column(column, column.collation, None).await,
            None => Ok(Err(NotSized::NoColumn(name.to_owned()))),
        }
    }

    /// The collation that the key names.
    async fn collation(&self, key: &IndexKey) -> Result<Option<u32>, Error> {
        const QUESTION: &str = "SELECT /* pgtailor */ l.oid FROM pg_catalog.pg_collation l \
             JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace WHERE n.nspname = $1 AND l.collname = $2 \
             ORDER BY l.collencoding = pg_catalog.pg_char_to_encoding(pg_catalog.getdatabaseencoding()) DESC LIMIT 1";
        let Some(name) = &key.collation else { return Ok(None) };
        let found = rows(self.client, QUESTION, &[(&name.schema, Type::TEXT), (&name.name, Type::TEXT)]).await?;
        Ok(found.first().map(|row| row.get(0)))
    }

    async fn column(
        &mut self,
        column: &Column,
        collation: u32,
        class: Option<&str>,
    ) -> Result<Result<KeyInputs, NotSized>, Error> {
        let table = self.table.0;
        let Some(stored) = self.class(column.kind, collation, class).await? else {
            return Ok(Err(NotSized::NoColumn(column.name.clone())));
        };
        let Some(statistics) = self.read.statistics_of(self.session, table, &column.name).await? else {
            return Ok(Err(NotSized::NoStatistics(column.name.clone())));
        };
        let mut known = self.known(&statistics, column.not_null);
        let itself = Source { relation: table, column: &column.name, type_name: &stored.type_name, expression: None };
        self.measure(&stored, &mut known, itself).await?;
        self.inputs(&stored, Some(&statistics), known, Some(itself), column.generated.as_deref()).await.map(Ok)
    }

    async fn expression(
        &mut self,
        text: &str,
        collation: u32,
        class: Option<&str>,
    ) -> Result<Result<KeyInputs, NotSized>, Error> {
        let kind = match self.type_of(text).await? {
            Ok(kind) => kind,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let stored = self.class(kind, collation, class).await?;
        // An index that has this expression already has statistics of it.
        let indexed = rows(self.client, include_str!("sql/expressions.sql"), &[(&self.table.0, Type::OID)]).await?;
        let same = |row: &&Row| without_outer_parentheses(row.get("text")) == without_outer_parentheses(text);
        if let Some(found) = indexed.iter().find(same) {
            let (relation, name): (u32, String) = (found.get("relation"), found.get("name"));
            let statistics = self.read.statistics_of(self.session, relation, &name).await?;
            if let (Some(stored), Some(statistics)) = (&stored, statistics) {
                let mut known = self.known(&statistics, false);
                let itself = Source { relation, column: &name, type_name: &stored.type_name, expression: None };
                self.measure(stored, &mut known, itself).await?;
                return self.inputs(stored, Some(&statistics), known, Some(itself), None).await.map(Ok);
            }
        }
        let Some(stored) = stored else { return Ok(Err(NotSized::NoStatistics(text.to_owned()))) };
        let from = format!("SELECT ({text}\n) FROM ONLY {}", self.name.sql());
        let (values, groups) = (plan(self.client, &from).await?, plan(self.client, &format!("{from} GROUP BY 1")).await?);
        let (values, groups) = match (values, groups) {
            (Ok(values), Ok(groups)) => (values, groups),
            (Err(refusal), _) | (_, Err(refusal)) => return Ok(Err(refusal)),
        };
        let planned = Known { nulls: 0.0, width: values.width, remainders: None, distinct: groups.rows, common: Vec::new() };
        let known = match self.computed(text, Inside::Itself).await? {
            Some((computed, nulls)) => refined(&planned, &computed, nulls, Rows(f64_as_count(self.table_rows))),
            None => planned,
        };
        self.inputs(&stored, None, known, None, Some(text)).await.map(Ok)
    }

    /// Looks at the widths of the values in the statistics: their mean is cut to whole bytes there, and padding depends on each.
    ///
    /// Wide values are not among those (`WIDTH_THRESHOLD` in `analyze.c`: 1 kB), so where they are wide the mean of all is kept.
    async fn measure(&mut self, stored: &Stored, known: &mut Known, source: Source<'_>) -> Result<(), Error> {
        if is_measured(stored, known.width)
            && let Some(widths) = self.read.widths_of(self.session, source.relation, source.column, source.type_name).await?
        {
            known.width = widths.mean;
            known.remainders = Some(widths.remainders);
        }
        Ok(())
    }

    async fn class(&mut self, kind: u32, collation: u32, class: Option<&str>) -> Result<Option<Stored>, Error> {
        self.read.class(self.session, (kind, collation, self.method.to_owned(), class.map(str::to_owned))).await
    }

    fn known(&self, statistics: &Statistics, not_null: bool) -> Known {
        let nulls = statistics.nulls;
        Known {
            nulls: if not_null { 0.0 } else { nulls.clamp(0.0, 1.0) },
            width: statistics.width,
            remainders: None,
            // Negative: as a fraction of the rows, whatever their number becomes. Zero: unknown (200 in `selfuncs.h`), or nothing but nulls.
            distinct: match statistics.distinct {
                fraction if fraction < 0.0 => -fraction * self.table_rows,
                0.0 if nulls < 1.0 => 200.0,
                count => count,
            },
            common: statistics.common.clone(),
        }
    }

    /// `itself` is where values of the key are in statistics, `text` what they are computed from.
    async fn inputs(
        &mut self,
        stored: &Stored,
        statistics: Option<&Statistics>,
        known: Known,
        itself: Option<Source<'_>>,
        text: Option<&str>,
    ) -> Result<KeyInputs, Error> {
        let class = stored.class.clone();
        let inside = Inside::of_class(&class).filter(|_| matches!(self.method, "gin" | "gist"));
        let elements = match inside {
            Some(inside) => Some(self.elements(stored, statistics, &known, inside, itself, text).await?),
            None => None,
        };
        let shared_prefix = match itself {
            Some(source) if self.method == "spgist" && class == "text_ops" => self.shared_prefix(source).await?,
            _ => 0.0,
        };
        Ok(KeyInputs {
            values: values_of(stored, &known),
            null_fraction: known.nulls,
            nulls_kept: known.nulls,
            distinct: known.distinct.max(1.0),
            common: known.common,
            equal_is_bitwise: stored.equal_is_bitwise,
            operator_class: class,
            sorted_build: stored.sorted_build,
            shared_prefix,
            elements,
        })
    }

    /// What is inside, from the best source that there is: the server's own list, a sample of the values, or their width.
    async fn elements(
        &mut self,
        stored: &Stored,
        statistics: Option<&Statistics>,
        known: &Known,
        inside: Inside,
        itself: Option<Source<'_>>,
        text: Option<&str>,
    ) -> Result<ElementInputs, Error> {
        let rows = Rows(f64_as_count(self.table_rows * (1.0 - known.nulls)));
        let mut sampled = match itself {
            Some(source) => sample(self.client, source, inside).await?,
            None => None,
        };
        if let (None, Some(text)) = (&sampled, text) {
            sampled = self.computed(text, inside).await?.map(|(sample, _)| sample);
        }
        let letters = statistics.and_then(|statistics| statistics.element_width).unwrap_or(LETTERS);
        let values = element_values(stored, inside, letters, sampled.as_ref());
        let listed = statistics.and_then(|statistics| statistics.common_elements.clone());
        let counted = statistics.and_then(|statistics| statistics.elements);
        let seen = sampled.as_ref().map_or(&[][..], |sample| sample.seen.as_slice());
        if let (Some(_), None, None) = (&sampled, &listed, counted) {
            return Ok(ElementInputs::from_sample(values, seen, rows));
        }
        let guessed = || match inside {
            Inside::Lexemes => ((known.width - VECTOR) / (LEXEME + letters)).max(1.0),
            Inside::Trigrams => (known.width - LENGTH_WORD + 2.0).max(1.0),
            // Twenty bytes for a pair of key and value, as documents mostly are; the value is an element, and so is the key.
            Inside::KeysAndValues => (known.width / 10.0).max(1.0),
            Inside::Paths => (known.width / 20.0).max(1.0),
            Inside::Array | Inside::Itself => (known.width - 24.0).max(1.0) / 8.0,
        };
        let of_sample = sampled.as_ref().map(|sample| sample.seen.iter().map(|one| one.weight).sum());
        let per_row = counted.or(of_sample).unwrap_or_else(guessed);
        Ok(ElementInputs::from_list(values, per_row, listed.unwrap_or_default(), seen, rows))
    }

    /// The elements of what `text` gives for the values in the statistics of the one column that it is about, with the fraction of rows in
    /// which that column is null.
    async fn computed(&mut self, text: &str, inside: Inside) -> Result<Option<(Sample, f64)>, Error> {
        if self.expressions == Expressions::Plan {
            return Ok(None);
        }
        let mentioned: Vec<&Column> = self.columns.iter().filter(|column| mentions(text, &column.name)).collect();
        let [column] = mentioned[..] else { return Ok(None) };
        let Some(of_column) = self.class(column.kind, column.collation, None).await? else { return Ok(None) };
        let type_name = of_column.type_name.as_str();
        let source = Source { relation: self.table.0, column: &column.name, type_name, expression: Some(text) };
        let statistics = self.read.statistics_of(self.session, self.table.0, &column.name).await?;
        let nulls = statistics.map(|statistics| statistics.nulls).unwrap_or_default();
        Ok(sample(self.client, source, inside).await?.map(|sample| (sample, nulls)))
    }

    /// The type of an expression. It is analyzed, and no row is read.
    async fn type_of(&self, text: &str) -> Result<Result<u32, NotSized>, Error> {
        let sql = format!(
            "SELECT /* pgtailor */ pg_catalog.pg_typeof(x.v)::oid FROM (SELECT 1) d LEFT JOIN \
             (SELECT ({text}\n) AS v FROM ONLY {} WHERE false) x ON true",
            self.name.sql()
        );
        match self.client.query_typed_one(&sql, &[]).await {
            Ok(row) => Ok(Ok(row.get(0))),
            Err(error) => refused(Error::query("ask for the type of an expression", error)).map(Err),
        }
    }

    async fn shared_prefix(&self, source: Source<'_>) -> Result<f64, Error> {
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&source.relation, Type::OID), (&source.column, Type::TEXT)];
        let found = rows(self.client, include_str!("sql/prefix.sql"), &parameters).await?;
        Ok(found.first().and_then(|row| row.get("shared")).unwrap_or_default())
    }
}

/// What the planner said of an expression, set right by what was computed.
fn refined(planned: &Known, computed: &Sample, nulls_of_column: f64, rows: Rows) -> Known {
    let fixed = Values::fixed(1, 1);
    let values: &[Occurrence] = &computed.seen;
    let counted = ElementInputs::from_sample(fixed, values, rows);
    let (listed, present) = (length(&counted.common), 1.0 - nulls_of_column);
    Known {
        nulls: nulls_of_column + present * computed.nulls,
        width: computed.width,
        remainders: Some(computed.remainders),
        distinct: (listed + counted.others).min(planned.distinct),
        common: counted.common.iter().map(|share| share * present).collect(),
    }
}

/// How the index stores a value: as the type, or as what the operator class makes of it.
fn values_of(stored: &Stored, known: &Known) -> Values {
    match u32::try_from(stored.length) {
        Ok(length) => Values::fixed(length, stored.alignment),
        // `cstring`: a name without its padding.
        Err(_) if stored.length != VARIABLE => Values::variable(known.width.min(NAME), 1),
        Err(_) => match known.remainders {
            Some(remainders) => Values::distributed(known.width, remainders, stored.alignment),
            None => Values::variable(known.width, stored.alignment),
        },
    }
}

/// Whether the widths of the values in the statistics are looked at: those of wide ones are not there.
pub(super) fn is_measured(stored: &Stored, width: f64) -> bool {
    const WIDE: f64 = 256.0;
    stored.length == VARIABLE && stored.as_is && width <= WIDE
}

/// How GIN stores an element: `letters` is its length where no sample says more.
fn element_values(stored: &Stored, inside: Inside, letters: f64, sampled: Option<&Sample>) -> Values {
    let alignment = stored.alignment;
    match (inside, u32::try_from(stored.length), sampled) {
        (Inside::Array | Inside::Paths | Inside::Trigrams, Ok(length), _) => Values::fixed(length, alignment),
        (_, _, Some(sample)) => Values::distributed(sample.width.min(LONGEST_IN_DOCUMENT), sample.remainders, alignment),
        _ => Values::variable(letters + LENGTH_WORD, alignment),
    }
}

fn length(list: &[f64]) -> f64 {
    count_as_f64(u64::try_from(list.len()).unwrap_or(u64::MAX))
}
