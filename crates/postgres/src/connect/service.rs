//! Connection service files: sections of `name=value` lines (`parseServiceFile` of libpq).

use std::path::Path;

use super::error::ConnectError;
use super::parameter::Parameters;

/// The section `service` of the file `path` with the content `text`; `None` when there is no such section.
pub(crate) fn find(path: &Path, text: &str, service: &str) -> Result<Option<Parameters>, ConnectError> {
    let mut found = None;
    let origin = format!("service file {}", path.display());
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if section.strip_suffix(']') == Some(service) {
                found = Some(Parameters::default());
            }
            continue;
        }
        let Some(parameters) = found.as_mut() else { continue };
        let problem =
            |problem: &str| ConnectError::ServiceFile { path: path.to_owned(), line: index + 1, problem: problem.to_owned() };
        let (name, value) = line.split_once('=').ok_or_else(|| problem("expected name=value"))?;
        if name == "service" || name == "servicefile" {
            return Err(problem("a service cannot name another service"));
        }
        // The first of two equal names wins, as in libpq.
        if parameters.get(name).is_none() {
            parameters.set(name, value.to_owned(), &origin)?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# ours\n[shop]\nhost=db1\nport=5433\nhost=db2\n\n[other]\nnonsense\n";

    #[test]
    fn reads_only_its_own_section() {
        let shop = find(Path::new("f"), FILE, "shop").expect("valid").expect("there");
        assert_eq!(shop.get("host"), Some("db1"));
        assert_eq!(shop.get("port"), Some("5433"));
        assert!(find(Path::new("f"), FILE, "absent").expect("valid").is_none());
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let error = find(Path::new("f"), FILE, "other").err().expect("an error").to_string();
        assert!(error.contains("line 8"), "{error}");
        let error = find(Path::new("f"), "[a]\nhots=x\n", "a").err().expect("an error").to_string();
        assert!(error.contains("hots"), "{error}");
    }
}
