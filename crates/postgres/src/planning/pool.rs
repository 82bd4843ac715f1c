//! Statements planned again and again, by several sessions on a server of ours.
//!
//! Beside planning a simple statement, everything else costs as much: reading its text, a dozen messages, waiting for each other. So a text is
//! given to the server once in a session (`PREPARE`, by the extended protocol, which takes a single statement), and each planning of it
//! is an `EXPLAIN … EXECUTE` with constants, which is a text of our own: a page of them is one message, and the next page is on its way
//! while an answer is read. Sessions take pages from one queue, so none is idle while another has work left.
//!
//! Only parsing and rewriting are kept. The plan is made anew each time: `force_custom_plan` sees to that, and, since a statement without
//! parameters would have its plan kept whatever that says (`choose_custom_plan` in `plancache.c`), such a one gets a parameter that it does
//! not use. The server analyzes a text again when a table of it changes. So settings that analyzing depends on do not come this way.
//!
//! What is refused here, and what has no values, is asked again in `explain`, one by one: the reasons are given there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::try_join_all;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use pgtailor_model::binding::{Binding, Literal};
use pgtailor_model::name::{quote_identifier, quote_literal};
use pgtailor_model::what_if::Question;
use pgtailor_sql::plannable::parameters;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::explain::{self, Message, PlanOptions, in_order, plans_under};
use super::nodes::{Outline, outline_in, outline_of};
use super::path;
use super::refusal::Refusal;
use super::types::Prepared;
use crate::error::Error;
use crate::session::ReadOnlySession;

/// Most statements in a message, and fewest when a batch is short: more would leave sessions idle at its end, fewer would begin too many
/// transactions.
const MOST_AT_A_TIME: usize = 40;
const FEWEST_AT_A_TIME: usize = 4;

/// Pages on their way in a session: one is planned while the other is read.
const PAGES_AHEAD: usize = 2;

/// Statements kept in a session; when it is full, the next batch begins anew. Each takes some ten kilobytes of the server's memory.
const MOST_KEPT: usize = 1_000;

const BEGIN: &str = "BEGIN /* pgtailor */ READ ONLY";
const ROLLBACK: &str = "ROLLBACK /* pgtailor */";

/// Sessions that plan together.
pub struct Pool {
    planners: Vec<Planner>,
    options: PlanOptions,
}

/// One session, and what was prepared in it.
struct Planner {
    session: ReadOnlySession,
    /// The search path that is set.
    path: Option<Vec<String>>,
    kept: BTreeMap<String, Kept>,
    /// How many were ever kept: names are not used twice.
    named: usize,
}

/// What became of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kept {
    /// Prepared under this name for so many values.
    As(String, usize),
    /// The server refused it, or a planning of it.
    Not,
}

impl Pool {
    /// Takes `sessions` over, all on one server of ours, in a role that owns nothing.
    pub fn of(sessions: Vec<ReadOnlySession>, options: PlanOptions) -> Self {
        let planner = |session| Planner { session, path: None, kept: BTreeMap::new(), named: 0 };
        Self { planners: sessions.into_iter().map(planner).collect(), options }
    }

    /// Plans `questions`, in their order, under `settings`, as `SET` takes them.
    ///
    /// # Errors
    /// [`Error`] when a session is lost. A statement that is not planned is a value: [`Refusal`].
    pub async fn plan(
        &mut self,
        questions: &[Question<'_>],
        search_path: &[String],
        settings: &BTreeMap<String, String>,
    ) -> Result<Vec<Result<Outline, Refusal>>, Error> {
        let share = questions.len().div_ceil(self.planners.len().max(1) * 4);
        let page = share.clamp(FEWEST_AT_A_TIME, MOST_AT_A_TIME);
        let next = AtomicUsize::new(0);
        let take = || {
            let start = next.fetch_add(page, Ordering::Relaxed);
            (start < questions.len()).then(|| start..questions.len().min(start + page))
        };
        let work = Work { questions, search_path, settings, options: self.options, take: &take };
        let parts = try_join_all(self.planners.iter_mut().map(|planner| planner.plan(&work))).await?;
        let mut answers: Vec<_> = questions.iter().map(|_| Err(Refusal::ours("it was not asked for"))).collect();
        for (place, answer) in parts.into_iter().flatten() {
            answers[place] = answer;
        }
        Ok(answers)
    }
}

/// What all sessions of a batch share.
struct Work<'a> {
    questions: &'a [Question<'a>],
    search_path: &'a [String],
    settings: &'a BTreeMap<String, String>,
    options: PlanOptions,
    /// The next page.
    take: &'a (dyn Fn() -> Option<Range<usize>> + Sync),
}

/// The place of a question, with its answer.
type Placed = (usize, Result<Outline, Refusal>);

/// A message that plans a page.
struct Page {
    /// Statements to prepare before it.
    new: Vec<String>,
    sql: String,
    /// The questions that it plans, in this order.
    asked: Vec<usize>,
}

