//! What-if answers kept, and given again: tests of what decides, without a server.
//!
//! A [`Recorder`] stands before any [`WhatIf`], passes questions on and keeps what came back; its [`Recording`] answers the same
//! questions, and only those. Both give the same bytes for the same questions, in whatever order they came. Values of bindings are kept as a
//! checksum; constants in the texts of statements stay, so a recording of somebody's statements is as private as those.

use std::collections::BTreeMap;

use pgtailor_model::binding::Literal;
use pgtailor_model::random::{derive, mix};
use pgtailor_model::what_if::{CandidateIndex, CandidateSize, Configuration, Planned, Question, WhatIf};
use serde::{Deserialize, Serialize};

/// Passes questions on to `W` and keeps the answers.
#[derive(Clone, Debug)]
pub struct Recorder<W> {
    what_if: W,
    recording: Recording,
}

/// Answers that were given once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Recording {
    plans: BTreeMap<Configuration, BTreeMap<Asked, Answer>>,
    sizes: BTreeMap<CandidateIndex, Result<CandidateSize, String>>,
}

/// A question that is not in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeverAsked {
    /// How a statement would be planned.
    Plan {
        /// The statement.
        text: String,
        /// Under what.
        configuration: Box<Configuration>,
        /// Whether the statement was asked about with these values under another configuration.
        elsewhere: bool,
    },
    /// How large an index would be.
    Size(Box<CandidateIndex>),
}

impl std::fmt::Display for NeverAsked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plan { text, configuration, elsewhere } => {
                let indexes: Vec<String> = configuration.indexes.iter().map(|index| index.definition.to_string()).collect();
                write!(
                    f,
                    "the recording has no plan of {text:?} with indexes [{}], without {} existing ones, with {} statistics and {} settings",
                    indexes.join(", "),
                    configuration.without.len(),
                    configuration.statistics.len(),
                    configuration.settings.len()
                )?;
                f.write_str(if *elsewhere { "; it has some under others" } else { ", nor with any" })
            }
            Self::Size(candidate) => write!(f, "the recording has no size of {}", candidate.definition),
        }
    }
}

impl std::error::Error for NeverAsked {}

/// A plan, or why there is none.
type Answer = Result<Planned, String>;

/// What a question consists of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Asked {
    text: String,
    types: Vec<String>,
    /// Checksum of the values; `None` for the plan of any values.
    values: Option<u64>,
}

/// A recording as it is written: keys that are no text cannot be keys in JSON.
#[derive(Serialize, Deserialize)]
struct Written {
    plans: Vec<(Configuration, Vec<(Asked, Answer)>)>,
    sizes: Vec<(CandidateIndex, Result<CandidateSize, String>)>,
}

impl From<Recording> for Written {
    fn from(recording: Recording) -> Self {
        let plans = recording.plans.into_iter().map(|(configuration, answers)| (configuration, answers.into_iter().collect()));
        Self { plans: plans.collect(), sizes: recording.sizes.into_iter().collect() }
    }
}

impl From<Written> for Recording {
    fn from(written: Written) -> Self {
        let plans = written.plans.into_iter().map(|(configuration, answers)| (configuration, answers.into_iter().collect()));
        Self { plans: plans.collect(), sizes: written.sizes.into_iter().collect() }
    }
}

impl Asked {
    fn of(question: &Question<'_>) -> Self {
        let values = question.binding.map(|binding| checksum(&binding.values));
        Self { text: question.text.to_owned(), types: question.types.to_vec(), values }
    }
}

/// Tells lists of values apart; the same on every machine and in every version.
fn checksum(values: &[Option<Literal>]) -> u64 {
    values.iter().fold(1, |sum, value| match value {
        // Mixed once more, so that NULL is no text.
        None => mix(sum ^ u64::MAX),
        Some(value) => derive(sum, value.expose()),
    })
}

impl<W> Recorder<W> {
    /// Stands before `what_if`.
    pub fn new(what_if: W) -> Self {
        Self { what_if, recording: Recording::default() }
    }

    /// The answers so far.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// What it stood before, and all answers.
    pub fn finish(self) -> (W, Recording) {
        (self.what_if, self.recording)
    }
}

impl<W: WhatIf> WhatIf for Recorder<W> {
    type Error = W::Error;

    fn plan(
        &mut self,
        configuration: &Configuration,
        questions: &[Question<'_>],
    ) -> Result<Vec<Result<Planned, String>>, W::Error> {
        let answers = self.what_if.plan(configuration, questions)?;
        let kept = self.recording.plans.entry(configuration.clone()).or_default();
        kept.extend(questions.iter().map(Asked::of).zip(answers.iter().cloned()));
        Ok(answers)
    }

    fn size(&mut self, candidate: &CandidateIndex) -> Result<Result<CandidateSize, String>, W::Error> {
        let answer = self.what_if.size(candidate)?;
        self.recording.sizes.insert(candidate.clone(), answer.clone());
        Ok(answer)
    }
}

impl WhatIf for Recording {
    type Error = NeverAsked;

    fn plan(
        &mut self,
        configuration: &Configuration,
        questions: &[Question<'_>],
    ) -> Result<Vec<Result<Planned, String>>, NeverAsked> {
        let kept = self.plans.get(configuration);
        let answer = |question: &Question<'_>| {
            let asked = Asked::of(question);
            kept.and_then(|kept| kept.get(&asked)).cloned().ok_or_else(|| NeverAsked::Plan {
                elsewhere: self.plans.values().any(|kept| kept.contains_key(&asked)),
                text: asked.text,
                configuration: Box::new(configuration.clone()),
            })
        };
        questions.iter().map(answer).collect()
    }

