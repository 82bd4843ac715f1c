//! Sets of a question's elements by position, one bit each: compared thousands of times for every answer of the planner.
//!
//! Knows nothing of what a position means. Start reading at [`Bits::is_subset_of`].

/// Some of the positions below a number that all sets of a question share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bits(Box<[u64]>);

impl Bits {
    /// None of `length` positions.
    pub(super) fn none(length: usize) -> Self {
        Self(vec![0; length.div_ceil(64)].into_boxed_slice())
    }

    /// All of `length` positions.
    pub(super) fn all(length: usize) -> Self {
        let mut all = Self::none(length);
        for position in 0..length {
            all.insert(position);
        }
        all
    }

    pub(super) fn insert(&mut self, position: usize) {
        self.0[position / 64] |= 1 << (position % 64);
    }

    pub(super) fn remove(&mut self, position: usize) {
        self.0[position / 64] &= !(1 << (position % 64));
    }

    pub(super) fn is_subset_of(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(mine, others)| mine & !others == 0)
    }

    /// What `other` does not have.
    pub(super) fn difference(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(mine, others)| mine & !others).collect())
    }

    pub(super) fn count(&self) -> usize {
        self.iter().count()
    }

    /// The positions, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut rest = *bits;
            std::iter::from_fn(move || {
                let bit = usize::try_from(rest.trailing_zeros()).expect("a bit's number is below 65");
                (rest != 0).then(|| {
                    rest &= rest - 1;
                    word * 64 + bit
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_in_order_across_words() {
        let mut bits = Bits::none(130);
        for position in [129, 0, 64, 63] {
            bits.insert(position);
        }
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 64, 129]);
        bits.remove(64);
        assert!(bits.is_subset_of(&Bits::all(130)) && !Bits::all(130).is_subset_of(&bits));
        assert_eq!(Bits::all(130).difference(&bits).count(), 127);
    }
}
