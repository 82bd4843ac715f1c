//! Computes values: any cell of any row, without the others, from the seed alone.

use pgtailor_model::unit::{count_as_f64, f64_as_count};

use crate::generate::Generator;
use crate::generate::compile::{Node, Path};
use crate::language::{IntSpread, Pick};
use crate::random::{Permutation, Random};
use crate::template::Piece;
use crate::time::{self, Micros};
use crate::value::{HEX, Parameter, write_int, write_uuid};

/// A row, as the positions of its table and of itself, both from 0.
pub(crate) type RowId = (usize, u64);

/// What names in a description refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    /// This row.
    Row(RowId),
    /// The drawn rows of a statement; none where there was no row to draw.
    Bound(&'a [Option<RowId>]),
}

/// A value that is not written yet. Small and copied: texts stay where they are, templates are filled when written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Instant(Micros),
    Uuid(u128),
    Text(&'a str),
    Template(&'a [Piece<Path>], Random, Scope<'a>),
    Array(&'a Node, u32, Random, Scope<'a>),
    /// The key of a row: the value of this column of it.
    Key(RowId, usize),
}

impl Generator {
    /// The value of a cell.
    pub(crate) fn cell(&self, (table, row): RowId, column: usize) -> Value<'_> {
        let column = &self.tables[table].columns[column];
        self.value(&column.node, Scope::Row((table, row)), Random::of_cell(column.seed, row))
    }

    pub(crate) fn value<'a>(&'a self, node: &'a Node, scope: Scope<'a>, mut random: Random) -> Value<'a> {
        match node {
            Node::Null => Value::Null,
            Node::Uuid => Value::Uuid(random.uuid()),
            Node::Row => Value::Int(number_of(scope)),
            Node::Position => self.owner(scope).map_or(Value::Null, |(_, _, position)| Value::Int(signed(position + 1))),
            Node::Owner => self.owner(scope).map_or(Value::Null, |(owner, column, _)| Value::Key(owner, column)),
            Node::Bool(value) => Value::Bool(*value),
            Node::Int(value) => Value::Int(*value),
            Node::Text(text) => Value::Text(text),
            Node::Template(pieces) => Value::Template(pieces, random, scope),
            Node::Choice(choices) => Value::Text(chosen(choices, random.fraction()).as_str()),
            Node::Chance(chance) => Value::Bool(random.fraction() < *chance),
            Node::Between { from, span, spread } => {
                let above = match spread {
                    IntSpread::Uniform => random.below(*span),
                    IntSpread::Zipf(exponent) => random.zipf(*span, *exponent),
                    IntSpread::Exponential(mean) => f64_as_count(random.exponential() * mean).min(span - 1),
                };
                Value::Int(from.saturating_add_unsigned(above))
            }
            Node::Instant { from, span, power, ordered } => {
                let fraction = match (ordered, scope) {
                    (true, Scope::Row((table, row))) => {
                        (count_as_f64(row) + random.fraction()) / count_as_f64(self.tables[table].rows)
                    }
                    _ => random.fraction(),
                };
                Value::Instant(from.saturating_add_unsigned(part(*span, raised(fraction, *power))))
            }
            Node::After { path, mean, most, until } => match self.at(path, scope) {
                Value::Instant(start) => {
                    let length = part(mean.unsigned_abs(), random.exponential()).min(most.unsigned_abs());
                    Value::Instant(start.saturating_add_unsigned(length).min(*until).max(start))
                }
                _ => Value::Null,
            },
            Node::Reference { table, column, within, pick } => {
                let row = match within {
                    Some(path) => self.row_at(path, scope).and_then(|owner| self.member(*table, owner, *pick, &mut random)),
                    None => self.any_row(*table, *pick, &mut random),
                };
                row.map_or(Value::Null, |row| Value::Key(row, *column))
            }
            Node::Path(path) => self.at(path, scope),
            Node::Sometimes(chance, node) => {
                if random.fraction() < *chance {
                    self.value(node, scope, random)
                } else {
                    Value::Null
                }
            }
            Node::Mix(ways) => self.value(chosen(ways, random.fraction()), scope, random),
            Node::Case { path, cases, otherwise } => {
                let subject = self.at(path, scope);
                let case = cases.iter().find(|(text, _)| self.reads(subject, text));
                self.value(case.map_or(otherwise, |(_, node)| node), scope, random)
            }
            Node::Recent { path, since, then, otherwise } => match self.at(path, scope) {
                Value::Instant(instant) if instant >= *since => self.value(then, scope, random),
                _ => self.value(otherwise, scope, random),
            },
            Node::Array { of, from, to } => {
                let count = from + u32::try_from(random.below(u64::from(to - from) + 1)).unwrap_or_default();
                Value::Array(of, count, random, scope)
            }
        }
    }

    /// A row of `table`, `None` when it has none.
    pub(crate) fn any_row(&self, table: usize, pick: Pick, random: &mut Random) -> Option<RowId> {
        let of = &self.tables[table];
        let place = picked(of.rows, pick, random)?;
        let row = match pick {
            // The popular rows are anywhere in the table, the same ones for all columns and statements.
            Pick::Zipf(_) => Permutation::new(of.rows, of.seed).forward(place),
            Pick::Uniform | Pick::Recent(_) => place,
        };
        Some((table, row))
    }

    /// A row of `table` among those of `owner`, `None` when it has none.
    pub(crate) fn member(&self, table: usize, (_, owner): RowId, pick: Pick, random: &mut Random) -> Option<RowId> {
        let ownership = self.tables[table].ownership.as_ref()?;
        let position = picked(ownership.count(owner), pick, random)?;
        Some((table, ownership.member(owner, position)))
    }

    /// The value at the end of `path`.
    pub(crate) fn at<'a>(&'a self, path: &'a Path, scope: Scope<'a>) -> Value<'a> {
        let Some(mut row) = start(path, scope) else { return Value::Null };
        let Some((last, through)) = path.columns.split_last() else { return Value::Null };
        for &column in through {
            match self.cell(row, column) {
                Value::Key(next, _) => row = next,
                _ => return Value::Null,
            }
        }
        self.cell(row, *last)
    }

    /// The row that the column at the end of `path` refers to.
    pub(crate) fn row_at(&self, path: &Path, scope: Scope<'_>) -> Option<RowId> {
        match self.at_row(path, scope) {
            Some(Value::Key(row, _)) => Some(row),
            _ => None,
        }
    }

    /// Appends the value's text, and says whether there was one: nothing is appended for null.
    pub(crate) fn write(&self, value: Value<'_>, out: &mut Vec<u8>) -> bool {
        match value {
            Value::Null => return false,
            Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Value::Int(value) => write_int(value, out),
            Value::Instant(micros) => time::write_instant(micros, out),
            Value::Uuid(bits) => write_uuid(bits, out),
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
            Value::Template(pieces, random, scope) => self.write_template(pieces, random, scope, out),
            Value::Array(..) => out.extend_from_slice(self.parameter(value).to_string().as_bytes()),
            Value::Key(row, column) => return self.write(self.cell(row, column), out),
        }
        true
    }

    /// The value as a parameter.
    pub(crate) fn parameter(&self, value: Value<'_>) -> Parameter {
        match value {
            Value::Null => Parameter::Null,
            Value::Bool(value) => Parameter::Bool(value),
            Value::Int(value) => Parameter::Int(value),
            Value::Instant(micros) => Parameter::Timestamp(micros),
            Value::Uuid(bits) => Parameter::Uuid(bits),
            Value::Text(text) => Parameter::Text(text.to_owned()),
            Value::Template(..) => {
                let mut out = Vec::new();
                self.write(value, &mut out);
                Parameter::Text(String::from_utf8_lossy(&out).into_owned())
            }
            Value::Array(of, count, mut random, scope) => {
                let elements = (0..count).map(|_| self.parameter(self.value(of, scope, Random::new(random.bits()))));
                Parameter::Array(elements.collect())
            }
            Value::Key(row, column) => self.parameter(self.cell(row, column)),
        }
    }

    fn at_row<'a>(&'a self, path: &Path, scope: Scope<'_>) -> Option<Value<'a>> {
        let mut row = start(path, scope)?;
        let (last, through) = path.columns.split_last()?;
        for &column in through {
            match self.cell(row, column) {
                Value::Key(next, _) => row = next,
                _ => return None,
            }
        }
        Some(self.cell(row, *last))
    }

    fn write_template(&self, pieces: &[Piece<Path>], mut random: Random, scope: Scope<'_>, out: &mut Vec<u8>) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Row => write_int(number_of(scope), out),
                Piece::Position => {
                    if let Some((_, _, position)) = self.owner(scope) {
                        write_int(signed(position + 1), out);
                    }
                }
                Piece::Column(path) => {
                    if let Some(value) = self.at_row(path, scope) {
                        self.write(value, out);
                    }
                }
                Piece::Int(from, to) => {
                    write_int(from.saturating_add_unsigned(random.below(to.abs_diff(*from).saturating_add(1))), out);
                }
                Piece::Hex(digits) => {
                    let mut bits = 0;
                    for digit in 0..*digits {
                        if digit % 16 == 0 {
                            bits = random.bits();
                        }
                        out.push(HEX[usize::try_from(bits & 15).unwrap_or_default()]);
                        bits >>= 4;
                    }
                }
                Piece::Pick(texts) => {
                    let place = random.below(u64::try_from(texts.len()).unwrap_or_default());
                    out.extend_from_slice(texts[usize::try_from(place).unwrap_or_default()].as_bytes());
                }
            }
        }
    }

    /// The owner of the row in scope, the column of it that is referenced, and the row's position among the owner's.
    fn owner(&self, scope: Scope<'_>) -> Option<(RowId, usize, u64)> {
        let Scope::Row((table, row)) = scope else { return None };
        let ownership = self.tables[table].ownership.as_ref()?;
        let (owner, position) = ownership.owner_of(row);
        Some(((ownership.table, owner), ownership.column, position))
    }

    /// Whether the value's text is `text`.
    fn reads(&self, value: Value<'_>, text: &str) -> bool {
        match value {
            Value::Null => false,
            Value::Text(own) => own == text,
            Value::Bool(own) => text == if own { "true" } else { "false" },
            other => self.parameter(other).to_string() == text,
        }
    }
}

