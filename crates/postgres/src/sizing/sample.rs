//! What is inside values, counted on the values that statistics hold.
//!
//! Most common values and histogram bounds are a sample of the column, already on the server. It is asked how many different elements
//! they have and how often each; no value leaves it. An expression is computed for these values, too, if the caller lets it.

use pgtailor_advisor::size::{FREQUENT, Occurrence};
use pgtailor_model::name::{quote_identifier, quote_literal};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

use crate::error::Error;

/// Where the values come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    /// The relation with the statistics.
    pub relation: u32,
    /// Its column.
    pub column: &'a str,
    /// The column's type, as a cast writes it.
    pub type_name: &'a str,
    /// What to compute of each value; `None` for the value itself.
    pub expression: Option<&'a str>,
}

/// What to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// The value itself.
    Itself,
    /// `array_ops` of GIN.
    Array,
    /// `tsvector_ops`.
    Lexemes,
    /// `jsonb_ops`.
    KeysAndValues,
    /// `jsonb_path_ops`.
    Paths,
    /// `gin_trgm_ops`, `gist_trgm_ops`.
    Trigrams,
}

impl Inside {
    /// What an operator class takes out of a value.
    pub(super) fn of_class(class: &str) -> Option<Self> {
        Some(match class {
            "array_ops" => Self::Array,
            "tsvector_ops" => Self::Lexemes,
            "jsonb_ops" => Self::KeysAndValues,
            "jsonb_path_ops" => Self::Paths,
            "gin_trgm_ops" | "gist_trgm_ops" => Self::Trigrams,
            _ => return None,
        })
    }

    /// SQL for the elements of `v.v` as rows of one text each, as they differ in the index; `trigrams` is the function that finds those.
    fn elements(self, trigrams: &str) -> String {
        // The parts of a document with the path to each.
        const PARTS: &str = "WITH RECURSIVE part (path, key, node) AS (SELECT ''::text, NULL::text, v.v UNION ALL \
             SELECT p.path || '/' || coalesce(c.key, ''), c.key, c.node FROM part p CROSS JOIN LATERAL (\
             SELECT o.key, o.value FROM jsonb_each(CASE jsonb_typeof(p.node) WHEN 'object' THEN p.node ELSE '{}' END) o UNION ALL \
             SELECT NULL, a.value FROM jsonb_array_elements(CASE jsonb_typeof(p.node) WHEN 'array' THEN p.node ELSE '[]' END) a\
             ) AS c (key, node))";
        const SCALARS: &str = "jsonb_typeof(p.node) NOT IN ('object', 'array')";
        match self {
            Self::Itself => "SELECT v.v::text".to_owned(),
            Self::Array => "SELECT e::text FROM unnest(v.v) e WHERE e IS NOT NULL".to_owned(),
            Self::Lexemes => "SELECT e FROM unnest(tsvector_to_array(v.v)) e".to_owned(),
            // A flag before each (`gin_extract_jsonb` in `jsonb_gin.c`); strings in arrays count as keys.
            Self::KeysAndValues => format!(
                "{PARTS} SELECT 'k' || p.key FROM part p WHERE p.key IS NOT NULL UNION ALL SELECT \
                 CASE WHEN jsonb_typeof(p.node) = 'string' AND p.key IS NULL THEN 'k' ELSE left(jsonb_typeof(p.node), 1) END \
                 || coalesce(p.node #>> '{{}}', '') FROM part p WHERE {SCALARS}"
            ),
            Self::Paths => format!("{PARTS} SELECT p.path || ':' || p.node::text FROM part p WHERE {SCALARS}"),
            Self::Trigrams => format!("SELECT e FROM unnest({trigrams}(v.v::text)) e"),
        }
    }
}

/// What was counted.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// The elements, each with the weight of the values that hold it among all that are not null.
    pub seen: Vec<Occurrence>,
    /// The weight of values for which the expression is null.
    pub nulls: f64,
    /// Mean width of a different element (of a value, for [`Inside::Itself`]) as an index stores it, length word included, in bytes.
    pub width: f64,
    /// The shares of these widths by their remainder by eight.
    pub remainders: [f64; 8],
}

