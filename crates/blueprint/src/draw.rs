//! Draws what a client asks next: a statement by weight, and values for its parameters from rows that exist, rare ones, and missing ones.
//!
//! Pure: a [`Deck`] is made from a workload and the generator whose rows the database holds; a [`Drawer`] is one client's seeded
//! state. The same seed gives the same statements and values, apart from `fresh-uuid`, which also depends on a salt, so that a second
//! run does not insert the first one's keys again.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::Error;
use crate::generate::Generator;
use crate::generate::compile::{Compiler, Node, Path, Place, check_pick, running};
use crate::generate::compute::{RowId, Scope};
use crate::language::{BoundRowSpec, Pick, Spec};
use crate::random::{Random, derive};
use crate::value::Parameter;
use crate::workload::{Statement, Workload};

/// Most values that are remembered under one name; the oldest is forgotten first.
const REMEMBERED: usize = 1024;

/// A workload whose names have been looked up: ready to draw from.
#[derive(Debug)]
pub struct Deck {
    generator: Arc<Generator>,
    /// Statements by position, with the running sum of their weights.
    running: Vec<(f64, usize)>,
    drafts: Vec<Draft>,
    memories: Vec<String>,
}

/// The state of one client: its randomness, and what its statements have remembered.
#[derive(Clone, Debug)]
pub struct Drawer {
    random: Random,
    fresh: Random,
    memories: Vec<VecDeque<Parameter>>,
}

/// How one statement's parameters are made.
#[derive(Debug)]
struct Draft {
    rows: Vec<Draw>,
    parameters: Vec<Make>,
}

/// How a row is drawn.
#[derive(Debug)]
enum Draw {
    Any { table: usize, pick: Pick },
    Within { table: usize, owner: Path, pick: Pick },
    Follow(Path),
}

/// How a parameter is made; memories are positions.
#[derive(Debug)]
enum Make {
    Value(Node),
    Fresh,
    Remember { memory: usize, value: Box<Self> },
    Recall { memory: usize, otherwise: Box<Self> },
    Take { memory: usize, remember_as: Option<usize>, otherwise: Box<Self> },
}

impl Deck {
    /// The statements of `workload` over the rows of `generator`.
    ///
    /// # Errors
    /// [`Error::File`] with the statement whose rows or parameters name what does not exist.
    pub fn new(workload: &Workload, generator: &Arc<Generator>) -> Result<Self, Error> {
        let mut deck = Self { generator: Arc::clone(generator), running: Vec::new(), drafts: Vec::new(), memories: Vec::new() };
        for statement in workload.statements() {
            let draft = deck.draft(statement);
            let draft =
                draft.map_err(|message| Error::of(workload.file(), format!("statement `{}`: {message}", statement.name)))?;
            deck.drafts.push(draft);
        }
        let weights = workload.statements().iter().enumerate().map(|(position, statement)| Ok((statement.weight, position)));
        deck.running = running(weights).map_err(|message| Error::of(workload.file(), message))?;
        Ok(deck)
    }

    /// A client's state. Clients of one run have different seeds; runs on one database have different salts.
    pub fn drawer(&self, seed: u64, salt: u64) -> Drawer {
        Drawer {
            random: Random::new(derive(seed, "draw")),
            fresh: Random::new(derive(seed ^ derive(salt, "salt"), "fresh")),
            memories: vec![VecDeque::new(); self.memories.len()],
        }
    }

    /// The position of the next statement.
    pub fn next_statement(&self, drawer: &mut Drawer) -> usize {
        let fraction = drawer.random.fraction();
        self.running.iter().find(|(end, _)| fraction < *end).or(self.running.last()).map_or(0, |(_, position)| *position)
    }

    /// Values for the parameters of the statement at `position`, `$1` first.
    pub fn draw(&self, position: usize, drawer: &mut Drawer) -> Vec<Parameter> {
        let draft = &self.drafts[position];
        let mut rows: Vec<Option<RowId>> = Vec::with_capacity(draft.rows.len());
        for draw in &draft.rows {
            let row = self.row(draw, &rows, &mut drawer.random);
            rows.push(row);
        }
        draft.parameters.iter().map(|make| self.make(make, &rows, drawer)).collect()
    }

    fn row(&self, draw: &Draw, rows: &[Option<RowId>], random: &mut Random) -> Option<RowId> {
        match draw {
            Draw::Any { table, pick } => self.generator.any_row(*table, *pick, random),
            Draw::Within { table, owner, pick } => {
                let owner = self.generator.row_at(owner, Scope::Bound(rows))?;
                self.generator.member(*table, owner, *pick, random)
            }
            Draw::Follow(path) => self.generator.row_at(path, Scope::Bound(rows)),
        }
    }

