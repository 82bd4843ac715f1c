//! For each parameter of a statement: which values it gets in which draw.
//!
//! Decides by the parameter's role where values come from: the column that it is compared with, or what is usual for its role or type.

use pgtailor_model::binding::{ColumnValues, Literal, Parameter, Role};
use pgtailor_model::name::Oid;
use pgtailor_model::random::{Random, derive};

use super::range::{Ends, ranges};
use super::value_type::{TypeKind, ValueType};
use super::{NoValue, Request, array, assumed, column, document, limit, pattern, text_function};

/// The values of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cells {
    /// One for each draw.
    pub typical: Vec<Literal>,
    /// A value that few rows have.
    pub rare: Option<Literal>,
    /// A value beyond all that are known.
    pub beyond: Option<Literal>,
    /// Whether they come from statistics.
    pub known: bool,
    /// Whether a plan's cost may depend on them.
    pub matters: bool,
    /// Parameters of the same lane keep their draws together.
    pub lane: u32,
}

impl Cells {
    fn new(typical: Vec<Literal>, number: u32) -> Self {
        Self { typical, rare: None, beyond: None, known: false, matters: true, lane: number }
    }

    fn known(self) -> Self {
        Self { known: true, ..self }
    }

    fn indifferent(self) -> Self {
        Self { matters: false, ..self }
    }

    fn with_guards(self, values: &ColumnValues, value_type: &ValueType) -> Self {
        Self { rare: column::rare(values), beyond: column::beyond(values, value_type), ..self }
    }
}

/// The values of every parameter, `$1` first.
pub(super) fn cells_of(request: &Request<'_>, draws: usize) -> Result<Vec<Cells>, NoValue> {
    let unknown = ValueType::plain("unknown");
    request
        .parameters
        .iter()
        .enumerate()
        .map(|(position, parameter)| {
            let value_type = request.types.get(position).unwrap_or(&unknown);
            let asked = Asked { request, parameter, value_type, draws };
            let nothing = || NoValue { parameter: parameter.number, type_name: value_type.name.clone() };
            asked.cells().or_else(|| asked.usual()).ok_or_else(nothing)
        })
        .collect()
}

/// One parameter in its statement.
struct Asked<'a> {
    request: &'a Request<'a>,
    parameter: &'a Parameter,
    value_type: &'a ValueType,
    draws: usize,
}

