//! What came of asking for advice on the way to a rollout: the recommendations in short, or why there are none.
//!
//! The rollout behind it has the statements; losers and other answers are what `pgtailor advise` is for.

use pgtailor_model::advice::{Advice, Counsel};
use serde_json::{Value, json};

use super::{json as advice_json, sections, words};
use crate::document::{Block, Document, Tone};
use crate::report::{Report, Statement};
use crate::view::twin::push_warnings;

/// Advice, or why there is none.
#[derive(Clone, Copy, Debug)]
pub struct CounselReport<'a> {
    /// What came of asking.
    pub counsel: &'a Counsel,
}

impl Report for CounselReport<'_> {
    fn kind(&self) -> &'static str {
        "advice"
    }

    fn document(&self) -> Document {
        let mut document = match self.counsel {
            Counsel::Given(advice) => given(advice),
            Counsel::NotAsked => Document::new("Advice: not asked for"),
            Counsel::Unavailable { reason, remedy } => {
                let mut document = Document::new("Advice: none can be given here");
                document.note(Tone::Warning, format!("{reason}; to change that: {remedy}"));
                document
            }
        };
        document.next("pgtailor advise says more: losers, other answers, and a record for pgtailor why");
        document
    }

    fn json(&self) -> Value {
        match self.counsel {
            Counsel::Given(advice) => advice_json::advice(advice),
            Counsel::NotAsked => Value::Null,
            Counsel::Unavailable { reason, remedy } => json!({ "unavailable": { "reason": reason, "remedy": remedy } }),
        }
    }

    /// None: the rollout has them, as far as they may be carried out.
    fn sql(&self) -> Vec<Statement> {
        Vec::new()
    }

    fn sql_remarks(&self) -> Vec<String> {
        Vec::new()
    }
}

fn given(advice: &Advice) -> Document {
    let mut document = Document::new(words::title(advice));
    if let Some(fidelity) = &advice.fidelity {
        push_warnings(&mut document, fidelity);
    }
    for note in &advice.notes {
        document.note(Tone::Warning, note);
    }
    if advice.recommendations.is_empty() {
        document.paragraph(words::nothing(advice));
        return document;
    }
    document.paragraph(words::summary(advice));
    let items = advice.recommendations.iter().enumerate();
    document.blocks.extend(items.map(|(at, one)| Block::Item(sections::item(advice, at + 1, one, sections::Detail::Short))));
    sections::push_worse(&mut document, advice);
    document.paragraph(words::bound(advice));
    document
}
