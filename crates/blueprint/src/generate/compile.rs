//! From the language of values to nodes in which every name is a position, so that computing a value looks nothing up.
//!
//! Everything that can be wrong with a description is found here, once, and said with the table and column; computing cannot fail.

use crate::generate::names::Names;
use crate::language::{IntSpread, Order, Pick, Scalar, Spec};
use crate::template::{self, Piece};
use crate::time::{self, Micros};

/// How a value is made, ready to compute.
#[derive(Debug)]
pub(crate) enum Node {
    Null,
    Uuid,
    Row,
    Position,
    Owner,
    Bool(bool),
    Int(i64),
    Text(String),
    Template(Vec<Piece<Path>>),
    /// Texts with the running sum of their weights, scaled to end at 1.
    Choice(Vec<(f64, String)>),
    Chance(f64),
    Between {
        from: i64,
        span: u64,
        spread: IntSpread,
    },
    Instant {
        from: Micros,
        span: u64,
        /// The reciprocal of the skew.
        power: f64,
        ordered: bool,
    },
    After {
        path: Path,
        mean: Micros,
        most: Micros,
        until: Micros,
    },
    Reference {
        table: usize,
        column: usize,
        within: Option<Path>,
        pick: Pick,
    },
    Path(Path),
    Sometimes(f64, Box<Self>),
    /// Nodes with the running sum of their weights, scaled to end at 1.
    Mix(Vec<(f64, Self)>),
    Case {
        path: Path,
        cases: Vec<(String, Self)>,
        otherwise: Box<Self>,
    },
    Recent {
        path: Path,
        since: Micros,
        then: Box<Self>,
        otherwise: Box<Self>,
    },
    Array {
        of: Box<Self>,
        from: u32,
        to: u32,
    },
}

/// The way to a column: from the current row, or from a drawn row of a statement, through references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// The drawn row to start from; the current row when there is none.
    pub(crate) bound: Option<usize>,
    /// Columns by position; each but the last leads to a row of another table. Empty only for a drawn row by itself.
    pub(crate) columns: Vec<usize>,
}

/// Where a description stands.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// A column of this table.
    Column(usize),
    /// A parameter of a statement with these drawn rows: name and table.
    Statement(&'a [(String, usize)]),
}

pub(crate) struct Compiler<'a> {
    pub(crate) names: &'a Names,
    pub(crate) now: Micros,
    pub(crate) place: Place<'a>,
    /// The columns that the value depends on, as (table, column), gathered on the way.
    pub(crate) needs: Vec<(usize, usize)>,
}

