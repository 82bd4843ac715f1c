//! Parameters of statements, as typed values and as the text that the server reads.

use std::fmt;
use std::fmt::Write as _;

use crate::time;

/// A value for one `$n` of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// SQL's null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number, for a parameter of any integer or numeric type.
    Int(i64),
    /// An instant, in microseconds since 1970-01-01 UTC.
    Timestamp(i64),
    /// A UUID, as a number.
    Uuid(u128),
    /// Text, a label of an enum type, or JSON.
    Text(String),
    /// A one-dimensional array.
    Array(Vec<Self>),
}

impl Parameter {
    /// The value in PostgreSQL's text format, `None` for null: what a client binds when it lets the server choose the type.
    pub fn text(&self) -> Option<String> {
        (!matches!(self, Self::Null)).then(|| self.to_string())
    }
}

/// PostgreSQL's text format; null as `NULL`.
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Timestamp(micros) => {
                let mut out = Vec::with_capacity(29);
                time::write_instant(*micros, &mut out);
                f.write_str(&String::from_utf8_lossy(&out))
            }
            Self::Uuid(bits) => {
                let mut out = Vec::with_capacity(36);
                write_uuid(*bits, &mut out);
                f.write_str(&String::from_utf8_lossy(&out))
            }
            Self::Text(text) => f.write_str(text),
            Self::Array(elements) => {
                f.write_char('{')?;
                for (position, element) in elements.iter().enumerate() {
                    if position > 0 {
                        f.write_char(',')?;
                    }
                    match element {
                        Self::Null => f.write_str("NULL")?,
                        Self::Array(_) => write!(f, "{element}")?,
                        _ => write!(f, "\"{}\"", element.to_string().replace('\\', "\\\\").replace('"', "\\\""))?,
                    }
                }
                f.write_char('}')
            }
        }
    }
}

/// Appends a UUID as `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
pub(crate) fn write_uuid(bits: u128, out: &mut Vec<u8>) {
    for (position, byte) in bits.to_be_bytes().into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
}

/// Appends a whole number.
pub(crate) fn write_int(value: i64, out: &mut Vec<u8>) {
    // The longest is -9223372036854775808.
    let mut text = [0; 20];
    let mut at = text.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        text[at] = HEX[usize::try_from(rest % 10).unwrap_or_default()];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        text[at] = b'-';
    }
    out.extend_from_slice(&text[at..]);
}

pub(crate) const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_read_as_the_server_reads_them() {
        assert_eq!(Parameter::Null.text(), None);
        assert_eq!(Parameter::Int(-42).to_string(), "-42");
        assert_eq!(
            Parameter::Uuid(0x00f0_0000_0000_4000_8000_0000_0000_00ff).to_string(),
            "00f00000-0000-4000-8000-0000000000ff"
        );
        let array = Parameter::Array(vec![Parameter::Text("a\"\\".to_owned()), Parameter::Null, Parameter::Int(1)]);
        assert_eq!(array.to_string(), r#"{"a\"\\",NULL,"1"}"#);
    }

    #[test]
    fn whole_numbers_keep_their_sign_and_their_ends() {
        for value in [0, 7, -7, 10, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_int(value, &mut out);
            assert_eq!(String::from_utf8(out).expect("digits"), value.to_string());
        }
    }
}
