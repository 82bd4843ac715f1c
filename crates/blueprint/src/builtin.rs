//! Blueprints that come with the program: their files, embedded as text and read like anybody's.

use std::collections::BTreeMap;

use crate::blueprint::{BLUEPRINT_FILE, Blueprint, CATALOG_FILE, CONSTRAINTS_FILE, DATA_FILE, SCHEMA_FILE, WORKLOAD_FILE};

/// A blueprint that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// What it is called on the command line.
    pub name: &'static str,
    files: &'static [(&'static str, &'static str)],
}

/// All of them, in the order in which they are listed to people.
pub static ALL: &[BuiltIn] = &[BuiltIn {
    name: "dreflowpro",
    files: &[
        (BLUEPRINT_FILE, include_str!("../../../blueprints/dreflowpro/blueprint.toml")),
        (SCHEMA_FILE, include_str!("../../../blueprints/dreflowpro/schema.sql")),
        (CONSTRAINTS_FILE, include_str!("../../../blueprints/dreflowpro/constraints.sql")),
        (DATA_FILE, include_str!("../../../blueprints/dreflowpro/data.toml")),
        (CATALOG_FILE, include_str!("../../../blueprints/dreflowpro/catalog.toml")),
        (WORKLOAD_FILE, include_str!("../../../blueprints/dreflowpro/workload.toml")),
    ],
}];

/// The built-in blueprint of this name.
pub fn find(name: &str) -> Option<&'static BuiltIn> {
    ALL.iter().find(|built_in| built_in.name == name)
}

impl BuiltIn {
    /// The texts of its files, keyed by file name.
    pub fn texts(&self) -> BTreeMap<String, String> {
        self.files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect()
    }

    /// The blueprint.
    pub fn blueprint(&self) -> Blueprint {
        Blueprint::from_texts(&self.texts()).expect("the texts are part of this program, and its tests read all of them")
    }
}