/// How wide the values in a column's statistics are as an index stores them.
#[derive(Clone, Debug)]
pub(super) struct Widths {
    /// On average, with length word, in bytes.
    pub mean: f64,
    /// Shares of the widths by their remainder by eight.
    pub remainders: [f64; 8],
}

impl Widths {
    /// By [`width_question`]; `None` when there are no values, or they could not be read back.
    pub(super) async fn read(client: &Client, question: &Statement, relation: u32, column: &str) -> Result<Option<Self>, Error> {
        let rows = client.query(question, &[&relation, &column]).await;
        let rows = match rows.map_err(|error| Error::query("measure the values of a column's statistics", error)) {
            Err(error) if error.sqlstate().is_some_and(is_about_the_values) => return Ok(None),
            rows => rows?,
        };
        let Some(row) = rows.first() else { return Ok(None) };
        let Ok(remainders) = <[f64; 8]>::try_from(row.get::<_, Vec<f64>>("remainders")) else { return Ok(None) };
        Ok(row.get::<_, Option<f64>>("mean").map(|mean| Self { mean, remainders }))
    }
}

/// Asks for the widths of the values of a column of type `type_name`: `$1` is the relation, `$2` the column.
pub(super) fn width_question(type_name: &str) -> String {
    let remainders: Vec<String> =
        (0..8).map(|remainder| format!("coalesce(sum(z.weight) FILTER (WHERE z.size % 8 = {remainder}), 0)::float8")).collect();
    // What comes out of a materialized query has short length words already (`heap_fill_tuple` in `heaptuple.c`), as in an index.
    format!(
        "WITH /* pgtailor */ {}, value AS MATERIALIZED ({}) SELECT (sum(z.weight * z.size) / sum(z.weight))::float8 AS mean, \
         ARRAY[{}] AS remainders FROM (SELECT v.weight, pg_column_size(v.v) AS size FROM value v WHERE v.v IS NOT NULL) z",
        statistics("$1", "$2"),
        given(type_name),
        remainders.join(", ")
    )
}

/// Parts of a query with the most common values (`listed`) and the bounds of the histogram (`bound`) of a column, as text.
fn statistics(relation: &str, column: &str) -> String {
    format!(
        "s AS (SELECT s.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname \
         WHERE c.oid = {relation} AND s.attname = {column} AND NOT s.inherited), \
         listed AS (SELECT m.v, m.share::float8 AS weight FROM s, \
         unnest(s.most_common_vals::text::text[], s.most_common_freqs) AS m (v, share)), \
         bound AS (SELECT b.v FROM s, unnest(s.histogram_bounds::text::text[]) AS b (v))"
    )
}

/// All of these values with the weight that each has among all that are not null.
fn given(type_name: &str) -> String {
    format!(
        "SELECT l.v::{type_name} AS v, l.weight / (1 - s.null_frac) AS weight, {FREQUENT} AS times FROM s, listed l \
         WHERE s.null_frac < 1 UNION ALL SELECT b.v::{type_name}, \
         greatest(1 - s.null_frac - coalesce((SELECT sum(l.weight) FROM listed l), 0), 0) / (1 - s.null_frac) \
         / (SELECT count(*) FROM bound), 1 FROM s, bound b WHERE s.null_frac < 1"
    )
}

/// Counts what is inside the values of `source`; `None` when there are none, or the server could not compute it.
pub(super) async fn sample(client: &Client, source: Source<'_>, inside: Inside) -> Result<Option<Sample>, Error> {
    let trigrams = match inside {
        Inside::Trigrams => match trigram_function(client).await? {
            Some(function) => function,
            None => return Ok(None),
        },
        _ => String::new(),
    };
    let rows = client.query_typed(&statement(source, inside, &trigrams), &[]).await;
    let rows = match rows.map_err(|error| Error::query("count what is inside the values of a column's statistics", error)) {
        Err(error) if error.sqlstate().is_some_and(is_about_the_values) => return Ok(None),
        rows => rows?,
    };
    let Some(row) = rows.first() else { return Ok(None) };
    let (weights, counts): (Vec<f64>, Vec<i32>) = (row.get("weights"), row.get("counts"));
    let occurrence = |(weight, count): (f64, i32)| Occurrence { weight, values: u32::try_from(count).unwrap_or(1) };
    let seen: Vec<Occurrence> = weights.into_iter().zip(counts).map(occurrence).collect();
    let Ok(remainders) = <[f64; 8]>::try_from(row.get::<_, Vec<f64>>("remainders")) else { return Ok(None) };
    let sample = Sample { seen, nulls: row.get("nulls"), width: row.get("width"), remainders };
    Ok(Some(sample).filter(|_| row.get("any")))
}

