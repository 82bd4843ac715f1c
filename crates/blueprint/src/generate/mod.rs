//! Rows of a blueprint, as bytes for `COPY`: the same for the same data, scale, seed and instant, on every machine.
//!
//! Any cell can be computed without the others, so tables can be written in parallel and in pieces, and a statement's parameters
//! can be drawn from rows that nobody asks the database for. It knows nothing of any table: what rows look like is the text of
//! `data.toml`. Start with [`Generator::new`] and [`Generator::write_copy`]; the arithmetic is in `compute`, the meaning of
//! names in `compile`.

pub(crate) mod compile;
pub(crate) mod compute;
pub(crate) mod names;
mod owner;

use std::ops::Range;

use jiff::Timestamp;
use pgtailor_model::name::{QualifiedName, quote_identifier};
use pgtailor_model::unit::{Rows, count_as_f64, f64_as_count};

use crate::error::{Error, from_toml};
use crate::generate::compile::{Compiler, Node, Place, positive};
use crate::generate::compute::Value;
use crate::generate::names::Names;
use crate::generate::owner::Ownership;
use crate::language::{DataSpec, TableSpec};
use crate::random::derive;
use crate::time::Micros;

/// The description of the rows: the text of `data.toml`, read and not yet scaled.
#[derive(Clone, Debug)]
pub struct Data {
    file: String,
    spec: DataSpec,
}

/// Makes the rows of every table.
#[derive(Debug)]
pub struct Generator {
    pub(crate) tables: Vec<Table>,
    pub(crate) names: Names,
    pub(crate) now: Micros,
}

/// One table of a [`Generator`].
#[derive(Debug)]
pub struct Table {
    name: QualifiedName,
    pub(crate) rows: u64,
    pub(crate) seed: u64,
    pub(crate) ownership: Option<Ownership>,
    pub(crate) columns: Vec<Column>,
}

#[derive(Debug)]
pub(crate) struct Column {
    name: String,
    pub(crate) seed: u64,
    pub(crate) node: Node,
}

impl Data {
    /// The description in `text`; `file` names it in errors.
    ///
    /// # Errors
    /// [`Error::Line`] for bad TOML and unknown keys. Names are looked up by [`Generator::new`].
    pub fn parse(text: &str, file: &str) -> Result<Self, Error> {
        Ok(Self { file: file.to_owned(), spec: from_toml(file, text)? })
    }
}

impl Generator {
    /// A generator of `scale` times the rows that `data` states, with times relative to `now`.
    ///
    /// # Errors
    /// [`Error::File`] with the table and column that is wrong: an unknown name, a number out of its range, columns that depend on
    /// one another in a circle; or a scale that is not a number above 0.
    pub fn new(data: &Data, scale: f64, seed: u64, now: Timestamp) -> Result<Self, Error> {
        let wrong = |message: String| Error::of(&data.file, message);
        positive(scale).map_err(|message| wrong(format!("the scale {message}")))?;
        let names = Names::new(&data.spec.table).map_err(wrong)?;
        let mut generator = Self { tables: Vec::new(), names, now: now.as_microsecond() };
        let mut needs = Vec::new();
        for (position, spec) in data.spec.table.iter().enumerate() {
            let (table, of) = generator.table(position, spec, scale, seed).map_err(wrong)?;
            generator.tables.push(table);
            needs.push(of);
        }
        generator.refuse_circles(&needs).map_err(wrong)?;
        Ok(generator)
    }

    /// The tables, in an order in which every owner comes before what it owns.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The statement that reads what [`Self::write_copy`] writes for the table at this position.
    pub fn copy_sql(&self, table: usize) -> String {
        let table = &self.tables[table];
        let columns: Vec<String> = table.columns.iter().map(|column| quote_identifier(&column.name)).collect();
        format!("COPY {} ({}) FROM STDIN", table.name.sql(), columns.join(", "))
    }

    /// Appends these rows of the table at this position, numbered from 0, in the text format of `COPY`; rows past the end are left
    /// out.
    pub fn write_copy(&self, table: usize, rows: Range<u64>, out: &mut Vec<u8>) {
        let n_columns = self.tables[table].columns.len();
        for row in rows.start..rows.end.min(self.tables[table].rows) {
            for column in 0..n_columns {
                if column > 0 {
                    out.push(b'\t');
                }
                let value = self.cell((table, row), column);
                let start = out.len();
                if !self.write(value, out) {
                    out.extend_from_slice(b"\\N");
                } else if matches!(value, Value::Text(_) | Value::Template(..) | Value::Array(..) | Value::Key(..)) {
                    escape(start, out);
                }
            }
            out.push(b'\n');
        }
    }

