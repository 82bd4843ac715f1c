//! Which parameter of the normalized text stands for which constant of the original one.

use std::collections::BTreeMap;

/// Byte positions of constants in the original text, to the numbers of the parameters that took their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers(pub(crate) BTreeMap<i32, u32>);

impl Numbers {
    /// The parameter for the constant at `location` (`A_Const.location`: of its sign, when it has one).
    pub(crate) fn number_at(&self, location: i32) -> Option<u32> {
        self.0.get(&location).copied()
    }
}