impl Compiler<'_> {
    pub(crate) fn node(&mut self, spec: &Spec) -> Result<Node, String> {
        Ok(match spec {
            Spec::Null => Node::Null,
            Spec::Uuid => Node::Uuid,
            Spec::Row => self.in_row("row", Node::Row)?,
            Spec::Position => {
                self.owner("position")?;
                Node::Position
            }
            Spec::Owner => {
                let key = self.owner("owner")?;
                self.needs.push(key);
                Node::Owner
            }
            Spec::Value(Scalar::Bool(value)) => Node::Bool(*value),
            Spec::Value(Scalar::Int(value)) => Node::Int(*value),
            Spec::Value(Scalar::Text(value)) => Node::Text(value.clone()),
            Spec::Template(text) => Node::Template(self.template(text)?),
            Spec::Choice(weights) => Node::Choice(running(weights.iter().map(|(text, weight)| Ok((*weight, text.clone()))))?),
            Spec::OneOf(texts) => Node::Choice(running(texts.iter().map(|text| Ok((1.0, text.clone()))))?),
            Spec::Bool(chance) => Node::Chance(fraction(*chance)?),
            Spec::Int(int) => {
                let span =
                    int.to.checked_sub(int.from).and_then(|span| u64::try_from(span).ok()).and_then(|span| span.checked_add(1));
                let span =
                    span.ok_or_else(|| format!("the whole numbers from {} to {} are none, or too many", int.from, int.to))?;
                match int.spread {
                    IntSpread::Zipf(number) | IntSpread::Exponential(number) => positive(number)?,
                    IntSpread::Uniform => {}
                }
                Node::Between { from: int.from, span, spread: int.spread }
            }
            Spec::Timestamp(at) => {
                let (from, to) = (time::parse_offset(&at.from)?, time::parse_offset(&at.to)?);
                let span = u64::try_from(to - from)
                    .map_err(|_| format!("the time from {} to {} ends before it begins", at.from, at.to))?;
                positive(at.skew)?;
                let ordered = at.order == Order::Rows;
                let node = Node::Instant { from: self.now + from, span, power: 1.0 / at.skew, ordered };
                if ordered { self.in_row("order = \"rows\"", node)? } else { node }
            }
            Spec::After(after) => Node::After {
                path: self.path(&after.column)?,
                mean: time::parse_offset(&after.mean)?,
                most: after.most.as_deref().map_or(Ok(Micros::MAX), time::parse_offset)?,
                until: self.now + time::parse_offset(&after.until)?,
            },
            Spec::Reference(reference) => {
                let table = self.names.table(&reference.table)?;
                let column = self.names.column(table, &reference.column)?;
                self.needs.push((table, column));
                let within = reference.within.as_deref().map(|path| self.within(path, table)).transpose()?;
                check_pick(reference.pick)?;
                self.in_row("reference", Node::Reference { table, column, within, pick: reference.pick })?
            }
            Spec::Column(path) => Node::Path(self.path(path)?),
            Spec::Sometimes(sometimes) => Node::Sometimes(fraction(sometimes.fraction)?, Box::new(self.node(&sometimes.value)?)),
            Spec::Mix(ways) => Node::Mix(running(ways.iter().map(|way| Ok((way.weight, self.node(&way.value)?))))?),
            Spec::Case(case) => Node::Case {
                path: self.path(&case.column)?,
                cases: case
                    .cases
                    .iter()
                    .map(|(text, spec)| Ok((text.clone(), self.node(spec)?)))
                    .collect::<Result<_, String>>()?,
                otherwise: Box::new(self.node(&case.otherwise)?),
            },
            Spec::Recent(recent) => Node::Recent {
                path: self.path(&recent.column)?,
                since: self.now - time::parse_offset(&recent.within)?,
                then: Box::new(self.node(&recent.then)?),
                otherwise: Box::new(self.node(&recent.otherwise)?),
            },
            Spec::Array(array) if array.from > array.to => return Err("an array's `from` is more than its `to`".to_owned()),
            Spec::Array(array) => Node::Array { of: Box::new(self.node(&array.of)?), from: array.from, to: array.to },
            Spec::FreshUuid | Spec::Remember(_) | Spec::Recall(_) | Spec::Take(_) => {
                return Err(
                    "`fresh-uuid`, `remember`, `recall` and `take` stand only at the top of a statement's parameter".to_owned()
                );
            }
        })
    }

    /// The path `text`, such as `status`, `pipeline_id.organization_id`, or in a statement `member.email`.
    pub(crate) fn path(&mut self, text: &str) -> Result<Path, String> {
        let mut words = text.split('.');
        let (bound, mut table) = match self.place {
            Place::Column(table) => (None, table),
            Place::Statement(rows) => {
                let name = words.next().unwrap_or_default();
                let position = rows.iter().position(|(row, _)| row == name).ok_or_else(|| {
                    let known: Vec<&str> = rows.iter().map(|(row, _)| row.as_str()).collect();
                    format!("`{text}` begins with no row of the statement; its rows are [{}]", known.join(", "))
                })?;
                (Some(position), rows[position].1)
            }
        };
        let mut columns = Vec::new();
        for word in words {
            if let Some(&last) = columns.last() {
                table = self.names.target(table, last).ok_or_else(|| {
                    format!(
                        "`{text}` goes through column `{}`, which refers to no other table",
                        self.names.column_name(table, last)
                    )
                })?;
            }
            let column = self.names.column(table, word)?;
            self.needs.push((table, column));
            columns.push(column);
        }
        if columns.is_empty() {
            return Err(format!("`{text}` names no column; write a row and a column, as in row.column"));
        }
        Ok(Path { bound, columns })
    }

    /// The table and column where `path` ends.
    pub(crate) fn end(&self, path: &Path) -> Option<(usize, usize)> {
        let mut table = match (self.place, path.bound) {
            (Place::Column(table), _) => table,
            (Place::Statement(rows), Some(bound)) => rows[bound].1,
            (Place::Statement(_), None) => return None,
        };
        let (last, through) = path.columns.split_last()?;
        for &column in through {
            table = self.names.target(table, column)?;
        }
        Some((table, *last))
    }

    /// The path to the owner among whose rows of `table` one is picked.
    pub(crate) fn within(&mut self, text: &str, table: usize) -> Result<Path, String> {
        let path = self.path(text)?;
        let target = self.end(&path).and_then(|(table, column)| self.names.target(table, column));
        let owner = self.names.owner(table).map(|(owner, _)| owner);
        match (target, owner) {
            (Some(target), Some(owner)) if target == owner => Ok(path),
            (_, None) => Err(format!("`within` needs an owner, and table `{}` has none", self.names.table_name(table))),
            (_, Some(owner)) => Err(format!(
                "`within = \"{text}\"` must lead to table `{}`, which owns the rows of `{}`",
                self.names.table_name(owner),
                self.names.table_name(table)
            )),
        }
    }

    fn template(&mut self, text: &str) -> Result<Vec<Piece<Path>>, String> {
        let pieces = template::parse(text)?;
        pieces.into_iter().map(|piece| self.piece(piece)).collect()
    }

    fn piece(&mut self, piece: Piece<String>) -> Result<Piece<Path>, String> {
        Ok(match piece {
            Piece::Text(text) => Piece::Text(text),
            Piece::Row => self.in_row("${row}", Piece::Row)?,
            Piece::Position => {
                self.owner("${position}")?;
                Piece::Position
            }
            Piece::Column(path) => Piece::Column(self.path(&path)?),
            Piece::Int(from, to) => Piece::Int(from, to),
            Piece::Hex(digits) => Piece::Hex(digits),
            Piece::Pick(texts) => Piece::Pick(texts),
        })
    }

    fn in_row<T>(&self, word: &str, value: T) -> Result<T, String> {
        match self.place {
            Place::Column(_) => Ok(value),
            Place::Statement(_) => Err(format!("`{word}` has a meaning only in a row; draw a row and use its column")),
        }
    }

    fn owner(&self, word: &str) -> Result<(usize, usize), String> {
        match self.place {
            Place::Column(table) => {
                let message = || format!("`{word}` needs an owner, and table `{}` has none", self.names.table_name(table));
                self.names.owner(table).ok_or_else(message)
            }
            Place::Statement(_) => self.in_row(word, (0, 0)),
        }
    }
}