impl Asked<'_> {
    /// By role; `None` when that gives no value.
    fn cells(&self) -> Option<Cells> {
        let number = self.parameter.number;
        let all = |value: Literal| Cells::new(vec![value; self.draws], number);
        match &self.parameter.role {
            Role::Compared { table, column, operator, array, expression } => {
                self.compared(*table, column, operator, *array, expression.as_deref())
            }
            Role::Pattern { table, column, operator } => {
                let found = self.drawn(*table, column, None).map(|cells| {
                    let typical = cells.typical.iter().map(|value| pattern::pattern(operator, value)).collect();
                    Cells::new(typical, number).known()
                });
                found.or_else(|| Some(all(pattern::assumed(operator))))
            }
            Role::Offset { .. } => match self.value_type.name.as_str() {
                // A number that is added to a number, or days that are taken from a day.
                "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" => Some(all(Literal::new("7"))),
                _ => None,
            },
            Role::Assigned { table, column } => {
                Some(self.drawn(*table, column, None)?.indifferent()).filter(|_| self.value_type.element().is_none())
            }
            Role::DocumentKey { table, column } => Some(self.document_key(*table, column)),
            Role::FullText => Some(all(Literal::new(assumed::WORD))),
            Role::RowLimit => Some(all(limit::row_limit(self.request.rows_per_call))),
            Role::RowOffset => Some(all(limit::row_offset())),
            Role::Interval => (self.value_type.name == "interval").then(|| all(Literal::new("7 days"))),
            Role::Free => None,
        }
    }

    /// What is usual for the type.
    fn usual(&self) -> Option<Cells> {
        let values = (0..self.draws).map(|draw| assumed::assumed(self.value_type, self.request.now, draw));
        let cells = Cells::new(values.collect::<Option<_>>()?, self.parameter.number);
        let matters = !matches!(self.parameter.role, Role::Assigned { .. });
        Some(Cells { matters, ..cells })
    }

    fn compared(&self, table: Oid, column: &str, operator: &str, is_array: bool, expression: Option<&str>) -> Option<Cells> {
        if is_array {
            let elements = self.drawn(table, column, expression)?;
            return Some(Cells { typical: array::arrays_of(&elements.typical), rare: None, beyond: None, ..elements });
        }
        match operator {
            "<" | "<=" | ">" | ">=" => self.bounded(table, column, operator, expression),
            "@>" | "<@" | "&&" | "?" | "?|" | "?&" => self.contained(table, column, operator),
            "@@" => {
                let lexemes = self.elements(table, column)?;
                let quoted = lexemes.iter().map(|word| Literal::new(format!("'{}'", word.expose().replace('\'', "''"))));
                Some(Cells::new(quoted.collect(), self.parameter.number).known())
            }
            "@?" => None,
            _ => self.drawn(table, column, expression),
        }
    }

    /// Values as frequent as the column has them, with what is rare and what is beyond.
    fn drawn(&self, table: Oid, column: &str, expression: Option<&str>) -> Option<Cells> {
        let values = self.values(table, column)?;
        let number = self.parameter.number;
        let mut random = Random::new(derive(u64::from(number), self.request.fingerprint));
        // A column of arrays that is compared with an element has its elements counted apart.
        let element_of = self.value_type.element().is_none() && !values.most_common_elements.is_empty();
        if element_of && expression.is_none() {
            return self.elements(table, column).map(|typical| Cells::new(typical, number).known());
        }
        let typical = column::typical(values, self.draws, &mut random)?;
        let Some(expression) = expression else {
            return Some(Cells::new(typical, number).known().with_guards(values, self.value_type));
        };
        let applied = |value: &Literal| text_function::apply(expression, column, value.expose()).map(Literal::new);
        let cells = Cells::new(typical.iter().map(applied).collect::<Option<_>>()?, number).known();
        Some(Cells { rare: column::rare(values).as_ref().and_then(applied), ..cells })
    }

    fn bounded(&self, table: Oid, column: &str, operator: &str, expression: Option<&str>) -> Option<Cells> {
        let is_lower = operator.starts_with('>');
        let partner = self.other_end(table, column, is_lower, expression);
        let ends = match (partner, is_lower) {
            (Some(_), _) => Ends::Both,
            (None, true) => Ends::Lower,
            (None, false) => Ends::Upper,
        };
        let values = self.values(table, column).filter(|_| expression.is_none_or(|expression| expression == column));
        let bounds = ranges(values, self.value_type, ends, self.request.now, self.draws)?;
        let typical = bounds.into_iter().map(|(low, high)| if is_lower { low } else { high }).collect();
        let lane = partner.map_or(self.parameter.number, |other| other.min(self.parameter.number));
        let cells = Cells { lane, known: values.is_some(), ..Cells::new(typical, self.parameter.number) };
        // With two ends, a lower one that is beyond is enough to find nothing.
        let beyond = values.filter(|_| is_lower).and_then(|values| column::beyond(values, self.value_type));
        Some(Cells { beyond, ..cells })
    }

    /// The parameter that is the other end of this one's range: the first that bounds the same from the other side, when both are
    /// the same among their likes.
    fn other_end(&self, table: Oid, column: &str, is_lower: bool, expression: Option<&str>) -> Option<u32> {
        let bounding = |wanted_lower: bool| {
            let is_wanted = move |parameter: &&Parameter| match &parameter.role {
                Role::Compared { table: t, column: c, operator, array: false, expression: e } => {
                    *t == table
                        && c == column
                        && e.as_deref() == expression
                        && operator.starts_with(if wanted_lower { '>' } else { '<' })
                        && matches!(operator.as_str(), "<" | "<=" | ">" | ">=")
                }
                _ => false,
            };
            self.request.parameters.iter().filter(is_wanted).map(|parameter| parameter.number)
        };
        let position = bounding(is_lower).position(|number| number == self.parameter.number)?;
        bounding(!is_lower).nth(position)
    }

    fn contained(&self, table: Oid, column: &str, operator: &str) -> Option<Cells> {
        let number = self.parameter.number;
        if matches!(self.value_type.name.as_str(), "jsonb") {
            let documents = self.documents(table, column, document::contained);
            let cells = Cells::new(documents.clone().unwrap_or_else(|| vec![document::assumed(); self.draws]), number);
            return Some(Cells { known: documents.is_some(), ..cells });
        }
        if operator.starts_with('?') {
            let mut cells = self.document_key(table, column);
            if self.value_type.element().is_some() {
                cells.typical = cells.typical.iter().map(|key| array::array_of(std::slice::from_ref(key))).collect();
            }
            return Some(cells);
        }
        let elements = self.elements(table, column)?;
        let typical = match self.value_type.kind {
            TypeKind::Array(_) => elements.iter().map(|element| array::array_of(std::slice::from_ref(element))).collect(),
            _ => elements,
        };
        Some(Cells::new(typical, number).known())
    }

    fn document_key(&self, table: Oid, column: &str) -> Cells {
        let number = self.parameter.number;
        if self.value_type.is_whole_number() {
            return Cells::new(vec![Literal::new("0"); self.draws], number);
        }
        let keys = self.documents(table, column, document::key);
        let known = keys.is_some();
        let mut typical = keys.unwrap_or_else(|| vec![document::assumed_key(); self.draws]);
        if self.value_type.element().is_some() && !matches!(self.parameter.role, Role::Compared { .. }) {
            typical = typical.iter().map(|key| array::array_of(std::slice::from_ref(key))).collect();
        }
        Cells { known, ..Cells::new(typical, number) }
    }

    /// What `part` takes of documents that the column has; `None` when none has any.
    fn documents(&self, table: Oid, column: &str, part: fn(&Literal) -> Option<Literal>) -> Option<Vec<Literal>> {
        let values = self.values(table, column)?;
        let common = values.most_common.iter().map(|(value, _)| value);
        let parts: Vec<Literal> = common.chain(&values.histogram).filter_map(part).collect();
        (!parts.is_empty()).then(|| parts.iter().cycle().take(self.draws).cloned().collect())
    }

    /// Elements of arrays, or lexemes, as frequent as they are among the known ones.
    fn elements(&self, table: Oid, column: &str) -> Option<Vec<Literal>> {
        let values = self.values(table, column)?;
        let most_common = values.most_common_elements.clone();
        let mut random = Random::new(derive(u64::from(self.parameter.number), self.request.fingerprint));
        let of_elements = ColumnValues { most_common, ..ColumnValues::default() };
        column::typical(&of_elements, self.draws, &mut random)
    }

    fn values(&self, table: Oid, column: &str) -> Option<&ColumnValues> {
        self.request.columns.get(&(table, column.to_owned()))
    }
}
