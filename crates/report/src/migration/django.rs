//! Django: `atomic = False` leaves the transaction, and a migration depends on the one before it.

use super::{Migration, Script, Tool, commented, indented, literal};
use crate::sql_text::one_line;

/// See the module.
pub struct Django;

impl Tool for Django {
    fn name(&self) -> &'static str {
        "django"
    }

    fn place(&self) -> &'static str {
        "the folder `migrations` of the application whose tables these are"
    }

    fn accepts_after(&self, after: &str) -> Result<(), String> {
        match after.split_once('.') {
            Some((application, name)) if !application.is_empty() && !name.is_empty() => Ok(()),
            _ => Err("django names a migration with its application: `shop.0041_orders`".to_owned()),
        }
    }

    fn write(&self, script: &Script) -> Migration {
        let before = script.after.as_deref().and_then(|after| after.split_once('.'));
        let pair = |(application, name)| format!("({}, {})", literal::python(application), literal::python(name));
        let dependencies = before.map(pair).unwrap_or_default();
        let hint = "write the migration before it, as `manage.py showmigrations` prints it, to `dependencies`";
        let hints = if before.is_none() { vec![hint.to_owned()] } else { Vec::new() };
        let operations: String = script
            .steps
            .iter()
            .map(|step| {
                let undo = step.undo.as_deref().map_or_else(|| "migrations.RunSQL.noop".to_owned(), string);
                let run = format!("migrations.RunSQL(\n    sql={},\n    reverse_sql={undo},\n),", string(&step.sql));
                commented(step, "#", &run)
            })
            .collect();
        let text = format!(
            "\"\"\"Indexes that pgtailor advised.\"\"\"\n\n\
             from django.db import migrations\n\n\n\
             class Migration(migrations.Migration):\n\
             \x20   # CREATE INDEX CONCURRENTLY cannot run in a transaction.\n\
             \x20   atomic = False\n\n\
             \x20   dependencies = [{dependencies}]\n\n\
             \x20   operations = [\n{}    ]\n",
            indented(&operations, 8)
        );
        let number = before.and_then(|(_, name)| name.get(..4)?.parse::<u32>().ok());
        let start = number.map_or_else(|| script.digits(), |number| format!("{:04}", number + 1));
        Migration { files: vec![(format!("{start}_{}.py", script.slug()), text)], hints }
    }
}

fn string(sql: &str) -> String {
    literal::python(&one_line(sql))
}
