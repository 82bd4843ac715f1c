//! Knex: `config.transaction` leaves the transaction.
//!
//! The file is a `CommonJS` module called `.cjs`: Knex loads that ending without being told, in projects of either kind of module.

use super::{Migration, Script, Tool, commented, indented, literal};
use crate::sql_text::one_line_without;

/// See the module.
pub struct Knex;

impl Tool for Knex {
    fn name(&self) -> &'static str {
        "knex"
    }

    fn place(&self) -> &'static str {
        "the folder `migrations`"
    }

    fn write(&self, script: &Script) -> Migration {
        let up: String = script.steps.iter().map(|step| commented(step, "//", &raw(&step.sql))).collect();
        let down: String = script.undo().into_iter().map(|sql| raw(sql) + "\n").collect();
        let text = format!(
            "// Indexes that pgtailor advised.\n\n\
             // CREATE INDEX CONCURRENTLY cannot run in a transaction.\n\
             exports.config = {{ transaction: false }};\n\n\
             exports.up = async function (knex) {{\n{}}};\n\n\
             exports.down = async function (knex) {{\n{}}};\n",
            indented(&up, 2),
            indented(&down, 2)
        );
        Migration { files: vec![(format!("{}_{}.cjs", script.digits(), script.slug()), text)], hints: Vec::new() }
    }
}

/// A question mark is a bound value wherever it stands (`positionBindings` of Knex), unless one backslash is before it: an operator gets
/// that, and in names and constants it is written by its number.
fn raw(sql: &str) -> String {
    let sql = one_line_without(sql, &['?']).replace('?', "\\?");
    format!("await knex.raw({});", literal::javascript(&sql))
}
