//! The one place where foreign statements are planned.
//!
//! `EXPLAIN (FORMAT JSON)` and the text, which was parsed before as exactly one statement that reads or writes rows; never `ANALYZE`. The
//! options are written out, so that the text cannot begin with some of its own. Values are bound as text: the server plans for these
//! values as if they stood in the statement (`exec_bind_message` in `postgres.c` marks them constant; a live test compares the costs).
//!
//! Each statement has a savepoint, so that what one did wrong is not the next one's, and its locks go with it; the transaction is
//! read-only and rolled back. Messages of a page are sent one behind the other without waiting for answers.
//!
//! Limits: where `pg_stat_statements.track_utility` is on, each text that is planned becomes an entry there, unless this session may
//! switch the recording off for itself (superusers). Plan many statements on a twin, not on production.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use pgtailor_model::binding::Binding;
use pgtailor_model::name::{quote_identifier, quote_literal};
use pgtailor_sql::plannable::{parameters, reading_form, why_not_plannable, with_casts};
use serde_json::Value;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Row};

use super::path;
use super::refusal::Refusal;
use super::trust::{ForeignCode, Trust};
use super::types::Prepared;
use crate::error::Error;
use crate::session::{Limits, ReadOnlySession};
use crate::text_value::TextValue;

/// Statements that are on their way at a time.
const AT_A_TIME: usize = 40;

/// More than some sixty levels of nodes are refused by the JSON parser, which says so by failing.
pub(super) const TOO_DEEP: &str = "its plan is nested too deeply to be read";

/// How to plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// What to do with statements that could call code from outside `pg_catalog`, in a session with power over others.
    pub foreign_code: ForeignCode,
    /// Longest planning of one statement, and longest wait for a lock.
    pub limits: Limits,
    /// Whose server it is.
    pub server: Server,
}

/// Whose server plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Server {
    /// Somebody's: every statement gives its locks back before the next one, and is kept out of `pg_stat_statements` where that can be.
    #[default]
    Target,
    /// Ours, with a role that owns nothing: a page of statements shares a transaction, which takes a third of the messages. Nothing foreign
    /// is refused.
    Own,
}

/// Two seconds, a quarter of a second for a lock, and nothing foreign in a powerful session.
impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            foreign_code: ForeignCode::Refuse,
            limits: Limits::OBSERVER.with_statement(Duration::from_secs(2)),
            server: Server::Target,
        }
    }
}

/// A statement to be planned, and the values to plan it for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The statement.
    pub statement: &'a Prepared,
    /// The values; `None` for the plan that serves any values (the *generic* plan).
    pub binding: Option<&'a Binding>,
}

