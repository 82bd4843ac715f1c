//! Texts with `${…}` in them: cut into pieces once, filled many times.

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<C> {
    /// As it stands.
    Text(String),
    /// The row's number, from 1.
    Row,
    /// The row's number among those of its owner, from 1.
    Position,
    /// A column's value; nothing when it is null.
    Column(C),
    /// A whole number, both ends included.
    Int(i64, i64),
    /// So many random hexadecimal digits.
    Hex(u32),
    /// One of several texts, all equally likely.
    Pick(Vec<String>),
}

/// `text` cut into pieces, with columns still as names.
pub(crate) fn parse(text: &str) -> Result<Vec<Piece<String>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if start > 0 {
            pieces.push(Piece::Text(rest[..start].to_owned()));
        }
        let Some(length) = rest[start..].find('}') else {
            return Err(format!("template `{text}` has `${{` without `}}`"));
        };
        pieces.push(placeholder(&rest[start + 2..start + length])?);
        rest = &rest[start + length + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

fn placeholder(inside: &str) -> Result<Piece<String>, String> {
    let (word, rest) = inside.trim().split_once(' ').unwrap_or((inside.trim(), ""));
    let rest = rest.trim();
    let wrong = || {
        format!(
            "`${{{inside}}}` is none of ${{row}}, ${{position}}, ${{column NAME}}, ${{int FROM TO}}, ${{hex DIGITS}}, ${{pick A|B|C}}"
        )
    };
    match word {
        "row" if rest.is_empty() => Ok(Piece::Row),
        "position" if rest.is_empty() => Ok(Piece::Position),
        "column" if !rest.is_empty() => Ok(Piece::Column(rest.to_owned())),
        "int" => {
            let (from, to) = rest.split_once(' ').ok_or_else(wrong)?;
            let (from, to) = (from.parse().map_err(|_| wrong())?, to.trim().parse().map_err(|_| wrong())?);
            if from > to {
                return Err(format!("`${{{inside}}}` ends before it begins"));
            }
            Ok(Piece::Int(from, to))
        }
        "hex" => rest.parse().map(Piece::Hex).map_err(|_| wrong()),
        "pick" if !rest.is_empty() => Ok(Piece::Pick(rest.split('|').map(str::to_owned).collect())),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_a_text_into_pieces() {
        let pieces = parse("{\"n\": ${int 1 9}, \"at\": \"${column a.b}\"}${pick x|y z}${row}").expect("right");
        assert_eq!(
            pieces,
            [
                Piece::Text("{\"n\": ".to_owned()),
                Piece::Int(1, 9),
                Piece::Text(", \"at\": \"".to_owned()),
                Piece::Column("a.b".to_owned()),
                Piece::Text("\"}".to_owned()),
                Piece::Pick(vec!["x".to_owned(), "y z".to_owned()]),
                Piece::Row,
            ]
        );
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for wrong in ["${", "${rows}", "${int 1}", "${int 9 1}", "${hex x}", "${}", "${column}"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
