//! Arrays in PostgreSQL's text format (`array_out` in `arrayfuncs.c`), of one dimension.

use pgtailor_model::binding::Literal;

/// The array of `elements`.
pub(super) fn array_of(elements: &[Literal]) -> Literal {
    let quoted = elements.iter().map(|element| {
        let text = element.expose().replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{text}\"")
    });
    Literal::new(format!("{{{}}}", quoted.collect::<Vec<_>>().join(",")))
}

/// Arrays of 1 to 5 elements, one beginning at each of `elements`: how long a list is, nobody knows.
pub(super) fn arrays_of(elements: &[Literal]) -> Vec<Literal> {
    let n = elements.len();
    (0..n).map(|start| array_of(&(0..=start % 5).map(|step| elements[(start + step) % n].clone()).collect::<Vec<_>>())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_quoted() {
        let elements = [Literal::new("a\"b\\c"), Literal::new("NULL"), Literal::new("")];
        assert_eq!(array_of(&elements).expose(), r#"{"a\"b\\c","NULL",""}"#);
        assert_eq!(array_of(&[]).expose(), "{}");
    }
}
