//! The bytes of a log, decompressed when they begin as gzip or zstd do.
//!
//! Compressed data that ends early or is damaged ends the log there: what came before counts. An error of the input itself is an error.

use std::cell::Cell;
use std::io::{self, BufRead as _, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Bytes by which the compression is told.
pub(crate) const MAGIC_LENGTH: usize = 4;

/// How much is asked of a compressed input at a time, in bytes.
const CHUNK: usize = 128 << 10;

/// A log's bytes.
pub(crate) struct Source<'r> {
    reader: Box<dyn Read + 'r>,
    /// Set when the input, not its compression, has failed.
    has_failed: Rc<Cell<bool>>,
}

/// What a read came to.
pub(crate) enum Bytes {
    /// So many, 0 at the end.
    Read(usize),
    /// No more: the compressed data ends early or is damaged.
    Damaged,
}

/// Whether a log that begins with `first` is compressed.
pub(crate) fn is_compressed(first: &[u8]) -> bool {
    first.starts_with(GZIP) || first.starts_with(ZSTD)
}

impl<'r> Source<'r> {
    /// Of an input of which `first` was read already, [`MAGIC_LENGTH`] bytes unless it is shorter.
    pub(crate) fn new(first: Vec<u8>, input: impl Read + 'r) -> Self {
        let has_failed = Rc::new(Cell::new(false));
        let compression: &[u8] = if first.starts_with(GZIP) {
            GZIP
        } else if first.starts_with(ZSTD) {
            ZSTD
        } else {
            &[]
        };
        let input = Watched { inner: io::Cursor::new(first).chain(input), has_failed: Rc::clone(&has_failed) };
        let reader: Box<dyn Read + 'r> = match compression {
            GZIP => Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, input))),
            ZSTD => Box::new(Zstd::new(BufReader::with_capacity(CHUNK, input))),
            _ => Box::new(input),
        };
        Self { reader, has_failed }
    }

    /// Reads into `buffer`.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Bytes> {
        loop {
            match self.reader.read(buffer) {
                Ok(length) => return Ok(Bytes::Read(length)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => self.has_failed.set(false),
                Err(error) if self.has_failed.get() => return Err(error),
                Err(_) => return Ok(Bytes::Damaged),
            }
        }
    }
}

/// Reads the first bytes of `input`, as many as are there and `length` at most.
pub(crate) fn beginning(input: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(length);
    input.take(u64::try_from(length).unwrap_or(u64::MAX)).read_to_end(&mut first)?;
    Ok(first)
}

/// Notes when the input fails.
struct Watched<R> {
    inner: R,
    has_failed: Rc<Cell<bool>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).inspect_err(|_| self.has_failed.set(true))
    }
}

/// Zstandard frames, one after the other. The decoder's own reader knows one frame only, and keeps what it has when the next block fails.
struct Zstd<R> {
    input: BufReader<R>,
    decoder: FrameDecoder,
    state: ZstdState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ZstdState {
    BetweenFrames,
    InFrame,
    Failed,
}

/// A last block of no bytes, and a checksum that nobody compares: makes the decoder give all that it has.
const LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

impl<R: Read> Zstd<R> {
    fn new(input: BufReader<R>) -> Self {
        Self { input, decoder: FrameDecoder::new(), state: ZstdState::BetweenFrames }
    }

    /// Begins the next frame; whether there is one.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut (&mut self.input).take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            match self.state {
                ZstdState::Failed => return Err(io::ErrorKind::InvalidData.into()),
                ZstdState::InFrame if self.decoder.is_finished() => self.state = ZstdState::BetweenFrames,
                ZstdState::InFrame => {
                    if self.decoder.decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1)).is_err() {
                        self.state = ZstdState::Failed;
                        // If not even that works there is nothing to be had.
                        let _ = self.decoder.decode_blocks(LAST_BLOCK, BlockDecodingStrategy::UptoBlocks(1));
                    }
                }
                ZstdState::BetweenFrames => {
                    if !self.next_frame()? {
                        return Ok(0);
                    }
                    self.state = ZstdState::InFrame;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn text() -> Vec<u8> {
        (0..200_000).flat_map(|number: u32| format!("{number:x} ").into_bytes()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    /// Everything that can be read, and whether it ended as it should.
    fn decompressed(compressed: &[u8]) -> (Vec<u8>, bool) {
        let mut input = compressed;
        let first = beginning(&mut input, MAGIC_LENGTH).expect("memory");
        let mut source = Source::new(first, input);
        let (mut all, mut buffer) = (Vec::new(), vec![0; 10_000]);
        loop {
            match source.read(&mut buffer).expect("memory does not fail") {
                Bytes::Read(0) => return (all, true),
                Bytes::Read(length) => all.extend_from_slice(&buffer[..length]),
                Bytes::Damaged => return (all, false),
            }
        }
    }

    #[test]
    fn compression_is_seen_by_the_first_bytes() {
        let text = text();
        for bytes in [text.clone(), gzip(&text), zstd(&text)] {
            assert!(decompressed(&bytes) == (text.clone(), true));
        }
        assert_eq!(decompressed(b""), (Vec::new(), true));
        assert_eq!(decompressed(&GZIP[..1]), (GZIP[..1].to_vec(), true));
    }

    #[test]
    fn several_compressed_parts_are_one_log() {
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let both = [zstd(b"one "), skippable, zstd(b"two")].concat();
        assert_eq!(decompressed(&both), (b"one two".to_vec(), true));
        assert_eq!(decompressed(&[gzip(b"one "), gzip(b"two")].concat()), (b"one two".to_vec(), true));
    }

    #[test]
    fn everything_before_a_cut_or_damage_counts() {
        let text = text();
        for compressed in [gzip(&text), zstd(&text)] {
            let (found, is_whole) = decompressed(&compressed[..compressed.len() / 2]);
            assert!(!is_whole);
            assert!(found.len() > text.len() / 4 && text.starts_with(&found), "{} of {}", found.len(), text.len());
        }
        let trailing = [gzip(b"one"), b"garbage".to_vec()].concat();
        assert_eq!(decompressed(&trailing), (b"one".to_vec(), false));
    }

    #[test]
    fn an_input_that_fails_is_an_error_even_when_compressed() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        }
        for first in [b"text".to_vec(), GZIP.to_vec(), ZSTD.to_vec()] {
            let mut source = Source::new(first, Failing);
            let mut buffer = [0; 100];
            let mut result = source.read(&mut buffer);
            if matches!(result, Ok(Bytes::Read(1..))) {
                result = source.read(&mut buffer);
            }
            assert!(result.is_err());
        }
    }
}