fn start(path: &Path, scope: Scope<'_>) -> Option<RowId> {
    match (scope, path.bound) {
        (Scope::Row(row), None) => Some(row),
        (Scope::Bound(rows), Some(bound)) => rows[bound],
        _ => None,
    }
}

fn picked(rows: u64, pick: Pick, random: &mut Random) -> Option<u64> {
    let last = rows.checked_sub(1)?;
    Some(match pick {
        Pick::Uniform => random.below(rows),
        Pick::Zipf(exponent) => random.zipf(rows, exponent),
        Pick::Recent(fraction) => last - f64_as_count((random.exponential() * fraction * count_as_f64(rows)).floor()).min(last),
    })
}

/// The entry whose share holds `fraction`.
fn chosen<T>(running: &[(f64, T)], fraction: f64) -> &T {
    let found = running.iter().find(|(end, _)| fraction < *end).or(running.last());
    &found.expect("compiling refuses choices without entries").1
}

/// `fraction` to the power of `power`; the common ones without the general function, which costs as much as the rest of a cell.
fn raised(fraction: f64, power: f64) -> f64 {
    let is = |other: f64| (power - other).abs() < f64::EPSILON;
    match power {
        _ if is(1.0) => fraction,
        _ if is(0.5) => fraction.sqrt(),
        _ if is(1.0 / 3.0) => fraction.cbrt(),
        _ => fraction.powf(power),
    }
}

fn part(whole: u64, fraction: f64) -> u64 {
    f64_as_count(count_as_f64(whole) * fraction)
}

fn number_of(scope: Scope<'_>) -> i64 {
    match scope {
        Scope::Row((_, row)) => signed(row + 1),
        Scope::Bound(_) => 0,
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
