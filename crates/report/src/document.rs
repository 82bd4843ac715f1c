//! The one view model: what a report says, as ordered blocks, without any idea of how it looks.
//!
//! Texts in a document are raw: they may hold names and statements of a hostile database. Every format makes them harmless at the
//! place where it writes them, so a report never escapes anything.

/// A report as ordered blocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// What the report is, in a few words.
    pub title: String,
    /// First to last.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// The title of what follows.
    Heading(String),
    /// Prose.
    Paragraph(String),
    /// Labelled values, one a line.
    Facts(Vec<Fact>),
    /// Few numbers that say the most, with their names.
    Figures(Vec<Figure>),
    /// Rows and columns.
    Table(Table),
    /// Sentences, one a line.
    List(Vec<String>),
    /// A numbered thing with its facts: a step, a finding.
    Item(Item),
    /// A statement of SQL.
    Sql(String),
    /// A sentence that must be seen.
    Note(Tone, String),
    /// A drawing. A table says the same, so formats without drawings leave it out.
    Chart(Chart),
    /// What to do next; the last block.
    Next(String),
}

/// What a mark means; formats may show it by colour, and the text says it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// As wished.
    Good,
    /// Wants attention.
    Warning,
    /// Wrong.
    Bad,
    /// Less important than the rest.
    Quiet,
}

/// A labelled value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// The value, with its unit.
    pub value: Text,
    /// Where a number comes from, and anything else that belongs beside it; empty when there is nothing to say.
    pub source: String,
}

/// Text, by the way in which it may be broken into lines.
#[derive(Clone, Debug, PartialEq)]
pub enum Text {
    /// Words, wrapped.
    Prose(String),
    /// A statement that someone may copy: wrapped where SQL allows, never cut.
    Sql(String),
    /// A normalized statement to recognise, not to run: cut to a line where room is short.
    Excerpt(String),
    /// A command for a shell: continued as a shell continues it, so that what is copied runs.
    Shell(String),
}

/// One number that says much.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it is.
    pub label: String,
    /// The value, with its unit.
    pub value: String,
    /// Where it comes from, and what it was before.
    pub source: String,
    /// What it means.
    pub tone: Tone,
}

/// Rows and columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What the table shows and where its numbers come from.
    pub caption: String,
    /// The columns, left to right.
    pub columns: Vec<Column>,
    /// The rows, top to bottom, each with one cell a column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its title.
    pub title: String,
    /// Where its cells stand and what may happen to long ones.
    pub kind: ColumnKind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Numbers with units: right-aligned, never broken.
    Number,
    /// Names and sentences: left-aligned, wrapped.
    Words,
    /// Statements: left-aligned, cut with `…`.
    Excerpt,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Its text.
    pub text: String,
    /// What it means.
    pub tone: Tone,
}

/// A numbered thing with its facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its number, from 1.
    pub number: usize,
    /// A word about it, with what that means: `applied`, `critical`.
    pub badge: Option<(Tone, String)>,
    /// What it is.
    pub title: Text,
    /// Its facts, first to last.
    pub facts: Vec<Fact>,
}

/// A drawing.
#[derive(Clone, Debug, PartialEq)]
pub enum Chart {
    /// Two bars for each label, on a logarithmic axis.
    Pairs(Pairs),
    /// Distribution curves: what part of the executions took no longer than x, on a logarithmic axis.
    Curves(Curves),
    /// A sentence that explains the drawings after it.
    Legend(String),
}

/// Pairs of bars, in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairs {
    /// What it shows.
    pub title: String,
    /// The axis, with its unit.
    pub axis: String,
    /// Names of the first and the second bar.
    pub legend: (String, String),
    /// Top to bottom.
    pub pairs: Vec<Pair>,
}

/// Two bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// What is compared.
    pub label: String,
    /// The first bar, in milliseconds.
    pub first: f64,
    /// The second bar, in milliseconds.
    pub second: f64,
    /// The difference in words.
    pub difference: String,
}

/// Distribution curves.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// What it shows.
    pub title: String,
    /// The horizontal axis, with its unit.
    pub axis: String,
    /// Names of the first and the second curve.
    pub legend: (String, String),
    /// Quantiles in milliseconds, ascending, evenly spaced from probability 0 to 1.
    pub first: Vec<f64>,
    /// The second curve's.
    pub second: Vec<f64>,
    /// The ends of the horizontal axis in milliseconds, so that neighbours can be compared.
    pub range: (f64, f64),
}

impl Document {
    /// An empty document called `title`.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), blocks: Vec::new() }
    }

    /// Adds a heading.
    pub fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    /// Adds prose.
    pub fn paragraph(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Paragraph(text.into()));
    }

    /// Adds a sentence that must be seen.
    pub fn note(&mut self, tone: Tone, text: impl Into<String>) {
        self.blocks.push(Block::Note(tone, text.into()));
    }

    /// Adds what to do next.
    pub fn next(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Next(text.into()));
    }
}

impl Fact {
    /// Words under a label.
    pub fn words(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: Text::Prose(value.into()), source: String::new() }
    }

    /// A number under a label, with its provenance.
    pub fn number(label: impl Into<String>, value: impl Into<String>, source: impl Into<String>) -> Self {
        Self { label: label.into(), value: Text::Prose(value.into()), source: source.into() }
    }

    /// A statement under a label.
    pub fn sql(label: impl Into<String>, statement: impl Into<String>) -> Self {
        Self { label: label.into(), value: Text::Sql(statement.into()), source: String::new() }
    }

    /// A command under a label.
    pub fn shell(label: impl Into<String>, command: impl Into<String>) -> Self {
        Self { label: label.into(), value: Text::Shell(command.into()), source: String::new() }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Prose(String::new())
    }
}

impl Table {
    /// An empty table with these columns.
    pub fn new<'a>(caption: impl Into<String>, columns: impl IntoIterator<Item = (&'a str, ColumnKind)>) -> Self {
        let columns = columns.into_iter().map(|(title, kind)| Column { title: title.to_owned(), kind }).collect();
        Self { caption: caption.into(), columns, rows: Vec::new() }
    }
}

impl Cell {
    /// A cell with a meaning.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}
