//! In which schemas the statements' unqualified names are looked for.

use pgtailor_model::snapshot::Snapshot;

/// The schemas of the database's own `search_path`, first to last, as `current_schemas(false)` would list them.
///
/// It is the setting of the role that captured, which sees what `ALTER DATABASE` and the configuration say; an application that sets another
/// one in its sessions is not recorded anywhere. `"$user"` counts when a schema is called like the role.
pub(crate) fn search_path(snapshot: &Snapshot) -> Vec<String> {
    let setting = snapshot.settings.get("search_path").map_or("\"$user\", public", |setting| setting.value.as_str());
    let exists = |schema: &String| snapshot.catalog.relation_names.contains_key(schema);
    let named = names(setting).into_iter().map(|name| if name == "$user" { snapshot.capabilities.role.clone() } else { name });
    named.filter(exists).collect()
}

/// The names in a list of identifiers.
fn names(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut quoted = false;
    let mut characters = list.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                name.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            c if c.is_whitespace() && !quoted => {}
            c if quoted => name.push(c),
            c => name.extend(c.to_lowercase()),
        }
    }
    names.push(name);
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn lists_of_names_are_read_as_the_server_reads_them() {
        assert_eq!(names("\"$user\", public"), ["$user", "public"]);
        assert_eq!(names("App, \"We, \"\"ird\", pg_catalog"), ["app", "We, \"ird", "pg_catalog"]);
        assert_eq!(names("\"\""), Vec::<String>::new());
    }
}
