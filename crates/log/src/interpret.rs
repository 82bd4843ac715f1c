//! Entries to executions: what belongs together becomes one, what ran in parts is told apart, and everything is counted.
//!
//! One execution can leave up to five entries: its parsing and its planning, its beginning (`log_statement`), its duration, and its plan
//! (`auto_explain`). They stand next to each other within their session, with entries of other sessions between them. This module must
//! not know how an entry was written.

use std::borrow::Cow;

use crate::entry::{Entry, Severity};
use crate::execution::{Draft, Execution};
use crate::hash::hash;
use crate::message::{Message, Sent, Time, classify};
use crate::options::End;
use crate::plan;
use crate::position::Position;
use crate::sessions::{Given, Session, Sessions, Stage, Waiting};
use crate::tally::Tally;

/// Who is told of executions.
pub(crate) type Each<'e> = &'e mut dyn FnMut(&Execution<'_>);

/// Puts executions together.
pub(crate) struct Interpreter<'o> {
    database: Option<&'o str>,
    pub(crate) sessions: Sessions,
    /// Whether the log has durations in entries of their own: only then it makes sense to wait for one.
    pub(crate) durations_apart: bool,
    pub(crate) tally: Tally,
}

/// An entry about a statement, its text made readable.
struct Statement<'a> {
    entry: &'a Entry<'a>,
    sent: Sent,
    text: Cow<'a, str>,
}

impl<'o> Interpreter<'o> {
    /// For the statements of `database`, or of all; goes on with what waits at `position`.
    pub(crate) fn new(database: Option<&'o str>, position: &Position) -> Self {
        let sessions = position.sessions.clone();
        Self { database, sessions, durations_apart: position.durations_apart, tally: Tally::default() }
    }

    /// Takes the next entry of the log.
    pub(crate) fn take(&mut self, entry: &Entry<'_>, each: Each<'_>) {
        self.tally.entry(entry.at);
        match entry.severity {
            Severity::Log => self.log(entry, each),
            Severity::Error => self.error(entry, each),
            Severity::Unknown => self.tally.translated += 1,
            Severity::Other => {}
        }
    }

    /// Ends the reading: gives what waits, or keeps what waits for its duration when the log may grow and has durations apart at all.
    pub(crate) fn end(&mut self, end: End, each: Each<'_>) {
        let keep_begun = end == End::Growing && self.durations_apart;
        for (key, mut session) in self.sessions.drain() {
            let begun = session.waiting.take_if(|waiting| keep_begun && waiting.stage == Stage::Began);
            if let Some(waiting) = session.waiting.take() {
                session.given = Some(Given { stage: waiting.stage, text: hash(waiting.draft.text.as_bytes()) });
                self.give(&waiting.draft, each);
            }
            session.waiting = begun;
            if end == End::Growing {
                self.put(key, session, each);
            }
        }
    }

    fn log(&mut self, entry: &Entry<'_>, each: Each<'_>) {
        let message = classify(entry.message.bytes);
        match message {
            Message::Other => return,
            Message::Translated => {
                self.tally.translated += 1;
                return;
            }
            _ => {}
        }
        if !self.is_wanted(entry) {
            self.tally.other_databases += 1;
            return;
        }
        self.tally.unnamed_databases += u64::from(self.database.is_some() && entry.database.bytes.is_empty());
        let statement = |sent, from| Statement { entry, sent, text: entry.message.after(from).text() };
        match message {
            Message::Ran { sent, time, text } => self.ran(statement(sent, text), time, each),
            Message::Planned { time, text } => self.planned(&statement(Sent::Extended, text), time, each),
            Message::Began { sent, text } => self.began(statement(sent, text), each),
            Message::Took(time) => self.took(entry, time, each),
            Message::Plan { time, body } => self.plan(entry, &entry.message.after(body).text(), time, each),
            Message::Other | Message::Translated => {}
        }
    }

    /// A statement that had begun has failed; an execution whose plan was waited for is done.
    fn error(&mut self, entry: &Entry<'_>, each: Each<'_>) {
        if !self.is_wanted(entry) {
            self.tally.other_databases += 1;
            return;
        }
        self.tally.errors_logged += 1;
        if self.sessions.is_empty() || entry.session.is_empty() {
            return;
        }
        if let Some(waiting) = self.sessions.take(hash(entry.session)).waiting.filter(|waiting| waiting.stage != Stage::Began) {
            self.give(&waiting.draft, each);
        }
    }

    fn ran(&mut self, statement: Statement<'_>, time: Time, each: Each<'_>) {
        let key = hash(statement.entry.session);
        let may_wait = statement.sent != Sent::Simple && !statement.entry.session.is_empty();
        let mut draft = self.draft(statement);
        draft.duration = Some(time);
        if self.sessions.is_empty() && !may_wait {
            self.give(&draft, each);
            return;
        }
        let session = self.sessions.take(key);
        draft.planning = session.planning_of(&draft.text);
        if session.gave(Stage::Planned, &draft.text) {
            return;
        }
        match session.waiting {
            Some(plan) if plan.stage == Stage::Planned && draft.may_have_plan_of(&plan.draft.text) => {
                draft.take_plan(plan.draft);
                self.give(&draft, each);
                return;
            }
            Some(other) => self.give(&other.draft, each),
            None => {}
        }
        if may_wait {
            self.put(key, Session::waiting(Stage::Ran, draft.keep()), each);
        } else {
            self.give(&draft, each);
        }
    }

