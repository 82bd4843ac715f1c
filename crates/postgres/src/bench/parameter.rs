//! Binds parameters as text, so that the server reads each as the type that it wants: enums, UUIDs and JSON need no code here.

use std::error::Error;

use pgtailor_blueprint::Parameter;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

/// A value in PostgreSQL's text format; null when there is none.
#[derive(Debug)]
pub(super) struct TextParameter(Option<String>);

impl From<&Parameter> for TextParameter {
    fn from(parameter: &Parameter) -> Self {
        Self(parameter.text())
    }
}

impl ToSql for TextParameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match &self.0 {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}