    fn size(&mut self, candidate: &CandidateIndex) -> Result<Result<CandidateSize, String>, NeverAsked> {
        self.sizes.get(candidate).cloned().ok_or_else(|| NeverAsked::Size(Box::new(candidate.clone())))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use pgtailor_model::binding::{Binding, BindingOrigin};
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::name::Oid;
    use pgtailor_model::unit::Pages;

    use super::*;

    /// Answers by counting what it is asked.
    #[derive(Default)]
    struct Counting(u32);

    impl WhatIf for Counting {
        type Error = Infallible;

        fn plan(
            &mut self,
            configuration: &Configuration,
            questions: &[Question<'_>],
        ) -> Result<Vec<Result<Planned, String>>, Infallible> {
            let mut answer = |question: &Question<'_>| {
                self.0 += 1;
                if question.text == "refused" {
                    return Err("it is refused".to_owned());
                }
                Ok(Planned { cost: f64::from(self.0) / 3.0, candidates: configuration.indexes.clone(), ..Planned::default() })
            };
            Ok(questions.iter().map(&mut answer).collect())
        }

        fn size(&mut self, candidate: &CandidateIndex) -> Result<Result<CandidateSize, String>, Infallible> {
            Ok(Ok(CandidateSize { pages: Pages(u64::from(candidate.table.0)) }))
        }
    }

    fn candidate(column: &str) -> CandidateIndex {
        CandidateIndex { table: Oid(7), definition: IndexDefinition::btree([column]) }
    }

    fn with(columns: &[&str]) -> Configuration {
        Configuration { indexes: columns.iter().map(|column| candidate(column)).collect(), ..Configuration::default() }
    }

    fn question<'a>(text: &'a str, binding: Option<&'a Binding>) -> Question<'a> {
        Question { text, types: &[], binding }
    }

    fn binding(values: &[Option<&str>]) -> Binding {
        Binding {
            values: values.iter().map(|value| value.map(Literal::new)).collect(),
            weight: 1.0,
            origin: BindingOrigin::Drawn,
        }
    }

    #[test]
    fn a_recording_answers_what_was_asked_in_any_order() {
        let mut recorder = Recorder::new(Counting::default());
        let (ann, bob) = (binding(&[Some("ann")]), binding(&[Some("bob")]));
        let asked = [question("one", Some(&ann)), question("one", Some(&bob)), question("one", None), question("refused", None)];
        let Ok(answers) = recorder.plan(&with(&["a"]), &asked);
        let Ok(size) = recorder.size(&candidate("a"));
        let (_, mut recording) = recorder.finish();
        let backwards: Vec<Question<'_>> = asked.iter().rev().copied().collect();
        let mut again = recording.plan(&with(&["a"]), &backwards).expect("it was asked");
        again.reverse();
        assert_eq!(again, answers);
        assert_eq!(again[3], Err("it is refused".to_owned()));
        assert_eq!(recording.size(&candidate("a")), Ok(size));
    }

    #[test]
    fn what_was_never_asked_is_named() {
        let mut recorder = Recorder::new(Counting::default());
        let Ok(_) = recorder.plan(&with(&["a"]), &[question("one", None)]);
        let (_, mut recording) = recorder.finish();
        let missing = recording.plan(&with(&["a", "b"]), &[question("one", None)]).expect_err("another configuration");
        assert!(matches!(&missing, NeverAsked::Plan { text, elsewhere: true, .. } if text == "one"), "{missing}");
        let missing = recording.plan(&with(&["a"]), &[question("two", None)]).expect_err("another statement");
        assert!(matches!(&missing, NeverAsked::Plan { text, elsewhere: false, .. } if text == "two"), "{missing}");
        let value = binding(&[None]);
        assert!(recording.plan(&with(&["a"]), &[question("one", Some(&value))]).is_err(), "other values");
        assert_eq!(recording.size(&candidate("a")), Err(NeverAsked::Size(Box::new(candidate("a")))));
    }

    #[test]
    fn it_is_written_alike_whatever_came_first_and_read_back_whole() {
        let record = |order: &[usize]| {
            let texts = ["one", "two", "refused"];
            let mut recorder = Recorder::new(Counting::default());
            for at in order {
                recorder.what_if.0 = u32::try_from(*at).expect("few");
                let Ok(_) = recorder.plan(&with(&["a", "b"][..=at % 2]), &[question(texts[*at], None)]);
                let Ok(_) = recorder.size(&candidate(texts[*at]));
            }
            recorder.finish().1
        };
        let written = serde_json::to_string(&record(&[0, 1, 2])).expect("written");
        assert_eq!(written, serde_json::to_string(&record(&[2, 0, 1])).expect("written"));
        let read: Recording = serde_json::from_str(&written).expect("read");
        assert_eq!(read, record(&[0, 1, 2]));
    }

    #[test]
    fn values_are_told_apart_and_not_kept() {
        let lists: [&[Option<&str>]; 6] =
            [&[], &[None], &[Some("")], &[Some("secret"), None], &[None, Some("secret")], &[Some("secretx")]];
        let sums: std::collections::BTreeSet<u64> = lists.iter().map(|list| checksum(&binding(list).values)).collect();
        assert_eq!(sums.len(), lists.len());
        let mut recorder = Recorder::new(Counting::default());
        let value = binding(&[Some("secret")]);
        let Ok(_) = recorder.plan(&with(&[]), &[question("one", Some(&value))]);
        assert!(!serde_json::to_string(recorder.recording()).expect("written").contains("secret"));
    }
}
