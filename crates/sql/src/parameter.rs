//! What each parameter of the normalized text is for: which values make sense for it.
//!
//! The first use that says something counts. Parameters and constants are seen where they are read as operands; here they get their
//! roles from what stands beside them.

use pg_query::protobuf::TypeName;
use pgtailor_model::binding::{Parameter, Role};
use pgtailor_model::name::{Oid, quote_identifier};
use pgtailor_model::shape::Subject;

use crate::function;
use crate::operand::{Fixed, Form, Operand};
use crate::service;
use crate::text::MOST_PARAMETERS;
use crate::types::Type;
use crate::walker::{Walker, strings};

/// A role and a cast, as far as found.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    role: Option<Role>,
    cast: Option<String>,
}

/// The column that a parameter has to do with.
struct About {
    table: Oid,
    column: String,
    expression: Option<String>,
}

impl<'t> Walker<'t> {
    /// Notes that the parameter occurs.
    pub(crate) fn see(&mut self, number: u32) {
        self.seen.push(number);
        self.noted.entry(number).or_default();
    }

    /// Notes the type that the text gives to the parameter.
    pub(crate) fn note_cast(&mut self, number: u32, to: &TypeName) {
        let name = match strings(&to.names).as_slice() {
            // The grammar's own names are keywords, which stand for the type without quotes only.
            ["pg_catalog", name] => (*name).to_owned(),
            [schema, name] => format!("{}.{}", quote_identifier(schema), quote_identifier(name)),
            [.., name] => quote_identifier(name),
            [] => return,
        };
        let cast = format!("{name}{}", "[]".repeat(to.array_bounds.len()));
        self.noted.entry(number).or_default().cast.get_or_insert(cast);
    }

    /// Gives `role` to a parameter that has none.
    pub(crate) fn give(&mut self, number: u32, role: Role) {
        self.noted.entry(number).or_default().role.get_or_insert(role);
    }

    /// Gives `role` to `operand` when that is one parameter.
    pub(crate) fn give_value(&mut self, operand: &Operand<'t>, role: &Role) {
        if let Operand::Fixed(Fixed { form: Form::Value | Form::Boolean(_), parameters, .. }) = operand {
            for number in parameters {
                self.give(*number, role.clone());
            }
        }
    }

    /// Says of the parameters in `other` that `subject operator other` is asked; `is_array` when any element of `other` will do.
    pub(crate) fn compared(&mut self, operator: &str, subject: &Operand<'t>, other: &Operand<'t>, is_array: bool) {
        if other.parameters().is_empty() {
            return;
        }
        let is_text_query = matches!(operator, "@@" | "@@@") && subject.result(self) != Type::Jsonb;
        if let (Operand::Fixed(fixed), true) = (other, is_text_query) {
            self.text_query(fixed);
            return;
        }
        let Some(about) = self.about(subject) else { return };
        self.compared_about(operator, &about, other, is_array);
    }

    fn compared_about(&mut self, operator: &str, about: &About, other: &Operand<'t>, is_array: bool) {
        let About { table, column, expression } = about;
        let compared = |array: bool, expression: Option<String>| Role::Compared {
            table: *table,
            column: column.clone(),
            operator: operator.to_owned(),
            array,
            expression,
        };
        match other {
            Operand::Row(parts) => {
                for part in parts {
                    self.compared_about(operator, about, part, is_array);
                }
            }
            Operand::Fixed(Fixed { form, parameters, .. }) => match form {
                Form::Value | Form::Boolean(_) => {
                    for number in parameters {
                        self.give(*number, compared(is_array, expression.clone()));
                    }
                }
                Form::List => {
                    for number in parameters {
                        self.give(*number, compared(false, expression.clone()));
                    }
                }
                // `lower(email) = lower($1)`: what comes in is an e-mail address.
                Form::Call => {
                    for number in parameters {
                        self.give(*number, compared(is_array, None));
                    }
                }
                Form::Sum(terms) => {
                    let role = Role::Offset { table: *table, column: column.clone() };
                    for number in terms {
                        self.give(*number, role.clone());
                    }
                }
                Form::Other => {}
            },
            Operand::Column(_) | Operand::Expression(_) => {}
        }
    }

