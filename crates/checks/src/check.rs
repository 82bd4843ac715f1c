//! What a check is, and all of them.

use std::collections::BTreeMap;

use pgtailor_model::disuse::DropEvidence;
use pgtailor_model::finding::Finding;
use pgtailor_model::name::Oid;
use pgtailor_model::quantity::Quantity;
use pgtailor_model::snapshot::{NotExamined, Snapshot};
use pgtailor_model::workload::Workload;

mod bloated_index;
mod bloated_table;
mod cartesian_product;
mod correlated_columns;
mod crowded_pages;
mod dead_rows;
mod disabled_autovacuum;
mod duplicate_index;
mod early_stop;
mod exhausted_sequence;
mod function_on_column;
mod hot_blocking_index;
mod implicit_cast;
mod invalid_index;
mod json_column;
mod late_autovacuum;
mod low_cardinality_index;
mod low_statistics_target;
mod many_indexes;
mod mismatched_foreign_key;
mod missing_index;
mod missing_statistics;
mod n_plus_one;
mod no_primary_key;
mod not_in_subquery;
mod offset_paging;
mod or_across_tables;
mod outdated_collation;
mod random_uuid_key;
mod redundant_index;
mod select_star;
mod slow_statement;
mod temp_spill;
mod unbounded_result;
mod unfrozen_rows;
mod unindexed_foreign_key;
mod unselective_index;
mod unused_index;
mod unvacuumed_inserts;
mod unvalidated_foreign_key;

/// What checks look at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Catalog, counters and settings.
    pub snapshot: &'a Snapshot,
    /// The statements of the same database, understood; empty when none were recorded.
    pub workload: &'a Workload,
    /// What a fresh build of each index would take, in bytes, estimated, by the index's OID; those of which nothing can be said are not in it.
    pub fresh_sizes: &'a BTreeMap<Oid, Quantity>,
    /// What entitles to drop an index, the same that the rollout asks for.
    pub drop_evidence: &'a DropEvidence,
}

impl<'a> Subject<'a> {
    /// A snapshot with its workload, no sizes and the usual evidence.
    pub fn new(snapshot: &'a Snapshot, workload: &'a Workload) -> Self {
        static NO_SIZES: BTreeMap<Oid, Quantity> = BTreeMap::new();
        static USUAL: DropEvidence = DropEvidence::usual();
        Self { snapshot, workload, fresh_sizes: &NO_SIZES, drop_evidence: &USUAL }
    }
}

/// One kind of problem.
pub trait Check: Sync {
    /// The problem in kebab-case, so that "allow `invalid-index`" reads right; also the name of its file.
    fn name(&self) -> &'static str;

    /// Every occurrence of the problem.
    fn find(&self, subject: &Subject<'_>) -> Vec<Finding>;

    /// What could not be examined for it, and why.
    fn not_examined(&self, _subject: &Subject<'_>) -> Vec<NotExamined> {
        Vec::new()
    }
}

/// Every check, in the order of the manual: what queries suffer from first, then what maintenance owes.
pub static ALL: &[&dyn Check] = &[
    &missing_index::MissingIndex,
    &slow_statement::SlowStatement,
    &n_plus_one::NPlusOne,
    &offset_paging::OffsetPaging,
    &not_in_subquery::NotInSubquery,
    &cartesian_product::CartesianProduct,
    &function_on_column::FunctionOnColumn,
    &implicit_cast::ImplicitCast,
    &select_star::SelectStar,
    &unbounded_result::UnboundedResult,
    &or_across_tables::OrAcrossTables,
    &early_stop::EarlyStop,
    &temp_spill::TempSpill,
    &unindexed_foreign_key::UnindexedForeignKey,
    &outdated_collation::OutdatedCollation,
    &invalid_index::InvalidIndex,
    &missing_statistics::MissingStatistics,
    &unselective_index::UnselectiveIndex,
    &low_cardinality_index::LowCardinalityIndex,
    &unused_index::UnusedIndex,
    &duplicate_index::DuplicateIndex,
    &redundant_index::RedundantIndex,
    &hot_blocking_index::HotBlockingIndex,
    &many_indexes::ManyIndexes,
    &bloated_index::BloatedIndex,
    &dead_rows::DeadRows,
    &no_primary_key::NoPrimaryKey,
    &mismatched_foreign_key::MismatchedForeignKey,
    &unvalidated_foreign_key::UnvalidatedForeignKey,
    &exhausted_sequence::ExhaustedSequence,
    &disabled_autovacuum::DisabledAutovacuum,
    &late_autovacuum::LateAutovacuum,
    &unvacuumed_inserts::UnvacuumedInserts,
    &unfrozen_rows::UnfrozenRows,
    &bloated_table::BloatedTable,
    &crowded_pages::CrowdedPages,
    &low_statistics_target::LowStatisticsTarget,
    &correlated_columns::CorrelatedColumns,
    &json_column::JsonColumn,
    &random_uuid_key::RandomUuidKey,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    const HEADINGS: [&str; 5] = ["# What it finds", "# Why it matters", "# Example", "# Instead", "# When to ignore it"];

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test reads the sources of the checks, the checks read no files")]
    fn every_file_is_a_listed_check_with_its_manual_page() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check");
        let mut files = BTreeSet::new();
        for entry in fs::read_dir(folder).expect("the folder of checks") {
            let path = entry.expect("an entry of the folder").path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a plain file name").replace('_', "-");
            let text = fs::read_to_string(&path).expect("a readable file");
            for heading in HEADINGS {
                assert!(text.contains(&format!("/// {heading}")), "{stem} lacks `{heading}`");
            }
            files.insert(stem);
        }
        let names: BTreeSet<String> = ALL.iter().map(|check| check.name().to_owned()).collect();
        assert_eq!(names, files);
        assert_eq!(names.len(), ALL.len(), "two checks share a name");
    }

    #[test]
    fn names_are_kebab_case() {
        for check in ALL {
            assert!(check.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", check.name());
        }
    }
}
