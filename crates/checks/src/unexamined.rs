//! What a check could not look at, said once for many objects.

use pgtailor_model::snapshot::NotExamined;

/// One entry for all of `names`, objects of a kind (`table`, `index`) and its plural; `None` without any.
pub(crate) fn unexamined(
    names: impl IntoIterator<Item = String>,
    (one, many): (&str, &str),
    reason: impl Into<String>,
) -> Option<NotExamined> {
    let names: Vec<String> = names.into_iter().collect();
    let object = match names.as_slice() {
        [] => return None,
        [name] => name.clone(),
        [name, _] => format!("{name} and 1 other {one}"),
        [name, others @ ..] => format!("{name} and {} other {many}", others.len()),
    };
    Some(NotExamined { object, reason: reason.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_named_and_the_others_are_counted() {
        let object = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned());
            unexamined(names, ("table", "tables"), "why").map(|entry| entry.object)
        };
        assert_eq!(object(&[]), None);
        assert_eq!(object(&["a"]).as_deref(), Some("a"));
        assert_eq!(object(&["a", "b"]).as_deref(), Some("a and 1 other table"));
        assert_eq!(object(&["a", "b", "c"]).as_deref(), Some("a and 2 other tables"));
    }
}
