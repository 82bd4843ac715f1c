//! A fast hash for telling things apart that nobody chose with bad intent: sessions, texts of one session, beginnings of files.

/// Odd, with its bits spread: 2^64 divided by the golden ratio, as in `SplitMix64` (Steele, Lea and Flood 2014).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number that differs for different `bytes`, nearly always. The same on every machine and in every version.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let state = words.iter().fold(mix(length), |state, word| mix(state ^ u64::from_le_bytes(*word)));
    mix(mix(state ^ u64::from_le_bytes(last)))
}

/// The multiplication carries differences upwards, the shift carries them down again.
fn mix(state: u64) -> u64 {
    let product = state.wrapping_add(MULTIPLIER).wrapping_mul(MULTIPLIER);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn similar_bytes_differ() {
        let texts = (0..1000).map(|number| format!("6a1f00.{number:x}"));
        let hashes: BTreeSet<u64> = texts.map(|text| hash(text.as_bytes())).collect();
        assert_eq!(hashes.len(), 1000);
        assert_ne!(hash(b""), hash(b"\0"));
        assert_ne!(hash(b"12345678"), hash(b"12345678\0"));
    }
}
