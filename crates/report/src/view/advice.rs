//! Advice for people and programs: what to do first, what it rests on, what lost and why.
//!
//! All that is said here was decided before. Costs are planner costs and called what-if wherever they stand; sizes and upkeep are called
//! estimated. It must not know how an answer is searched. Start reading at [`AdviceReport`]; its parts are in `sections`, its phrases in
//! `words`, and the statements to run in `script`, from which migrations are made, too.

mod catalog;
pub mod counsel;
mod definition;
mod json;
pub mod record;
pub(crate) mod script;
mod sections;
pub mod why;
mod words;

use pgtailor_model::advice::Advice;
use serde_json::Value;

use crate::document::{Block, Document, Tone};
use crate::number::counted;
use crate::report::{Report, Statement};
use crate::view::twin::push_warnings;

/// Advice in every format.
#[derive(Clone, Copy, Debug)]
pub struct AdviceReport<'a> {
    /// The answer.
    pub advice: &'a Advice,
}

impl Report for AdviceReport<'_> {
    fn kind(&self) -> &'static str {
        "advice"
    }

    fn document(&self) -> Document {
        let advice = self.advice;
        let mut document = Document::new(words::title(advice));
        if let Some(fidelity) = &advice.fidelity {
            push_warnings(&mut document, fidelity);
        }
        if advice.effort.out_of_time {
            document
                .note(Tone::Warning, "the time limit ended the search: with a longer --time-limit the answer may become better");
        }
        for note in &advice.notes {
            document.note(Tone::Warning, note);
        }
        if advice.recommendations.is_empty() {
            document.paragraph(words::nothing(advice));
        } else {
            document.paragraph(words::summary(advice));
            let items = advice.recommendations.iter().enumerate();
            document
                .blocks
                .extend(items.map(|(at, one)| Block::Item(sections::item(advice, at + 1, one, sections::Detail::Short))));
        }
        sections::push_worse(&mut document, advice);
        catalog::push(&mut document, advice);
        document.heading("How good this is");
        document.paragraph(words::bound(advice));
        sections::push_front(&mut document, advice);
        sections::push_refused(&mut document, advice);
        sections::push_lost(&mut document, advice);
        sections::push_skipped(&mut document, advice);
        document.heading("What it rests on");
        document.blocks.push(Block::Facts(sections::basis(advice)));
        document.next(next(advice));
        document
    }

    fn json(&self) -> Value {
        json::advice(self.advice)
    }

    fn sql(&self) -> Vec<Statement> {
        let steps = script::steps(self.advice);
        steps.into_iter().map(|step| Statement { sql: step.sql, why: step.notes.join("\n") }).collect()
    }

    fn sql_remarks(&self) -> Vec<String> {
        let mut remarks = vec![
            "planner costs are what-if numbers, no times; sizes and upkeep are estimated".to_owned(),
            words::bound(self.advice),
        ];
        if !self.advice.skipped.is_empty() {
            let skipped = counted(self.advice.skipped.len(), "statement was", "statements were");
            remarks.push(format!("{skipped} not considered: see --format json"));
        }
        remarks
    }
}

fn next(advice: &Advice) -> &'static str {
    let has_losers = !advice.rejected.is_empty();
    match (advice.recommendations.is_empty(), has_losers) {
        (false, _) => {
            "pgtailor advise --format sql prints the statements, --migration writes them for your tool, and -o keeps the record for pgtailor why"
        }
        (true, true) => {
            "nothing to do; pgtailor advise -o FILE keeps the record, and pgtailor why-not says of any index why it lost"
        }
        (true, false) => "nothing to do",
    }
}
