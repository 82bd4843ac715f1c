//! Password files: `hostname:port:database:username:password`, with `*` for anything and `\` as escape.

/// The password of the first line of `text` that fits; `host` is `localhost` for a unix socket in a default folder.
pub(crate) fn find(text: &str, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
    let port = port.to_string();
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = fields(line.trim_end_matches('\r')).into_iter();
        let fits = [host, &port, database, user]
            .iter()
            .all(|wanted| fields.next().is_some_and(|field| field.is_star || field.text == **wanted));
        // A colon in the password needs no escape: the rest of the line is the password.
        fits.then(|| fields.next()).flatten().map(|field| field.text).filter(|password| !password.is_empty())
    })
}

struct Field {
    text: String,
    /// An unescaped `*` alone.
    is_star: bool,
}

/// The first four fields and the rest of the line as the fifth.
fn fields(line: &str) -> Vec<Field> {
    let mut fields = Vec::with_capacity(5);
    let mut text = String::new();
    let mut raw = 0;
    let mut star = false;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => text.extend(rest.next()),
            ':' if fields.len() < 4 => {
                fields.push(Field { text: std::mem::take(&mut text), is_star: star && raw == 1 });
                (raw, star) = (0, false);
                continue;
            }
            c => {
                star = c == '*';
                text.push(c);
            }
        }
        raw += 1;
    }
    fields.push(Field { text, is_star: false });
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# comment:5432:d:u:no\n\
        db1:5432:shop:ada:one\n\
        db1:*:*:ada:two:with:colons\n\
        ::1:5432:*:*:never\n\
        \\:\\:1:5432:*:*:six\n\
        *:*:*:back\\\\slash:th\\:ree\n\
        \\*:*:*:*:literal star\n\
        localhost:*:*:*:local\r\n";

    #[test]
    fn the_first_line_that_fits_wins() {
        let check = |host, port, database, user| find(FILE, host, port, database, user);
        assert_eq!(check("db1", 5432, "shop", "ada").as_deref(), Some("one"));
        assert_eq!(check("db1", 5433, "shop", "ada").as_deref(), Some("two:with:colons"));
        assert_eq!(check("::1", 5432, "d", "u").as_deref(), Some("six"));
        assert_eq!(check("x", 1, "d", "back\\slash").as_deref(), Some("th:ree"));
        assert_eq!(check("*", 1, "d", "u").as_deref(), Some("literal star"));
        assert_eq!(check("localhost", 1, "d", "u").as_deref(), Some("local"));
        assert_eq!(check("comment", 5432, "d", "u"), None);
        assert_eq!(check("db2", 5432, "shop", "bob"), None);
    }
}
