//! The part of the log that is in memory: a buffer that is filled at its end and used up at its beginning.

use std::io;

use crate::LONGEST_ENTRY;
use crate::source::{Bytes, Source};

/// What is asked of the input at a time, in bytes.
const BLOCK: usize = 256 << 10;

/// The part of a log that is in memory.
pub(crate) struct Window<'r> {
    source: Source<'r>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the log before the window.
    offset: u64,
    is_ended: bool,
    is_damaged: bool,
}

impl<'r> Window<'r> {
    /// On a source of which `offset` bytes were passed over.
    pub(crate) fn new(source: Source<'r>, offset: u64) -> Self {
        Self { source, buffer: vec![0; BLOCK], start: 0, end: 0, offset, is_ended: false, is_damaged: false }
    }

    /// What is in memory and was not used up.
    pub(crate) fn data(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where [`Window::data`] begins, in bytes of the decompressed log.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the log has nothing more.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Whether it ended before its compression does.
    pub(crate) fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Whether so much is unused that no entry may be longer.
    pub(crate) fn is_full(&self) -> bool {
        self.data().len() >= LONGEST_ENTRY
    }

    /// Uses up the first `length` bytes.
    pub(crate) fn consume(&mut self, length: usize) {
        let length = length.min(self.data().len());
        self.start += length;
        self.offset += u64::try_from(length).unwrap_or(u64::MAX);
    }

    /// Reads more, unless the log has ended.
    pub(crate) fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < BLOCK / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        match self.source.read(&mut self.buffer[self.end..])? {
            Bytes::Read(0) => self.is_ended = true,
            Bytes::Read(length) => self.end += length,
            Bytes::Damaged => (self.is_ended, self.is_damaged) = (true, true),
        }
        Ok(())
    }

    /// Reads until there are `length` bytes, or the log has ended.
    pub(crate) fn fill_to(&mut self, length: usize) -> io::Result<()> {
        while self.data().len() < length && !self.is_ended {
            self.fill()?;
        }
        Ok(())
    }
}
