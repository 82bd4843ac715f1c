//! What-if answers beside indexes that are decided already.
//!
//! Declared entries that a rollout creates anyway are there in every configuration, so that advice beside them is about the rest. It knows
//! nothing of how an answer comes about.

use pgtailor_model::what_if::{CandidateIndex, CandidateSize, Configuration, Planned, Question, WhatIf};

/// A port under which `planned` indexes are always there.
pub(super) struct Beside<W> {
    what_if: W,
    planned: Vec<CandidateIndex>,
}

impl<W: WhatIf> Beside<W> {
    /// Those of `planned` that the port can make; on tables that no statement uses, it cannot, and they change no plan.
    pub(super) fn new(mut what_if: W, planned: Vec<CandidateIndex>) -> Result<Self, W::Error> {
        let mut possible = Vec::new();
        for candidate in planned {
            if what_if.size(&candidate)?.is_ok() {
                possible.push(candidate);
            }
        }
        Ok(Self { what_if, planned: possible })
    }
}

impl<W: WhatIf> WhatIf for Beside<W> {
    type Error = W::Error;

    fn plan(
        &mut self,
        configuration: &Configuration,
        questions: &[Question<'_>],
    ) -> Result<Vec<Result<Planned, String>>, W::Error> {
        if self.planned.is_empty() {
            return self.what_if.plan(configuration, questions);
        }
        let mut configuration = configuration.clone();
        configuration.indexes.extend(self.planned.iter().cloned());
        let mut answers = self.what_if.plan(&configuration, questions)?;
        // What is there anyway is no choice: a candidate that is the same changes no plan.
        for planned in answers.iter_mut().flatten() {
            planned.candidates.retain(|candidate| !self.planned.contains(candidate));
        }
        Ok(answers)
    }

    fn size(&mut self, candidate: &CandidateIndex) -> Result<Result<CandidateSize, String>, W::Error> {
        self.what_if.size(candidate)
    }
}