/// The running sums of the weights, scaled so that the last is 1.
pub(crate) fn running<T>(weighted: impl Iterator<Item = Result<(f64, T), String>>) -> Result<Vec<(f64, T)>, String> {
    let mut all = Vec::new();
    let mut sum = 0.0;
    for entry in weighted {
        let (weight, value) = entry?;
        if !weight.is_finite() || weight < 0.0 {
            return Err(format!("{weight} is no weight; a weight is a number from 0 up"));
        }
        sum += weight;
        all.push((sum, value));
    }
    if sum <= 0.0 {
        return Err("there is nothing to choose from: the weights must have a sum above 0".to_owned());
    }
    for (running, _) in &mut all {
        *running /= sum;
    }
    Ok(all)
}

pub(crate) fn check_pick(pick: Pick) -> Result<(), String> {
    match pick {
        Pick::Uniform => Ok(()),
        Pick::Zipf(number) | Pick::Recent(number) => positive(number),
    }
}

pub(crate) fn positive(number: f64) -> Result<(), String> {
    if number.is_finite() && number > 0.0 { Ok(()) } else { Err(format!("{number} must be a number above 0")) }
}

fn fraction(number: f64) -> Result<f64, String> {
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err(format!("{number} must be a fraction from 0 to 1")) }
}
