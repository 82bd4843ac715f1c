//! What waits in each session for an entry that belongs to it: a statement for its duration, an execution for its plan, a plan for its
//! execution. Bounded: the sessions that were silent longest are forgotten first, and what waited there is given as it is.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::execution::Draft;
use crate::message::Time;

/// Sessions that can have something waiting at a time.
const MOST_SESSIONS: usize = 4096;

/// Bytes that may wait in all of them together.
const MOST_BYTES: usize = 16 << 20;

/// What waits, by session.
#[derive(Clone, Default)]
pub(crate) struct Sessions {
    open: BTreeMap<u64, Session>,
    /// When which session was touched, oldest first; also times that are not the session's last any more.
    order: VecDeque<(u64, u64)>,
    /// Grows with every change, so that the age of a session can be told.
    clock: u64,
    bytes: usize,
}

/// What waits in one session.
#[derive(Clone, Default)]
pub(crate) struct Session {
    /// [`Sessions`]' clock when it was put there.
    pub(crate) touched: u64,
    /// The time spent on parsing and planning a statement, with the hash of its text.
    pub(crate) planning: Option<(u64, Time)>,
    /// In a box: sessions are moved about in their map.
    pub(crate) waiting: Option<Box<Waiting>>,
    /// The hash of the text of what waited when a reading ended, and was given then: its other half does not count again.
    pub(crate) given: Option<Given>,
}

/// An execution of which one more entry may follow.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) stage: Stage,
    pub(crate) draft: Draft<'static>,
}

/// What was given at the end of a reading.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) stage: Stage,
    pub(crate) text: u64,
}

/// How much of an execution is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// That it began: its duration, and its plan, may follow.
    Began,
    /// How long it took: its plan may follow. The executor of a `SELECT` of the extended protocol ends with its portal, after
    /// `exec_execute_message` logged the duration.
    Ran,
    /// Its plan: its duration may follow.
    Planned,
}

impl Sessions {
    /// Whether nothing waits anywhere.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes out what waits in the session `key`.
    pub(crate) fn take(&mut self, key: u64) -> Session {
        let Some(session) = self.open.remove(&key) else { return Session::default() };
        self.bytes -= session.size();
        session
    }

    /// Puts back what waits in the session `key`; returns what is forgotten to make room, oldest first.
    pub(crate) fn put(&mut self, key: u64, mut session: Session) -> Vec<Draft<'static>> {
        if session.is_idle() {
            return Vec::new();
        }
        self.clock += 1;
        session.touched = self.clock;
        self.bytes += session.size();
        self.open.insert(key, session);
        self.order.push_back((self.clock, key));
        let mut forgotten = Vec::new();
        while self.open.len() > MOST_SESSIONS || self.bytes > MOST_BYTES {
            let Some(oldest) = self.take_oldest() else { break };
            forgotten.extend(oldest.waiting.map(|waiting| waiting.draft));
        }
        if self.order.len() > 4 * MOST_SESSIONS {
            let Self { open, order, .. } = self;
            order.retain(|(touched, key)| open.get(key).is_some_and(|session| session.touched == *touched));
        }
        forgotten
    }

    /// Takes out everything, oldest first.
    pub(crate) fn drain(&mut self) -> Vec<(u64, Session)> {
        self.bytes = 0;
        self.order.clear();
        let mut all: Vec<(u64, Session)> = std::mem::take(&mut self.open).into_iter().collect();
        all.sort_by_key(|(_, session)| session.touched);
        all
    }

    fn take_oldest(&mut self) -> Option<Session> {
        while let Some((touched, key)) = self.order.pop_front() {
            if self.open.get(&key).is_some_and(|session| session.touched == touched) {
                return Some(self.take(key));
            }
        }
        None
    }
}

impl Session {
    fn is_idle(&self) -> bool {
        self.planning.is_none() && self.waiting.is_none() && self.given.is_none()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.waiting.as_ref().map_or(0, |waiting| waiting.draft.size())
    }
}

/// How many, never what.
impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({} open)", self.open.len())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::entry::Entry;
    use crate::message::Sent;

    fn waiting(text: String) -> Session {
        let draft = Draft::of(&Entry::default(), Cow::Owned(text), Sent::Simple).keep();
        Session { waiting: Some(Box::new(Waiting { stage: Stage::Began, draft })), ..Session::default() }
    }

    #[test]
    fn the_oldest_are_forgotten_and_given() {
        let mut sessions = Sessions::default();
        let mut given = Vec::new();
        for key in 0..10_000 {
            given.extend(sessions.put(key, waiting(key.to_string())));
        }
        assert!(sessions.open.len() <= MOST_SESSIONS);
        let rest = sessions.drain().into_iter().filter_map(|(_, session)| session.waiting).map(|waiting| waiting.draft);
        let texts: Vec<String> = given.into_iter().chain(rest).map(|draft| draft.text.into_owned()).collect();
        assert_eq!(texts, (0..10_000).map(|key| key.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn few_sessions_with_long_statements_are_bounded_too() {
        let mut sessions = Sessions::default();
        for key in 0..200 {
            sessions.put(key, waiting("x".repeat(1 << 20)));
            assert!(sessions.bytes <= MOST_BYTES + (2 << 20));
        }
        for (key, session) in sessions.clone().open {
            assert_eq!(sessions.take(key).size(), session.size());
        }
        assert_eq!(sessions.bytes, 0);
    }
}
