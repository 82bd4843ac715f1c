//! Sends values in text format, so that the server reads each as the type that it wants: enums, UUIDs and JSON need no code here.

use std::error::Error;

use pgtailor_model::binding::Literal;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

/// A value of a binding, or NULL. `Debug` goes through [`Literal`], which does not print itself.
#[derive(Debug)]
pub(crate) struct TextValue<'a>(pub(crate) Option<&'a Literal>);

impl ToSql for TextValue<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Some(literal) => {
                out.extend_from_slice(literal.expose().as_bytes());
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
