//! The text of a prefix to its elements. Never fails: the server ignores escapes that it does not know, and so does this.

use super::{Element, Field, Prefix, Shape, Side};

impl Prefix {
    /// Compiles `log_line_prefix`.
    pub(crate) fn compile(text: &str) -> Self {
        let mut elements = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            if *first != b'%' {
                literal(&mut elements, *first);
                rest = after;
                continue;
            }
            let (spaces, width, after) = padding(after);
            let Some((letter, after)) = after.split_first() else { break };
            rest = after;
            match letter {
                b'%' => literal(&mut elements, b'%'),
                b'q' => elements.push(Element::Stop),
                letter => {
                    if let Some((shape, field)) = escape(*letter) {
                        elements.push(Element::Field { shape, field, width, spaces });
                    }
                }
            }
        }
        Self { text: text.to_owned(), elements }
    }
}

fn literal(elements: &mut Vec<Element>, byte: u8) {
    if let Some(Element::Literal(bytes)) = elements.last_mut() {
        bytes.push(byte);
    } else {
        elements.push(Element::Literal(vec![byte]));
    }
}

/// The number between `%` and the letter (`process_log_prefix_padding`), and what follows it.
fn padding(text: &[u8]) -> (Side, usize, &[u8]) {
    /// No line could hold more.
    const WIDEST: usize = 1000;
    let (spaces, digits) = text.strip_prefix(b"-").map_or((Side::Left, text), |digits| (Side::Right, digits));
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let width = digits[..length].iter().fold(0, |width, digit| (width * 10 + usize::from(digit - b'0')).min(WIDEST));
    (spaces, width, &digits[length..])
}

fn escape(letter: u8) -> Option<(Shape, Option<Field>)> {
    Some(match letter {
        b'a' => (Shape::Any, Some(Field::Application)),
        b'u' => (Shape::Any, Some(Field::User)),
        b'd' => (Shape::Any, Some(Field::Database)),
        // Remote host with port, host, local address (18), kind of backend, command tag.
        b'r' | b'h' | b'L' | b'b' | b'i' => (Shape::Any, None),
        b'p' => (Shape::Number, Some(Field::Process)),
        b'c' => (Shape::SessionId, Some(Field::Session)),
        b'Q' => (Shape::Number, Some(Field::QueryId)),
        // Leader of a parallel worker, line of the session, transaction.
        b'P' | b'l' | b'x' => (Shape::Number, None),
        b't' | b'm' => (Shape::Time, Some(Field::At)),
        b'n' => (Shape::Epoch, Some(Field::At)),
        b's' => (Shape::Time, None),
        b'v' => (Shape::VirtualTransaction, None),
        b'e' => (Shape::SqlState, None),
        _ => return None,
    })
}