    /// Says that `other` is a pattern over `subject`.
    pub(crate) fn matched(&mut self, operator: &str, subject: &Operand<'t>, other: &Operand<'t>) {
        if let (false, Some(About { table, column, .. })) = (other.parameters().is_empty(), self.about(subject)) {
            // SIMILAR TO and ESCAPE wrap the pattern in a function.
            for number in other.parameters() {
                self.give(number, Role::Pattern { table, column: column.clone(), operator: operator.to_owned() });
            }
        }
    }

    /// Says that `query` is a full text query.
    pub(crate) fn text_query(&mut self, query: &Fixed) {
        if query.form == Form::Value {
            for number in &query.parameters {
                self.give(*number, Role::FullText);
            }
        }
    }

    /// Says that `key` is a key of, or a path in, `document`.
    pub(crate) fn document_key(&mut self, document: &Operand<'t>, key: &Operand<'t>) {
        if key.parameters().is_empty() {
            return;
        }
        let leaf = match document {
            Operand::Expression(expression) => expression.leaves().first().map(|leaf| (*leaf).clone()),
            Operand::Column(column) => Some(column.clone()),
            _ => None,
        };
        if let Some(origin) = leaf.as_ref().and_then(|leaf| leaf.origins.first()) {
            let table = self.references[origin.reference].table.oid;
            let role = Role::DocumentKey { table, column: origin.column.to_owned() };
            for number in key.parameters() {
                self.give(number, role.clone());
            }
        }
    }

    /// What an operator inside an expression says about the parameters beside it.
    pub(crate) fn nested_roles(&mut self, operator: &str, left: &Operand<'t>, right: &Operand<'t>) {
        if function::takes_key(operator) {
            self.document_key(left, right);
        } else if matches!(operator, "+" | "-") {
            for (subject, other) in [(left, right), (right, left)] {
                if other.is_fixed()
                    && !other.parameters().is_empty()
                    && let Some(About { table, column, .. }) = self.about(subject)
                {
                    self.give_value(other, &Role::Offset { table, column });
                }
            }
        } else if right.is_fixed() {
            self.compared(operator, left, right, false);
        } else if let (true, Some(operator)) = (left.is_fixed(), service::commuted(operator)) {
            self.compared(operator, right, left, false);
        }
    }

    fn about(&self, subject: &Operand<'t>) -> Option<About> {
        if let Operand::Column(column) = subject {
            let origin = column.origins.first()?;
            let table = self.references[origin.reference].table.oid;
            return Some(About { table, column: origin.column.to_owned(), expression: None });
        }
        let term = self.terms(subject).into_iter().next()?;
        let table = self.references[term.reference].table.oid;
        match term.subject {
            Subject::Column(column) => Some(About { table, column, expression: None }),
            Subject::Expression { sql, columns } => {
                Some(About { table, column: columns.into_iter().next()?, expression: Some(sql) })
            }
        }
    }

    /// The parameters of the normalized text, `$1` first; those that were seen nowhere are free.
    pub(crate) fn parameters(&mut self) -> Vec<Parameter> {
        let named = self.noted.keys().next_back().copied().unwrap_or(0);
        let constants = self.numbers.0.values().max().copied().unwrap_or(0);
        (1..=named.max(constants).min(MOST_PARAMETERS))
            .map(|number| {
                let Noted { role, cast } = self.noted.remove(&number).unwrap_or_default();
                let interval = || if cast.as_deref() == Some("interval") { Role::Interval } else { Role::Free };
                Parameter { number, role: role.unwrap_or_else(interval), cast }
            })
            .collect()
    }
}