    fn make(&self, make: &Make, rows: &[Option<RowId>], drawer: &mut Drawer) -> Parameter {
        match make {
            Make::Value(node) => {
                let random = Random::new(drawer.random.bits());
                self.generator.parameter(self.generator.value(node, Scope::Bound(rows), random))
            }
            Make::Fresh => Parameter::Uuid(drawer.fresh.uuid()),
            Make::Remember { memory, value } => {
                let value = self.make(value, rows, drawer);
                drawer.remember(*memory, value)
            }
            Make::Recall { memory, otherwise } => {
                let count = u64::try_from(drawer.memories[*memory].len()).unwrap_or_default();
                let place = usize::try_from(drawer.random.below(count)).unwrap_or_default();
                match drawer.memories[*memory].get(place) {
                    Some(value) => value.clone(),
                    None => self.make(otherwise, rows, drawer),
                }
            }
            Make::Take { memory, remember_as, otherwise } => match (drawer.memories[*memory].pop_front(), remember_as) {
                (Some(value), Some(next)) => drawer.remember(*next, value),
                (Some(value), None) => value,
                (None, _) => self.make(otherwise, rows, drawer),
            },
        }
    }

    fn draft(&mut self, statement: &Statement) -> Result<Draft, String> {
        let mut bound: Vec<(String, usize)> = Vec::new();
        let mut rows = Vec::new();
        for spec in &statement.rows {
            let (draw, table) = self.row_draft(spec, &bound).map_err(|message| format!("row `{}`: {message}", spec.name))?;
            if bound.iter().any(|(name, _)| *name == spec.name) {
                return Err(format!("row `{}` is drawn twice", spec.name));
            }
            rows.push(draw);
            bound.push((spec.name.clone(), table));
        }
        let mut parameters = Vec::new();
        for (number, spec) in (1..).zip(&statement.parameters) {
            parameters.push(self.parameter_draft(spec, &bound).map_err(|message| format!("${number}: {message}"))?);
        }
        Ok(Draft { rows, parameters })
    }

    fn row_draft(&self, spec: &BoundRowSpec, bound: &[(String, usize)]) -> Result<(Draw, usize), String> {
        let mut compiler = self.compiler(bound);
        check_pick(spec.pick)?;
        match (&spec.table, &spec.within, &spec.follow) {
            (Some(table), None, None) => {
                let table = self.generator.names.table(table)?;
                Ok((Draw::Any { table, pick: spec.pick }, table))
            }
            (Some(table), Some(within), None) => {
                let table = self.generator.names.table(table)?;
                Ok((Draw::Within { table, owner: compiler.within(within, table)?, pick: spec.pick }, table))
            }
            (None, None, Some(follow)) => {
                let path = compiler.path(follow)?;
                let target = compiler.end(&path).and_then(|(table, column)| self.generator.names.target(table, column));
                let target =
                    target.ok_or_else(|| format!("`follow = \"{follow}\"` leads to no row: the column refers to no table"))?;
                Ok((Draw::Follow(path), target))
            }
            _ => Err("write `table`, with or without `within`, or `follow` alone".to_owned()),
        }
    }

    fn parameter_draft(&mut self, spec: &Spec, bound: &[(String, usize)]) -> Result<Make, String> {
        Ok(match spec {
            Spec::FreshUuid => Make::Fresh,
            Spec::Remember(remember) => {
                let value = Box::new(self.parameter_draft(&remember.value, bound)?);
                Make::Remember { memory: self.memory(&remember.name), value }
            }
            Spec::Recall(recall) => {
                let otherwise = Box::new(self.parameter_draft(&recall.otherwise, bound)?);
                Make::Recall { memory: self.memory(&recall.from), otherwise }
            }
            Spec::Take(take) => {
                let otherwise = Box::new(self.parameter_draft(&take.otherwise, bound)?);
                let remember_as = take.remember_as.as_deref().map(|name| self.memory(name));
                Make::Take { memory: self.memory(&take.from), remember_as, otherwise }
            }
            other => Make::Value(self.compiler(bound).node(other)?),
        })
    }

    fn compiler<'b>(&'b self, bound: &'b [(String, usize)]) -> Compiler<'b> {
        Compiler { names: &self.generator.names, now: self.generator.now, place: Place::Statement(bound), needs: Vec::new() }
    }

    fn memory(&mut self, name: &str) -> usize {
        let found = self.memories.iter().position(|memory| memory == name);
        found.unwrap_or_else(|| {
            self.memories.push(name.to_owned());
            self.memories.len() - 1
        })
    }
}

impl Drawer {
    fn remember(&mut self, memory: usize, value: Parameter) -> Parameter {
        let values = &mut self.memories[memory];
        if values.len() == REMEMBERED {
            values.pop_front();
        }
        values.push_back(value.clone());
        value
    }
}
