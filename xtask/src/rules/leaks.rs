//! Nothing names the machine on which it was written, nor a private registry.

use super::{Rule, Violation};
use crate::tree::Tree;

/// Folders at the root of a file system under which people and builds work: a path into one of them holds nowhere else.
const MACHINE_FOLDERS: &[&str] = &["root", "home", "Users", "work", "workspace", "builds"];

/// Paths below these that are the same on every machine: where packages of a system put their files.
const PACKAGED: &[&str] = &["/home/linuxbrew/"];

/// Words that only occur in addresses of private registries; in two parts, for this file is looked at too.
const PRIVATE_WORDS: &[&str] = &[concat!("artif", "actory"), concat!("jf", "rog")];

pub static RULE: Rule = Rule { name: "leaks", check };

fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in &tree.files {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| names_path_into(line, folder)) {
                let message =
                    format!("a path into /{folder}, which is of one machine: use a relative path or a temporary folder");
                found.push(Violation::at(&RULE, file, number + 1, message));
            }
            if PRIVATE_WORDS.iter().any(|word| line.to_ascii_lowercase().contains(word)) {
                found.push(Violation::at(&RULE, file, number + 1, "a private registry: everyone builds from crates.io"));
            }
        }
    }
    found
}

/// Whether `line` has an absolute path that begins with `folder` and goes on; `{target}/root/x` and `a/root/x` are relative.
fn names_path_into(line: &str, folder: &str) -> bool {
    let path = format!("/{folder}/");
    line.match_indices(&path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        !PACKAGED.iter().any(|packaged| line[at..].starts_with(packaged))
            && before.is_none_or(|character| character.is_whitespace() || "\"'`(=:<,[".contains(character))
            && after.is_some_and(|character| character.is_alphanumeric() || "._-".contains(character))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::breaches;

    #[test]
    fn machine_paths_are_found() {
        for folder in MACHINE_FOLDERS {
            let text = format!("ok\nlet a = \"/{folder}/me/x\";\n");
            assert_eq!(breaches(&RULE, &[("a.rs", &text)])[0].0, 2, "{folder}");
        }
    }

    #[test]
    fn relative_paths_and_addresses_pass() {
        assert!(
            breaches(
                &RULE,
                &[("a.rs", "\"{target}/root/x\" \"a/home/x\" \"https://example.org/home/x\" \"/home/\" \"/home/linuxbrew/x\"\n")]
            )
            .is_empty()
        );
    }

    #[test]
    fn private_registries_are_found() {
        let text = format!("index = \"https://{}.example.org/cargo\"\n", PRIVATE_WORDS[0]);
        assert_eq!(breaches(&RULE, &[("a.toml", &text)]).len(), 1);
    }
}
