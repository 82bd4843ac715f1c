//! HypoPG for callers that are not asynchronous. Knows how to wait, and nothing of indexes.

use pgtailor_model::what_if::{CandidateIndex, CandidateSize, Configuration, Planned, Question, WhatIf};

use super::HypoPg;
use crate::error::Error;

/// HypoPG on a target, on a thread that may wait.
pub struct BlockingHypoPg {
    hypopg: HypoPg,
    runtime: tokio::runtime::Handle,
}

impl BlockingHypoPg {
    /// Waits by `runtime`, on whose own threads it must not be used.
    pub fn new(hypopg: HypoPg, runtime: tokio::runtime::Handle) -> Self {
        Self { hypopg, runtime }
    }

    /// The asynchronous one.
    pub fn into_inner(self) -> HypoPg {
        self.hypopg
    }
}

impl WhatIf for BlockingHypoPg {
    type Error = Error;

    fn plan(&mut self, configuration: &Configuration, questions: &[Question<'_>]) -> Result<Vec<Result<Planned, String>>, Error> {
        self.runtime.block_on(self.hypopg.plan(configuration, questions))
    }

    fn size(&mut self, candidate: &CandidateIndex) -> Result<Result<CandidateSize, String>, Error> {
        self.runtime.block_on(self.hypopg.size(candidate))
    }
}
