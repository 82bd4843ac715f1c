//! What the reader gives to its caller: one execution of one statement.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use pgtailor_model::unit::Milliseconds;

use crate::entry::Entry;
use crate::message::{Part, Sent, Time};
use crate::moment;
use crate::parameters::Parameters;

/// One execution of one statement, borrowed from the log.
///
/// The text is as it was sent, literals included: users' data, which `{:?}` does not print.
#[derive(Clone, Copy)]
pub struct Execution<'a> {
    /// What was sent. Of the simple protocol it can be several statements; utility statements are there like any other.
    pub text: &'a str,
    /// The `PREPARE` behind an `EXECUTE`, when the log shows it: the statement that really ran.
    pub prepared: Option<&'a str>,
    /// Which part of the execution this is.
    pub part: Part,
    /// The values of its parameters.
    pub parameters: Parameters<'a>,
    /// How long it took; `None` when the log does not say (`log_statement` without `log_duration`).
    pub duration: Option<Milliseconds>,
    /// How long parsing and planning it took, when logged (extended protocol only).
    pub planning: Option<Milliseconds>,
    /// Total cost of its plan as `auto_explain` logged it, in planner cost units.
    pub plan_cost: Option<f64>,
    /// The server's identifier of the normalized statement (`compute_query_id`, server 14 and later).
    pub query_id: Option<i64>,
    /// `application_name`.
    pub application: Option<&'a str>,
    /// The role that logged in.
    pub user: Option<&'a str>,
    /// The database.
    pub database: Option<&'a str>,
    /// The number of the line of the log where it begins, from 1.
    pub line: u64,
    written_at: &'a [u8],
}

impl Execution<'_> {
    /// When it was logged, which is when it ended (when it began, if `log_statement` alone tells of it). `None` when the log does not
    /// say or says it in a way that is not understood; a zone that is not understood is taken as UTC.
    pub fn at(&self) -> Option<Timestamp> {
        moment::parse(self.written_at).map(|moment| moment.at)
    }
}

/// Without the texts.
impl fmt::Debug for Execution<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Execution");
        fields.field("line", &self.line).field("text", &format_args!("{} bytes", self.text.len()));
        fields.field("parameters", &self.parameters).field("duration", &self.duration).finish_non_exhaustive()
    }
}

/// An execution while it is put together from one or several entries.
#[derive(Clone)]
pub(crate) struct Draft<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) prepared: Option<Cow<'a, str>>,
    pub(crate) sent: Sent,
    pub(crate) parameters: Cow<'a, str>,
    pub(crate) duration: Option<Time>,
    pub(crate) planning: Option<Time>,
    pub(crate) plan_cost: Option<f64>,
    query_id: Option<i64>,
    application: Option<Cow<'a, str>>,
    user: Option<Cow<'a, str>>,
    database: Option<Cow<'a, str>>,
    line: u64,
    written_at: Cow<'a, [u8]>,
}

impl<'a> Draft<'a> {
    /// What `entry` says of the statement `text`.
    pub(crate) fn of(entry: &Entry<'a>, text: Cow<'a, str>, sent: Sent) -> Self {
        let mut draft = Self {
            text,
            prepared: None,
            sent,
            parameters: Cow::Borrowed(""),
            duration: None,
            planning: None,
            plan_cost: None,
            query_id: query_id(entry.query_id),
            application: entry.application.some_text(),
            user: entry.user.some_text(),
            database: entry.database.some_text(),
            line: entry.line,
            written_at: Cow::Borrowed(entry.at),
        };
        if let Some(detail) = entry.detail.some_text() {
            draft.take_detail(detail);
        }
        draft
    }

    fn take_detail(&mut self, detail: Cow<'a, str>) {
        if let Some(length) = detail.strip_prefix("prepare: ").map(str::len) {
            self.prepared = Some(end_of(detail, length));
        } else {
            let length = Parameters::of_detail(&detail).list().len();
            self.parameters = end_of(detail, length);
        }
    }

    /// The same, borrowing nothing.
    pub(crate) fn keep(self) -> Draft<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Draft {
            text: own(self.text),
            prepared: self.prepared.map(own),
            sent: self.sent,
            parameters: own(self.parameters),
            duration: self.duration,
            planning: self.planning,
            plan_cost: self.plan_cost,
            query_id: self.query_id,
            application: self.application.map(own),
            user: self.user.map(own),
            database: self.database.map(own),
            line: self.line,
            written_at: Cow::Owned(self.written_at.into_owned()),
        }
    }

    /// Whether a plan that `auto_explain` logs with `text` can be of this execution: that of an `EXECUTE` has the text of its `PREPARE`.
    pub(crate) fn may_have_plan_of(&self, text: &str) -> bool {
        self.text == text || self.prepared.as_deref() == Some(text)
    }

    /// Takes from the plan of the same execution what this does not know yet.
    pub(crate) fn take_plan(&mut self, plan: Draft<'a>) {
        self.plan_cost = plan.plan_cost;
        self.duration = self.duration.or(plan.duration);
        self.query_id = self.query_id.or(plan.query_id);
        if self.parameters.is_empty() {
            self.parameters = plan.parameters;
        }
    }

    /// Memory that it holds while it is kept, in bytes, nearly.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.parameters.len() + self.prepared.as_ref().map_or(0, |text| text.len()) + 256
    }

    /// For the caller.
    pub(crate) fn execution(&self) -> Execution<'_> {
        Execution {
            text: &self.text,
            prepared: self.prepared.as_deref(),
            part: self.sent.part(),
            parameters: Parameters::of_list(&self.parameters),
            duration: self.duration.map(Time::milliseconds),
            planning: self.planning.map(Time::milliseconds),
            plan_cost: self.plan_cost,
            query_id: self.query_id,
            application: self.application.as_deref(),
            user: self.user.as_deref(),
            database: self.database.as_deref(),
            line: self.line,
            written_at: &self.written_at,
        }
    }
}

/// The last `length` bytes of `text`.
fn end_of(text: Cow<'_, str>, length: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[text.len() - length..]),
        Cow::Owned(mut text) => {
            text.drain(..text.len() - length);
            Cow::Owned(text)
        }
    }
}

/// 0 is none (`%Q` and csvlog print it so).
fn query_id(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|id| *id != 0)
}
