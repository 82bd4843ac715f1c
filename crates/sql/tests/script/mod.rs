//! A psql script to its statements: what `psql -f` would send, without its own commands, its variables and the data of `COPY`.

/// The statements of `script`, without their semicolons.
pub fn statements(script: &str) -> Vec<String> {
    let mut splitter = Splitter { text: script, at: 0, statement: String::new(), found: Vec::new(), parentheses: 0, blocks: 0 };
    splitter.run();
    splitter.found
}

struct Splitter<'s> {
    text: &'s str,
    at: usize,
    statement: String,
    found: Vec<String>,
    parentheses: usize,
    /// `BEGIN ATOMIC … END` and `CASE … END` inside it, whose semicolons end nothing.
    blocks: usize,
}

impl Splitter<'_> {
    fn run(&mut self) {
        while let Some(next) = self.rest().chars().next() {
            match next {
                '\'' => self.quoted('\'', self.statement.ends_with(['e', 'E'])),
                '"' => self.quoted('"', false),
                '$' => self.dollar(),
                '-' if self.rest().starts_with("--") => self.skip_line(),
                '/' if self.rest().starts_with("/*") => self.skip_comment(),
                '\\' => self.command(),
                ':' => self.variable(),
                ';' if self.parentheses == 0 && self.blocks == 0 => {
                    self.at += 1;
                    self.end();
                }
                '(' => {
                    self.parentheses += 1;
                    self.take(1);
                }
                ')' => {
                    self.parentheses = self.parentheses.saturating_sub(1);
                    self.take(1);
                }
                letter if letter.is_alphabetic() || letter == '_' => self.word(),
                other => self.take(other.len_utf8()),
            }
        }
        self.end();
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn take(&mut self, length: usize) {
        self.statement.push_str(&self.text[self.at..self.at + length]);
        self.at += length;
    }

    fn end(&mut self) {
        let statement = std::mem::take(&mut self.statement).trim().to_owned();
        (self.parentheses, self.blocks) = (0, 0);
        let lower = statement.to_lowercase();
        if lower.starts_with("copy") && lower.contains("from stdin") {
            let end = self.rest().find("\n\\.").map_or(self.text.len(), |end| self.at + end + 3);
            self.at = end;
        }
        if !statement.is_empty() {
            self.found.push(statement);
        }
    }

    fn word(&mut self) {
        let rest = self.rest();
        let length = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '$').unwrap_or(rest.len());
        let word = rest[..length].to_lowercase();
        let is_function = || self.statement.trim_start().to_lowercase().starts_with("create");
        match word.as_str() {
            "atomic" if is_function() => self.blocks += 1,
            "case" if self.blocks > 0 => self.blocks += 1,
            "end" => self.blocks = self.blocks.saturating_sub(1),
            _ => {}
        }
        self.take(length);
    }

    fn quoted(&mut self, quote: char, escapes: bool) {
        let mut characters = self.text[self.at..].char_indices().skip(1);
        let mut length = self.rest().len();
        while let Some((at, character)) = characters.next() {
            if escapes && character == '\\' {
                characters.next();
            } else if character == quote {
                length = at + 1;
                break;
            }
        }
        self.take(length);
    }

    fn dollar(&mut self) {
        let rest = self.rest();
        let tag = rest[1..].find('$').map(|end| &rest[..end + 2]);
        let is_tag = |tag: &str| tag[1..tag.len() - 1].chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        match tag.filter(|tag| is_tag(tag) && !rest[1..].starts_with(|digit: char| digit.is_ascii_digit())) {
            Some(tag) => {
                let end = rest[tag.len()..].find(tag).map_or(rest.len(), |end| end + 2 * tag.len());
                self.take(end);
            }
            None => self.take(1),
        }
    }

    fn skip_line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    fn skip_comment(&mut self) {
        let mut depth = 0;
        let start = self.at;
        while self.at < self.text.len() {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.rest().starts_with("*/") {
                depth -= 1;
                self.at += 2;
            } else {
                self.at += self.rest().chars().next().map_or(1, char::len_utf8);
            }
            if depth == 0 && self.at > start {
                break;
            }
        }
        self.statement.push(' ');
    }

    /// `\g`, `\gset` and their kin end a statement; other commands are psql's own.
    fn command(&mut self) {
        let line = self.rest().lines().next().unwrap_or_default().to_owned();
        if let Some(end) = line.find("\\;") {
            self.take(end);
            self.at += 2;
            self.end();
            return;
        }
        self.skip_line();
        let ends = ["\\g", "\\crosstabview", "\\bind", "\\parse", "\\watch"].iter().any(|command| line.starts_with(command));
        if ends {
            self.end();
        }
    }

    /// `:name`, `:'name'` and `:"name"` become something that the grammar takes.
    fn variable(&mut self) {
        let rest = self.rest();
        let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
        let name = rest[1..].trim_start_matches(['\'', '"']);
        let begins = name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_');
        let is_cast = rest.starts_with("::") || rest.starts_with(":=") || self.statement.ends_with(':');
        let is_slice =
            self.statement.trim_end().ends_with(|letter: char| letter.is_alphanumeric()) && self.statement.contains('[');
        if is_cast || is_slice || !begins {
            self.take(if rest.starts_with("::") { 2 } else { 1 });
            return;
        }
        let quote = &rest[1..rest.len() - name.len()];
        let length = name.find(|letter| !is_name(letter)).unwrap_or(name.len());
        let (substitute, n_quotes) = (format!("{quote}{}{quote}", &name[..length]), quote.len());
        self.statement.push_str(&substitute);
        self.at += 1 + 2 * n_quotes + length;
    }
}