impl Planner {
    async fn plan(&mut self, work: &Work<'_>) -> Result<Vec<Placed>, Error> {
        self.settle(work).await?;
        let Self { session, kept, named, .. } = self;
        let client = &session.client;
        let is_ours = work.settings.keys().all(|name| is_of_planning_alone(name));
        let mut later = Vec::new();
        let mut begin = format!("{BEGIN}; ");
        for (name, value) in work.settings {
            let _ = write!(begin, "SET /* pgtailor */ LOCAL {} TO {}; ", quote_identifier(name), quote_literal(value));
        }
        let pages = std::iter::from_fn(|| (work.take)()).map(|range| {
            if is_ours {
                return compose(kept, named, &mut later, &begin, work.questions, range);
            }
            later.extend(range);
            Page { new: Vec::new(), sql: String::new(), asked: Vec::new() }
        });
        let mut replies = stream::iter(pages).map(|page| send(client, page)).buffered(PAGES_AHEAD);
        let mut answers = Vec::new();
        let (mut failed, mut refused): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
        while let Some((asked, plans, error)) = replies.next().await {
            let n_planned = plans.len().min(asked.len());
            for (place, plan) in asked.iter().zip(plans) {
                answers.push((*place, plan.ok_or_else(|| Refusal::ours(explain::TOO_DEEP))));
            }
            failed.extend_from_slice(&asked[n_planned..]);
            let Some(error) = error.map(|error| Error::query("plan statements", error)) else { continue };
            if error.is_connection_lost() {
                return Err(error);
            }
            // The first that was not planned is the reason, unless the page before it failed (25P02) or settings are refused.
            if error.sqlstate() != Some("25P02") && work.settings.is_empty() {
                refused.extend(asked.get(n_planned));
            }
        }
        drop(replies);
        if !failed.is_empty() {
            client.batch_execute(ROLLBACK).await.map_err(|error| Error::query("plan statements", error))?;
        }
        for place in refused {
            kept.insert(work.questions[place].text.to_owned(), Kept::Not);
        }
        later.extend(failed);
        self.plan_one_by_one(work, &later, &mut answers).await?;
        Ok(answers)
    }

    /// By the way that gives reasons.
    async fn plan_one_by_one(&mut self, work: &Work<'_>, places: &[usize], answers: &mut Vec<Placed>) -> Result<(), Error> {
        if places.is_empty() {
            return Ok(());
        }
        let statements: Vec<Prepared> = places.iter().map(|place| Prepared::of(&work.questions[*place])).collect();
        let questions: Vec<explain::Question<'_>> = statements
            .iter()
            .zip(places)
            .map(|(statement, place)| explain::Question { statement, binding: work.questions[*place].binding })
            .collect();
        let plans = plans_under(&mut self.session, &questions, work.search_path, work.settings, work.options).await?;
        answers.extend(places.iter().copied().zip(plans.into_iter().map(|plan| plan.map(|plan| outline_of(&plan)))));
        Ok(())
    }

    /// Sets what holds for all pages, and makes room for further statements.
    async fn settle(&mut self, work: &Work<'_>) -> Result<(), Error> {
        let mut sql = String::new();
        if self.path.as_deref() != Some(work.search_path) {
            let limits = work.options.limits;
            let _ = write!(
                sql,
                "SET /* pgtailor */ {}; SET /* pgtailor */ statement_timeout = '{}ms'; SET /* pgtailor */ lock_timeout = '{}ms'; \
                 SET /* pgtailor */ client_min_messages = error; SET /* pgtailor */ plan_cache_mode = force_custom_plan; ",
                path::setting(work.search_path),
                limits.statement.as_millis(),
                limits.lock.as_millis()
            );
        }
        if self.kept.len() >= MOST_KEPT {
            for kept in std::mem::take(&mut self.kept).into_values() {
                if let Kept::As(name, _) = kept {
                    let _ = write!(sql, "DEALLOCATE /* pgtailor */ {name}; ");
                }
            }
        }
        if !sql.is_empty() {
            let client = &self.session.client;
            client.batch_execute(&sql).await.map_err(|error| Error::query("prepare a session for planning", error))?;
            self.path = Some(work.search_path.to_vec());
        }
        Ok(())
    }
}

