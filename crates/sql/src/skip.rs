//! Where literals, quoted names and comments end (`scan.l`). All positions are of bytes; what is not closed ends with the text.

/// Behind the string whose opening quote is at `at`.
pub fn string(text: &[u8], at: usize, has_escapes: bool) -> usize {
    let mut at = at + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' if has_escapes => at += 2,
            b'\'' if text.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Behind the quoted name that begins at `at`; a doubled quote is one within.
pub fn quoted_name(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' if text.get(at + 1) == Some(&b'"') => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Behind the comment `/* … */` that begins at `at`; comments nest.
pub fn comment(text: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = at;
    while let Some(byte) = text.get(at) {
        match (byte, text.get(at + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                at += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

/// At the end of the line that `at` is in: where a comment of this line ends.
pub fn line(text: &[u8], at: usize) -> usize {
    text[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r')).map_or(text.len(), |length| at + length)
}

/// Behind the string between dollar tags that begins at `at`; `None` when it is a parameter or a lone dollar.
pub fn dollar_string(text: &[u8], at: usize) -> Option<usize> {
    if text.get(at + 1).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let tag = text[at + 1..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_' || **byte >= 0x80);
    let end = at + 1 + tag.count();
    if text.get(end) != Some(&b'$') {
        return None;
    }
    let tag = &text[at..=end];
    let body = &text[end + 1..];
    let closing = body.windows(tag.len()).position(|window| window == tag);
    Some(closing.map_or(text.len(), |position| end + 1 + position + tag.len()))
}

/// Behind the word that begins at `at`.
pub fn word(text: &[u8], at: usize) -> usize {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'$' | 0x80..);
    at + text[at..].iter().take_while(is_part).count()
}