    fn table(&self, position: usize, spec: &TableSpec, scale: f64, seed: u64) -> Result<(Table, Vec<Needs>), String> {
        let in_table = |message: String| format!("table `{}`: {message}", spec.name);
        let seed = derive(derive(seed, &spec.schema), &spec.name);
        let ownership = self.ownership(position, spec, scale, seed).map_err(in_table)?;
        let rows = match (&ownership, spec.rows) {
            (Some(ownership), _) => ownership.rows(),
            (None, Some(rows)) => scaled(rows, spec.fixed, scale),
            (None, None) => return Err(in_table("write rows = N, or an owner with each = { from = …, to = … }".to_owned())),
        };
        let mut columns = Vec::new();
        let mut needs = Vec::new();
        for (name, column) in &spec.columns {
            let mut compiler = Compiler { names: &self.names, now: self.now, place: Place::Column(position), needs: Vec::new() };
            let node = compiler.node(column).map_err(|message| in_table(format!("column `{name}`: {message}")))?;
            columns.push(Column { name: name.clone(), seed: derive(seed, name), node });
            needs.push(compiler.needs);
        }
        Ok((Table { name: QualifiedName::new(&spec.schema, &spec.name), rows, seed, ownership, columns }, needs))
    }

    fn ownership(&self, position: usize, spec: &TableSpec, scale: f64, seed: u64) -> Result<Option<Ownership>, String> {
        let (Some(owner), Some((table, column))) = (&spec.owner, self.names.owner(position)) else { return Ok(None) };
        let owners = self.tables[table].rows;
        if let crate::language::Spread::Zipf(exponent) = owner.spread {
            positive(exponent)?;
        }
        let starts = match (owner.each, spec.rows) {
            (Some(_), Some(_)) => return Err("`rows` and `each` say the same thing twice; keep one".to_owned()),
            (None, None) => return Err("write rows = N, or each = { from = …, to = … } for the owner".to_owned()),
            (Some(each), None) if each.from > each.to => return Err("`each` ends before it begins".to_owned()),
            (Some(each), None) => owner::each(owners, each.from, each.to, derive(seed, "each")),
            (None, Some(rows)) => owner::spread(scaled(rows, spec.fixed, scale), owners, owner.spread, derive(seed, "spread")),
        };
        Ok(Some(Ownership::new(table, column, starts, owner.order, derive(seed, "order"))))
    }

    /// Refuses columns that need themselves: computing one would never end.
    fn refuse_circles(&self, needs: &[Vec<Needs>]) -> Result<(), String> {
        let mut done: Vec<Vec<bool>> = needs.iter().map(|columns| vec![false; columns.len()]).collect();
        for table in 0..needs.len() {
            for column in 0..needs[table].len() {
                self.walk((table, column), needs, &mut done, &mut Vec::new())?;
            }
        }
        Ok(())
    }

    fn walk(
        &self,
        at: (usize, usize),
        needs: &[Vec<Needs>],
        done: &mut [Vec<bool>],
        way: &mut Vec<(usize, usize)>,
    ) -> Result<(), String> {
        if done[at.0][at.1] {
            return Ok(());
        }
        if way.contains(&at) {
            let (table, column) = (self.names.table_name(at.0), self.names.column_name(at.0, at.1));
            return Err(format!("table `{table}`: column `{column}` depends on itself"));
        }
        way.push(at);
        for &next in &needs[at.0][at.1] {
            self.walk(next, needs, done, way)?;
        }
        way.pop();
        done[at.0][at.1] = true;
        Ok(())
    }
}

impl Table {
    /// The table's schema and name.
    pub fn name(&self) -> &QualifiedName {
        &self.name
    }

    /// How many rows it has.
    pub fn rows(&self) -> Rows {
        Rows(self.rows)
    }
}

/// The columns that one column needs, as (table, column).
type Needs = Vec<(usize, usize)>;

fn scaled(rows: u64, fixed: bool, scale: f64) -> u64 {
    if fixed || rows == 0 { rows } else { f64_as_count(count_as_f64(rows) * scale).max(1) }
}

/// Escapes what `COPY` would misread in the bytes from `start` on.
fn escape(start: usize, out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r');
    // Looking at every byte is faster than stopping at the first: nearly no text has any, and this way many are compared at once.
    if !out[start..].iter().fold(false, |found, byte| found | special(byte)) {
        return;
    }
    let plain = out.split_off(start);
    for byte in plain {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(other),
        }
    }
}
