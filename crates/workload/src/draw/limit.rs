//! `LIMIT` and `OFFSET`.

use pgtailor_model::binding::Literal;

/// Sizes of pages that applications have, ascending.
const PAGES: &[u32] = &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 10_000];

/// When nothing is known: a page of a list.
const USUAL: u32 = 20;

/// The smallest usual page that holds the rows that an execution returns on average; 20 when that is not known.
///
/// Limits: a larger page that is rarely full is taken for a smaller one, which costs the same unless the planner expects it to be full.
pub(super) fn row_limit(rows_per_call: Option<f64>) -> Literal {
    let page = match rows_per_call.filter(|rows| rows.is_finite()) {
        None => USUAL,
        Some(rows) => PAGES.iter().copied().find(|page| f64::from(*page) >= rows).unwrap_or(10_000),
    };
    Literal::new(page.to_string())
}

/// The first page.
pub(super) fn row_offset() -> Literal {
    Literal::new("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_what_is_returned() {
        let limit = |rows| row_limit(rows).expose().to_owned();
        assert_eq!(limit(None), "20");
        assert_eq!(limit(Some(0.97)), "1");
        assert_eq!(limit(Some(49.8)), "50");
        assert_eq!(limit(Some(1e9)), "10000");
    }
}
