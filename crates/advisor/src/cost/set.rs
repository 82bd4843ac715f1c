//! Sets of elements: few of many, sorted, compared often.

use super::Element;

/// A set of elements, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Set(Vec<Element>);

impl Set {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it has `element`.
    pub fn contains(&self, element: Element) -> bool {
        self.0.binary_search(&element).is_ok()
    }

    /// Whether every element of it is one of `other`.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        if self.0.len() > other.0.len() {
            return false;
        }
        let mut rest = other.0.iter();
        self.0.iter().all(|element| rest.by_ref().find(|candidate| *candidate >= element) == Some(element))
    }

    /// Whether it has any element of `other`.
    pub fn meets(&self, other: &Self) -> bool {
        let (few, many) = if self.0.len() < other.0.len() { (self, other) } else { (other, self) };
        few.iter().any(|element| many.contains(element))
    }

    /// Puts `element` in; false when it was there.
    pub fn insert(&mut self, element: Element) -> bool {
        match self.0.binary_search(&element) {
            Ok(_) => false,
            Err(position) => {
                self.0.insert(position, element);
                true
            }
        }
    }

    /// Takes `element` out; false when it was not there.
    pub fn remove(&mut self, element: Element) -> bool {
        let found = self.0.binary_search(&element);
        if let Ok(position) = found {
            self.0.remove(position);
        }
        found.is_ok()
    }

    /// The same with `element`.
    #[must_use]
    pub fn with(&self, element: Element) -> Self {
        let mut with = self.clone();
        with.insert(element);
        with
    }

    /// The same without `element`.
    #[must_use]
    pub fn without(&self, element: Element) -> Self {
        let mut without = self.clone();
        without.remove(element);
        without
    }

    /// What both have.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.iter().filter(|element| other.contains(*element)).collect())
    }

    /// What either has.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// What `other` does not have.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(self.iter().filter(|element| !other.contains(*element)).collect())
    }

    /// Its elements, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Element> + '_ {
        self.0.iter().copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Element> for Set {
    fn from_iter<I: IntoIterator<Item = Element>>(elements: I) -> Self {
        let mut elements: Vec<Element> = elements.into_iter().collect();
        elements.sort_unstable();
        elements.dedup();
        Self(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_has_nothing_else() {
        let set = |elements: &[Element]| elements.iter().copied().collect::<Set>();
        assert!(set(&[]).is_subset_of(&set(&[])) && set(&[2, 5]).is_subset_of(&set(&[1, 2, 4, 5])));
        assert!(!set(&[2, 3]).is_subset_of(&set(&[1, 2, 4, 5])) && !set(&[6]).is_subset_of(&set(&[1, 2])));
        assert_eq!(set(&[3, 1, 3]).union(&set(&[2])), set(&[1, 2, 3]));
        assert_eq!(set(&[1, 2, 3]).intersection(&set(&[2, 4])), set(&[2]));
        assert_eq!(set(&[1, 2, 3]).difference(&set(&[2, 4])).with(2).without(1), set(&[2, 3]));
    }
}