/// A value that cannot be computed or read back, a missing right, a limit: then it is not known. All else is our own mistake.
fn is_about_the_values(sqlstate: &str) -> bool {
    ["22", "23", "38", "39", "53", "54", "P0"].iter().any(|class| sqlstate.starts_with(class))
        || matches!(sqlstate, "42501" | "57014")
}

fn statement(source: Source<'_>, inside: Inside, trigrams: &str) -> String {
    let Source { relation, column, type_name, expression } = source;
    let (literal, quoted) = (quote_literal(column), quote_identifier(column));
    let computed = match expression {
        // The line break ends what could be a comment.
        Some(expression) => {
            format!(
                "SELECT g.pgtailor_weight AS weight, g.pgtailor_times AS times, ({expression}\n) AS v FROM \
             (SELECT d.weight AS pgtailor_weight, d.times AS pgtailor_times, d.v AS {quoted} FROM given d) g"
            )
        }
        None => "SELECT d.weight, d.times, d.v FROM given d".to_owned(),
    };
    let sizes = match inside {
        // What comes out of a materialized query has short length words already (`heap_fill_tuple` in `heaptuple.c`), as in an index.
        Inside::Itself => "SELECT v.weight, pg_column_size(v.v) AS size FROM value v",
        _ => "SELECT 1.0::float8 AS weight, octet_length(k.key) + 1 AS size FROM counted k",
    };
    format!(
        "WITH /* pgtailor */ {}, given AS MATERIALIZED ({}), \
         computed AS MATERIALIZED ({computed}), \
         value AS MATERIALIZED (SELECT row_number() OVER () AS place, c.* FROM computed c WHERE c.v IS NOT NULL), \
         inside AS MATERIALIZED (SELECT DISTINCT v.place, v.weight, v.times, e.key FROM value v CROSS JOIN LATERAL ({}) AS e (key)), \
         counted AS MATERIALIZED (SELECT i.key, sum(i.weight) AS weight, sum(i.times) AS times FROM inside i GROUP BY i.key), \
         size AS MATERIALIZED ({sizes}) \
         SELECT coalesce(array_agg(k.weight::float8), '{{}}') AS weights, coalesce(array_agg(k.times::int4), '{{}}') AS counts, \
         EXISTS (SELECT FROM value) AS any, \
         coalesce((SELECT sum(z.weight * z.size) / sum(z.weight) FROM size z), 0)::float8 AS width, \
         ARRAY(SELECT coalesce((SELECT sum(z.weight) FROM size z WHERE z.size % 8 = r), 0)::float8 FROM generate_series(0, 7) r) \
         AS remainders, coalesce((SELECT sum(c.weight) FROM computed c WHERE c.v IS NULL), 0)::float8 AS nulls FROM counted k",
        statistics(&relation.to_string(), &literal),
        given(type_name),
        inside.elements(trigrams)
    )
}

/// The function of the extension `pg_trgm` that lists a text's trigrams, with its schema.
async fn trigram_function(client: &Client) -> Result<Option<String>, Error> {
    const QUESTION: &str = "SELECT /* pgtailor */ quote_ident(n.nspname) || '.show_trgm' FROM pg_catalog.pg_extension e \
         JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1";
    let row = client.query_typed_opt(QUESTION, &[(&"pg_trgm", Type::TEXT)]).await;
    let row = row.map_err(|error| Error::query("find the extension pg_trgm", error))?;
    Ok(row.map(|row| row.get(0)))
}