/// Planner costs of `questions`, in their order: the total cost of the whole plan, in the units of `seq_page_cost`.
///
/// # Errors
/// [`Error`] when the session is lost. A statement that is not planned is a value: [`Refusal`].
pub async fn plan_costs(
    session: &mut ReadOnlySession,
    questions: &[Question<'_>],
    search_path: &[String],
    options: PlanOptions,
) -> Result<Vec<Result<f64, Refusal>>, Error> {
    let plans = plans(session, questions, search_path, options).await?;
    let cost = |plan: Value| plan[0]["Plan"]["Total Cost"].as_f64().ok_or_else(|| Refusal::ours("its plan has no cost"));
    Ok(plans.into_iter().map(|plan| plan.and_then(cost)).collect())
}

/// Plans of `questions` as the server writes them in JSON, in their order. They hold values of the bindings: personal data.
///
/// A role that may not write plans the reading form of a statement that writes: the cost is the same, the top node is not.
pub async fn plans(
    session: &mut ReadOnlySession,
    questions: &[Question<'_>],
    search_path: &[String],
    options: PlanOptions,
) -> Result<Vec<Result<Value, Refusal>>, Error> {
    plans_under(session, questions, search_path, &BTreeMap::new(), options).await
}

/// The same under other `settings`, as `SET` takes them.
pub async fn plans_under(
    session: &mut ReadOnlySession,
    questions: &[Question<'_>],
    search_path: &[String],
    settings: &BTreeMap<String, String>,
    options: PlanOptions,
) -> Result<Vec<Result<Value, Refusal>>, Error> {
    let client = &session.client;
    let trust = match options.server {
        Server::Target => Trust::read(client, options.foreign_code).await?,
        Server::Own => Trust::Everything,
    };
    let mut begin = begin(client, search_path, options).await?;
    for (name, value) in settings {
        let _ = write!(begin, "; SET /* pgtailor */ LOCAL {} TO {}", quote_identifier(name), quote_literal(value));
    }
    let mut answers: Vec<Result<Value, Refusal>> = {
        // What has as many values as parameters is asked for below.
        let unfit = Refusal::ours("its binding has not as many values as it has parameters");
        vec![Err(unfit); questions.len()]
    };

    let mut allowed: BTreeMap<&str, Result<(), Refusal>> = BTreeMap::new();
    let mut own = Vec::new();
    for (place, question) in questions.iter().enumerate() {
        let text = question.statement.text.as_str();
        let verdict = allowed.entry(text).or_insert_with(|| match options.server {
            Server::Target => {
                why_not_plannable(text).map_err(Refusal::ours)?;
                trust.check(text)
            }
            // What is no single statement that can be explained is refused there, and parsing it here as well takes as long as planning it.
            Server::Own => Ok(()),
        });
        match verdict {
            Ok(()) => own.push(Asked { place, text: text.to_owned(), question: *question }),
            Err(refusal) => answers[place] = Err(refusal.clone()),
        }
    }
    ask_all(client, options.server, &begin, &own, &mut answers).await?;

    let mut forms: BTreeMap<&str, Option<String>> = BTreeMap::new();
    let mut reading = Vec::new();
    for Asked { place, question, .. } in &own {
        let is_denied = |refusal: &Refusal| refusal.sqlstate.as_deref() == Some("42501");
        if answers[*place].as_ref().is_err_and(is_denied) {
            let form = forms.entry(question.statement.text.as_str()).or_insert_with(|| reading_text(question.statement));
            if let Some(text) = form {
                reading.push(Asked { place: *place, text: text.clone(), question: *question });
            }
        }
    }
    ask_all(client, options.server, &begin, &reading, &mut answers).await?;
    Ok(answers)
}

/// What to send for one question.
struct Asked<'a> {
    /// The position of the question.
    place: usize,
    text: String,
    question: Question<'a>,
}

/// The reading form with the types that the parameters had where they were written.
fn reading_text(statement: &Prepared) -> Option<String> {
    let form = reading_form(&statement.text).ok().filter(|form| *form != statement.text)?;
    with_casts(&form, &(1..).zip(statement.types.iter().cloned()).collect())
}

/// The beginning of each transaction.
async fn begin(client: &Client, search_path: &[String], options: PlanOptions) -> Result<String, Error> {
    let limits = options.limits;
    let mut begin = format!(
        "BEGIN /* pgtailor */ READ ONLY; SET /* pgtailor */ LOCAL {}; SET /* pgtailor */ LOCAL statement_timeout = '{}ms'; \
         SET /* pgtailor */ LOCAL lock_timeout = '{}ms'; SET /* pgtailor */ LOCAL client_min_messages = error; \
         SET /* pgtailor */ LOCAL plan_cache_mode = force_generic_plan",
        path::setting(search_path),
        limits.statement.as_millis(),
        limits.lock.as_millis()
    );
    if options.server == Server::Own {
        return Ok(begin);
    }
    let may_hide = "SELECT /* pgtailor */ r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
    let row = client.query_typed_opt(may_hide, &[]).await.map_err(|error| Error::query("examine this role", error))?;
    if row.is_some_and(|row| row.get(0)) {
        begin.push_str("; SET /* pgtailor */ LOCAL pg_stat_statements.track = 'none'");
    }
    Ok(begin)
}

async fn ask_all(
    client: &Client,
    server: Server,
    begin: &str,
    asked: &[Asked<'_>],
    answers: &mut [Result<Value, Refusal>],
) -> Result<(), Error> {
    for page in asked.chunks(AT_A_TIME) {
        let mut replies = ask(client, server, begin, page).await;
        // Without savepoints the failure of one is the next one's: then once more with them.
        if server == Server::Own && replies.iter().flatten().any(|(_, outcome)| outcome.is_err()) {
            replies = ask(client, Server::Target, begin, page).await;
        }
        for (place, outcome) in replies.into_iter().flatten() {
            answers[place] = match outcome {
                Ok(plan) => serde_json::from_str(&plan).map_err(|_| Refusal::ours(TOO_DEEP)),
                Err(error) => Err(Refusal::from_server("plan a statement", error)?),
            };
        }
        if client.is_closed() {
            // The next statement says how it ended.
            client.batch_execute("").await.map_err(|error| Error::query("plan statements", error))?;
        }
    }
    Ok(())
}

/// Sends a page as one transaction.
async fn ask(client: &Client, server: Server, begin: &str, page: &[Asked<'_>]) -> Vec<Reply> {
    let mut messages: Vec<Message<'_>> = vec![command(client, begin)];
    for one in page {
        let own = messages_of(client, server, one);
        match server {
            Server::Target => {
                messages.push(command(client, SAVEPOINT));
                messages.extend(own);
                messages.push(command(client, BACK));
            }
            Server::Own => messages.extend(own),
        }
    }
    messages.push(command(client, "ROLLBACK /* pgtailor */"));
    in_order(messages).await
}

/// What a message brings: the place of a question with the text of its plan, or nothing that anybody needs.
type Reply = Option<(usize, Result<String, tokio_postgres::Error>)>;

/// Sent when it is polled first, done when it is answered.
pub(super) type Message<'a, T = Reply> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

const SAVEPOINT: &str = "SAVEPOINT /* pgtailor */ pgtailor_plan";
const BACK: &str = "ROLLBACK /* pgtailor */ TO SAVEPOINT pgtailor_plan";

fn messages_of<'a>(client: &'a Client, server: Server, asked: &'a Asked<'_>) -> Vec<Message<'a>> {
    let types = &asked.question.statement.types;
    let place = asked.place;
    match asked.question.binding {
        Some(binding) if binding.values.len() != types.len() => Vec::new(),
        None if !types.is_empty() => {
            let nulls = vec!["NULL"; types.len()].join(", ");
            let prepare = format!("PREPARE /* pgtailor */ pgtailor_generic ({}) AS {}", types.join(", "), asked.text);
            let explain = format!("EXPLAIN /* pgtailor */ (FORMAT JSON) EXECUTE pgtailor_generic ({nulls})");
            let plan = async move {
                // Both are sent before the first answer comes.
                let (prepared, plan) =
                    futures_util::future::join(client.query_typed(&prepare, &[]), client.query_typed_one(&explain, &[])).await;
                Some((place, prepared.and(plan).and_then(|row| plan_in(&row))))
            };
            // A failure leaves the transaction failed until it goes back; before anything was prepared DEALLOCATE fails as well, and whoever
            // sent the savepoint goes back once more.
            let forget = command(client, "DEALLOCATE /* pgtailor */ pgtailor_generic");
            match server {
                Server::Target => vec![plan.boxed(), command(client, BACK), forget],
                Server::Own => vec![plan.boxed(), forget],
            }
        }
        binding => {
            let values = binding.map(|binding| binding.values.as_slice()).unwrap_or_default();
            let values: Vec<TextValue<'_>> = values.iter().map(|value| TextValue(value.as_ref())).collect();
            let used = parameters(&asked.text);
            let sql = format!("EXPLAIN /* pgtailor */ (FORMAT JSON) {}", asked.text);
            let plan = async move {
                // Of unknown type: the server infers it from the text, as it did before. What the text does not use has any.
                let bound: Vec<(&(dyn ToSql + Sync), Type)> = (1..)
                    .zip(&values)
                    .map(|(number, value)| {
                        let inferred = if used.contains(&number) { Type::UNKNOWN } else { Type::TEXT };
                        (value as &(dyn ToSql + Sync), inferred)
                    })
                    .collect();
                Some((place, client.query_typed_one(&sql, &bound).await.and_then(|row| plan_in(&row))))
            };
            vec![plan.boxed()]
        }
    }
}

fn plan_in(row: &Row) -> Result<String, tokio_postgres::Error> {
    row.try_get::<_, PlanText>(0).map(|plan| plan.0)
}

/// The text of a plan: a column of type `json`, not yet looked into.
struct PlanText(String);

impl<'a> FromSql<'a> for PlanText {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(String::from_utf8_lossy(raw).into_owned()))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::JSON
    }
}

/// One of our own statements. What goes wrong with it goes wrong with the statement that it is for.
fn command<'a>(client: &'a Client, sql: &'a str) -> Message<'a> {
    client.batch_execute(sql).map(|_| None).boxed()
}

/// Answers of all messages. Each is polled once in their order, so that they are *sent* in their order; a general join makes no promise about
/// that. The server answers in the same order, so then one after the other is waited for.
pub(super) async fn in_order<T>(mut messages: Vec<Message<'_, T>>) -> Vec<T> {
    let mut first: Vec<Poll<T>> = Vec::with_capacity(messages.len());
    std::future::poll_fn(|context| {
        first.extend(messages.iter_mut().map(|message| message.as_mut().poll(context)));
        Poll::Ready(())
    })
    .await;
    let mut replies = Vec::with_capacity(messages.len());
    for (message, first) in messages.into_iter().zip(first) {
        replies.push(match first {
            Poll::Ready(reply) => reply,
            Poll::Pending => message.await,
        });
    }
    replies
}
