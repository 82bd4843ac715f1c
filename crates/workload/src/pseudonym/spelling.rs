//! Words respelled: each gets another of the same alphabet, the order of all kept.
//!
//! The words make a tree, a branch for each next symbol. At every fork the branches get new symbols, drawn at random but in the order
//! of the old ones; where nothing forks any symbol will do. So the respelled words have the order of the old ones, as many common
//! symbols at their beginning, and, while a fork has no more branches than the alphabet has symbols, the same length. Where it has more,
//! its branches get two symbols each, or three.
//!
//! This is what keeps UUIDs UUIDs and networks within networks; texts are words of code points. Must not know which it is.

use std::collections::BTreeSet;
use std::ops::Range;

use pgtailor_model::random::{Random, mix};

/// New spellings of `words`, which are sorted, in the same order. Equal words get different spellings that rise, too, each longer than
/// the one before. No spelling is one of `taken`, for which a word may become longer.
pub(super) fn respell(words: &[Vec<u32>], alphabet: &[u8], seed: u64, taken: &BTreeSet<String>) -> Vec<String> {
    let mut spellings = vec![String::new(); words.len()];
    let mut open = vec![Node { range: 0..words.len(), depth: 0, spelling: String::new(), seed, is_end: false }];
    while let Some(mut node) = open.pop() {
        if node.range.is_empty() {
            continue;
        }
        if let [only] = &words[node.range.clone()] {
            finish(&mut node, only, alphabet, taken);
            spellings[node.range.start] = node.spelling;
            continue;
        }
        node.skip_common(words, alphabet);
        let mut branches = node.branches(words);
        // A word that ends where others go on needs no symbol of its own, unless its spelling is taken.
        if branches.first().is_some_and(|branch| branch.is_end) && !taken.contains(&node.spelling) {
            let end = branches.remove(0);
            spellings[end.range.start].clone_from(&node.spelling);
        }
        let codes = codes(branches.len(), alphabet, &mut Random::new(node.seed));
        for (branch, code) in branches.iter_mut().zip(codes) {
            branch.spelling = format!("{}{code}", node.spelling);
        }
        open.extend(branches);
    }
    spellings
}

/// Words that begin alike.
struct Node {
    range: Range<usize>,
    /// How many symbols they share that have been spelled.
    depth: usize,
    spelling: String,
    seed: u64,
    /// Whether the word has no further symbol and stands here to be told from its equals.
    is_end: bool,
}

impl Node {
    /// Spells the symbols that all words share, so that long beginnings cost no node a symbol.
    fn skip_common(&mut self, words: &[Vec<u32>], alphabet: &[u8]) {
        let (first, last) = (&words[self.range.start][self.depth..], &words[self.range.end - 1][self.depth..]);
        let common = first.iter().zip(last).take_while(|(a, b)| a == b).count();
        let mut random = Random::new(mix(self.seed));
        for symbol in &first[..common] {
            self.seed = mix(self.seed ^ mix(u64::from(*symbol) + 1));
            self.spelling.push_str(&codes(1, alphabet, &mut random).remove(0));
        }
        self.depth += common;
    }

    /// The words that end here, one by one, and then those that go on, by their next symbol.
    fn branches(&self, words: &[Vec<u32>]) -> Vec<Self> {
        let branch = |range: Range<usize>, symbol: u32, is_end: bool| {
            let depth = if is_end { self.depth } else { self.depth + 1 };
            let seed = mix(self.seed ^ mix(u64::from(symbol) + 1));
            Self { range, depth, spelling: String::new(), seed, is_end }
        };
        let mut branches = Vec::new();
        let mut start = self.range.start;
        while start < self.range.end {
            let Some(symbol) = words[start].get(self.depth).copied() else {
                branches.push(branch(start..start + 1, 0, true));
                start += 1;
                continue;
            };
            let length = words[start..self.range.end].partition_point(|word| word.get(self.depth) == Some(&symbol));
            branches.push(branch(start..start + length, symbol, false));
            start += length;
        }
        branches
    }
}

/// Spells the rest of a word that shares its beginning with no other.
fn finish(node: &mut Node, word: &[u32], alphabet: &[u8], taken: &BTreeSet<String>) {
    let mut random = Random::new(node.seed);
    let rest = if node.is_end { 0 } else { word.len().saturating_sub(node.depth) };
    for _ in 0..rest {
        node.spelling.push_str(&codes(1, alphabet, &mut random).remove(0));
    }
    while taken.contains(&node.spelling) {
        node.spelling.push_str(&codes(1, alphabet, &mut random).remove(0));
    }
}

/// `count` different codes of equal length that rise, as short as can be.
fn codes(count: usize, alphabet: &[u8], random: &mut Random) -> Vec<String> {
    let base = u64::try_from(alphabet.len()).expect("an alphabet is small");
    if count == 1 {
        return vec![written(random.below(base), 1, alphabet)];
    }
    let count = u64::try_from(count).expect("a count of words fits");
    let (mut length, mut possible) = (1, base);
    while possible < count {
        (length, possible) = (length + 1, possible * base);
    }
    let mut codes = Vec::new();
    // Selection sampling (Knuth, The Art of Computer Programming, volume 2, 3.4.2, algorithm S).
    let mut missing = count;
    for number in 0..possible {
        if missing > 0 && random.below(possible - number) < missing {
            missing -= 1;
            codes.push(written(number, length, alphabet));
        }
    }
    codes
}

/// `number` in `length` digits of `alphabet`.
fn written(number: u64, length: u32, alphabet: &[u8]) -> String {
    let base = u64::try_from(alphabet.len()).expect("an alphabet is small");
    let digit = |place: u32| usize::try_from(number / base.pow(place) % base).expect("below the alphabet's length");
    (0..length).rev().map(|place| char::from(alphabet[digit(place)])).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn spellings_rise_like_the_words(mut words in vec(vec(0..40_u32, 0..6), 0..60), seed in any::<u64>(), taken in vec("[abc]{0,2}", 0..9)) {
            words.sort();
            let taken: BTreeSet<String> = taken.into_iter().collect();
            let spellings = respell(&words, b"abcdef", seed, &taken);
            prop_assert!(spellings.windows(2).all(|pair| pair[0] < pair[1]), "{spellings:?}");
            prop_assert!(spellings.iter().all(|spelling| !taken.contains(spelling)));
        }

        #[test]
        fn lengths_and_common_beginnings_are_kept_where_the_alphabet_suffices(words in prop::collection::btree_set(vec(0..16_u32, 8), 1..80), seed in any::<u64>()) {
            let words: Vec<Vec<u32>> = words.into_iter().collect();
            let spellings = respell(&words, b"0123456789abcdef", seed, &BTreeSet::new());
            let common = |a: &[u32], b: &[u32]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
            for (pair, spelled) in words.windows(2).zip(spellings.windows(2)) {
                let symbols: Vec<Vec<u32>> = spelled.iter().map(|spelling| spelling.bytes().map(u32::from).collect()).collect();
                prop_assert_eq!(symbols[0].len(), 8);
                prop_assert_eq!(common(&pair[0], &pair[1]), common(&symbols[0], &symbols[1]));
            }
        }
    }

    #[test]
    fn long_words_with_long_common_beginnings_need_no_deep_stack() {
        let words: Vec<Vec<u32>> = (0..3).map(|last| std::iter::repeat_n(1, 200_000).chain([last]).collect()).collect();
        let lengths: Vec<usize> = respell(&words, b"ab", 1, &BTreeSet::new()).iter().map(String::len).collect();
        assert_eq!(lengths, [200_002; 3]);
    }
}