    fn planned(&mut self, statement: &Statement<'_>, time: Time, each: Each<'_>) {
        let key = hash(statement.entry.session);
        let text = hash(statement.text.as_bytes());
        let mut session = self.sessions.take(key);
        let before = session.planning.filter(|(other, _)| *other == text).map_or(0, |(_, time)| time.0);
        session.planning = Some((text, Time(time.0.saturating_add(before))));
        self.put(key, session, each);
    }

    fn began(&mut self, statement: Statement<'_>, each: Each<'_>) {
        if statement.entry.session.is_empty() {
            // Nobody could tell which duration is its own.
            let draft = self.draft(statement);
            self.give(&draft, each);
            return;
        }
        let key = hash(statement.entry.session);
        let session = self.sessions.take(key);
        if let Some(other) = &session.waiting {
            self.give(&other.draft, each);
        }
        let mut draft = self.draft(statement).keep();
        draft.planning = session.planning_of(&draft.text);
        self.put(key, Session::waiting(Stage::Began, draft), each);
    }

    fn took(&mut self, entry: &Entry<'_>, time: Time, each: Each<'_>) {
        self.durations_apart = true;
        let key = hash(entry.session);
        let mut session = if entry.session.is_empty() { Session::default() } else { self.sessions.take(key) };
        match session.waiting.take() {
            Some(mut begun) if begun.stage == Stage::Began => {
                begun.draft.duration = Some(time);
                if begun.draft.plan_cost.is_none() && begun.draft.sent != Sent::Simple {
                    begun.stage = Stage::Ran;
                    session.waiting = Some(begun);
                } else {
                    self.give(&begun.draft, each);
                }
            }
            other => {
                session.waiting = other;
                self.tally.durations_alone += 1;
            }
        }
        self.put(key, session, each);
    }

    fn plan(&mut self, entry: &Entry<'_>, body: &str, time: Time, each: Each<'_>) {
        let plan = match plan::read(body) {
            Ok(plan) => plan,
            Err(reason) => {
                self.tally.skip(reason, entry.line);
                return;
            }
        };
        let text = Cow::Borrowed(&*plan.text);
        let mut draft = self.draft(Statement { entry, sent: Sent::Simple, text });
        (draft.plan_cost, draft.duration, draft.parameters) = (plan.cost, Some(time), plan.parameters);
        let key = hash(entry.session);
        let mut session = self.sessions.take(key);
        if session.gave(Stage::Ran, &draft.text) {
            self.put(key, Session { given: None, ..session }, each);
            return;
        }
        session.given = None;
        match session.waiting.take() {
            Some(mut same) if same.stage != Stage::Planned && same.draft.may_have_plan_of(&draft.text) => {
                same.draft.take_plan(draft.keep());
                if same.stage == Stage::Began {
                    session.waiting = Some(same);
                } else {
                    self.give(&same.draft, each);
                }
            }
            // A statement inside a function of the one that began (`auto_explain.log_nested_statements`).
            Some(outer) if outer.stage == Stage::Began => {
                session.waiting = Some(outer);
                self.give(&draft, each);
            }
            other => {
                if let Some(other) = other {
                    self.give(&other.draft, each);
                }
                session.waiting = Session::waiting(Stage::Planned, draft.keep()).waiting;
            }
        }
        self.put(key, session, each);
    }

    fn draft<'a>(&mut self, statement: Statement<'a>) -> Draft<'a> {
        if statement.text.contains(char::REPLACEMENT_CHARACTER) {
            self.tally.not_utf8 += 1;
        }
        Draft::of(statement.entry, statement.text, statement.sent)
    }

    fn give(&mut self, draft: &Draft<'_>, each: Each<'_>) {
        self.tally.execution(draft);
        each(&draft.execution());
    }

    fn put(&mut self, key: u64, session: Session, each: Each<'_>) {
        for forgotten in self.sessions.put(key, session) {
            self.give(&forgotten, each);
        }
    }

    /// Whether the entry is of the database asked for. One that names none counts, since its prefix may have no `%d`.
    fn is_wanted(&self, entry: &Entry<'_>) -> bool {
        let Some(wanted) = self.database else { return true };
        entry.database.bytes.is_empty() || entry.database.bytes == wanted.as_bytes() || entry.database.text() == wanted
    }
}

impl Session {
    /// One in which `draft` waits.
    fn waiting(stage: Stage, draft: Draft<'static>) -> Self {
        Self { waiting: Some(Box::new(Waiting { stage, draft })), ..Self::default() }
    }

    /// The planning time of the statement `text`, if that is what was planned last.
    fn planning_of(&self, text: &str) -> Option<Time> {
        self.planning.filter(|(planned, _)| *planned == hash(text.as_bytes())).map(|(_, time)| time)
    }

    /// Whether the other half of an execution of `text` was given when the last reading ended.
    fn gave(&self, stage: Stage, text: &str) -> bool {
        self.given.is_some_and(|given| given == Given { stage, text: hash(text.as_bytes()) })
    }
}
