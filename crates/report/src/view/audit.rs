//! Every statement that can be sent to a database, by what it can do.

use pgtailor_model::audit::{AuditedStatement, StatementClass};
use serde_json::{Value, json};

use crate::document::{Block, Document};
use crate::number::counted;
use crate::report::{Report, Statement};

/// The list of statements.
#[derive(Clone, Copy, Debug)]
pub struct AuditReport<'a> {
    /// All of them, by class.
    pub statements: &'a [AuditedStatement],
}

impl AuditReport<'_> {
    fn of(&self, class: StatementClass) -> impl Iterator<Item = &AuditedStatement> {
        self.statements.iter().filter(move |statement| statement.class == class)
    }
}

impl Report for AuditReport<'_> {
    fn kind(&self) -> &'static str {
        "audit"
    }

    fn document(&self) -> Document {
        let count = counted(self.statements.len(), "statement", "statements");
        let mut document = Document::new(format!("Audit: {count} that pgtailor can send to a database"));
        document.paragraph(
            "{…} stands for what is put in. In what changes the database, s.t stands for a table and i for an index. Statements that only servers of \
             pgtailor's own are sent (twins, the demo) are not listed.",
        );
        for class in StatementClass::ALL {
            let count = counted(self.of(class).count(), "statement", "statements");
            document.heading(format!("{}: {count}; each {}", class.name(), class.words()));
            document.blocks.extend(self.of(class).map(|statement| Block::Sql(statement.sql.clone())));
        }
        document
    }

    fn json(&self) -> Value {
        let statements: Vec<Value> = self
            .statements
            .iter()
            .map(|statement| json!({ "class": statement.class, "place": statement.place, "sql": statement.sql }))
            .collect();
        json!({ "statements": statements })
    }

    /// None: these are templates, not statements to run.
    fn sql(&self) -> Vec<Statement> {
        Vec::new()
    }

    fn sql_remarks(&self) -> Vec<String> {
        self.statements.iter().map(|statement| format!("{}: {}", statement.class.name(), statement.sql)).collect()
    }
}