/// The message for the questions in `range`; those that it cannot take go to `later`.
fn compose(
    kept: &mut BTreeMap<String, Kept>,
    named: &mut usize,
    later: &mut Vec<usize>,
    begin: &str,
    questions: &[Question<'_>],
    range: Range<usize>,
) -> Page {
    let mut page = Page { new: Vec::new(), sql: begin.to_owned(), asked: Vec::with_capacity(range.len()) };
    for place in range {
        let Question { text, types, binding } = questions[place];
        let values = binding.map(|binding| binding.values.as_slice()).unwrap_or_default();
        // Without values it is the generic plan, and another number of them is a mistake. No message holds a zero byte.
        let has_zero = |value: &Option<Literal>| value.as_ref().is_some_and(|value| value.expose().contains('\0'));
        if values.len() != types.len() || text.contains('\0') || values.iter().any(has_zero) {
            later.push(place);
            continue;
        }
        if !kept.contains_key(text) {
            if kept.len() >= MOST_KEPT {
                later.push(place);
                continue;
            }
            *named += 1;
            let name = format!("pgtailor_{named}");
            page.new.push(format!("PREPARE /* pgtailor */ {name} ({}) AS {text}", declared(text, types.len())));
            kept.insert(text.to_owned(), Kept::As(name, types.len()));
        }
        match &kept[text] {
            Kept::As(name, n_values) if *n_values == values.len() => {
                let _ = write!(page.sql, "EXPLAIN /* pgtailor */ (FORMAT JSON) EXECUTE {name} (");
                add_values(&mut page.sql, binding);
                page.sql.push_str("); ");
                page.asked.push(place);
            }
            Kept::As(..) | Kept::Not => later.push(place),
        }
    }
    page.sql.push_str(ROLLBACK);
    page
}

/// The types of a statement's parameters. The server infers those that the text uses, as it does without `PREPARE`.
fn declared(text: &str, n_values: usize) -> String {
    let used = parameters(text);
    let types: Vec<&str> =
        (1..).take(n_values.max(1)).map(|number: u32| if used.contains(&number) { "unknown" } else { "text" }).collect();
    types.join(", ")
}

fn add_values(sql: &mut String, binding: Option<&Binding>) {
    let values = binding.map(|binding| binding.values.as_slice()).unwrap_or_default();
    for (at, value) in values.iter().enumerate() {
        let separator = if at == 0 { "" } else { ", " };
        let _ = match value {
            Some(literal) => write!(sql, "{separator}{}", quote_literal(literal.expose())),
            None => write!(sql, "{separator}NULL"),
        };
    }
    if values.is_empty() {
        sql.push_str("NULL");
    }
}

/// What came of a page: the questions asked, the plans that came, and what ended it early.
type Reply = (Vec<usize>, Vec<Option<Outline>>, Option<tokio_postgres::Error>);

/// Sends a page behind what it needs.
async fn send(client: &Client, page: Page) -> Reply {
    let Page { new, sql, asked } = page;
    if asked.is_empty() {
        return (asked, Vec::new(), None);
    }
    let mut messages: Vec<Message<'_, Option<Plans>>> = Vec::with_capacity(new.len() * 3 + 1);
    for text in &new {
        // Read-only and rolled back as well: reading a text computes its constants. What is prepared stays. What could not be prepared is
        // not planned: the answer to that is enough.
        messages.push(client.batch_execute(BEGIN).map(|_| None).boxed());
        messages.push(client.query_typed(text, &[]).map(|_| None).boxed());
        messages.push(client.batch_execute(ROLLBACK).map(|_| None).boxed());
    }
    messages.push(plans_in(client, &sql).map(Some).boxed());
    let (plans, error) = in_order(messages).await.pop().flatten().unwrap_or_default();
    (asked, plans, error)
}

type Plans = (Vec<Option<Outline>>, Option<tokio_postgres::Error>);

/// The plans that the statements in `sql` give, up to the first that fails.
async fn plans_in(client: &Client, sql: &str) -> Plans {
    let mut plans = Vec::new();
    let mut messages = match client.simple_query_raw(sql).await {
        Ok(messages) => std::pin::pin!(messages),
        Err(error) => return (plans, Some(error)),
    };
    loop {
        match messages.try_next().await {
            Ok(Some(SimpleQueryMessage::Row(row))) => plans.push(row.get(0).and_then(outline_in)),
            Ok(Some(_)) => {}
            Ok(None) => return (plans, None),
            Err(error) => return (plans, Some(error)),
        }
    }
}

/// Whether a setting changes plans only, not what a text means (`guc.c`, "Query Tuning" and memory).
fn is_of_planning_alone(name: &str) -> bool {
    const OTHERS: &[&str] = &[
        "constraint_exclusion",
        "cursor_tuple_fraction",
        "effective_cache_size",
        "effective_io_concurrency",
        "from_collapse_limit",
        "hash_mem_multiplier",
        "join_collapse_limit",
        "max_parallel_workers",
        "max_parallel_workers_per_gather",
        "min_parallel_index_scan_size",
        "min_parallel_table_scan_size",
        "parallel_leader_participation",
        "recursive_worktable_factor",
        "work_mem",
    ];
    let name = name.to_ascii_lowercase();
    name.starts_with("enable_")
        || name.starts_with("geqo")
        || name.starts_with("jit")
        || name.ends_with("_cost")
        || OTHERS.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_without_parameters_gets_one_that_it_does_not_use() {
        assert_eq!(declared("SELECT 1", 0), "text");
        assert_eq!(declared("SELECT $1, $3", 3), "unknown, text, unknown");
    }

    #[test]
    fn settings_that_change_what_a_text_means_are_told_apart() {
        assert!(
            ["work_mem", "enable_seqscan", "Random_Page_Cost", "geqo_threshold"].iter().all(|name| is_of_planning_alone(name))
        );
        assert!(!["timezone", "search_path", "datestyle", "array_nulls"].iter().any(|name| is_of_planning_alone(name)));
    }
}
