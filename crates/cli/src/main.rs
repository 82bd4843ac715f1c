//! The `pgtailor` command.

fn main() {}
