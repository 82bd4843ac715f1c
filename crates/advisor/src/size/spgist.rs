//! Pages of an SP-GiST index right after `CREATE INDEX`.
//!
//! Leaves of the tree are lists that share pages, inner nodes are few: what counts is how much of a value is left when the tree has taken
//! its part of it. A radix tree over texts (`spgtextproc.c`) keeps what follows the prefix that the neighbours share; the others keep all.

use super::PredictedIndex;
use super::inputs::IndexInputs;
use super::layout::{LINE_POINTER, PAGE_HEADER, Values, entry_bytes};

/// `MAXALIGN(sizeof(SpGistPageOpaqueData))` in `spgist_private.h`, in bytes.
const SPECIAL: f64 = 8.0;
/// `SGLTHDRSZ` of a tuple without nulls less the header that [`entry_bytes`] charges: 16 - 8 bytes. Nulls keep a header only.
const MORE_HEADER: f64 = 8.0;
/// How full pages are, inner nodes included: measured on 15 with 120,000 rows as 0.69 to 0.85 over eight kinds of values, without any
/// formula behind it. Lists are moved to pages with room for them (`spgdoinsert.c`).
const FILL: f64 = 0.78;
/// Metapage, root and root of the nulls (`spgbuild` in `spginsert.c`).
const FIRST_PAGES: f64 = 3.0;
/// Bytes of a text that a tree takes beside the shared prefix: the node's label.
const LABEL: f64 = 1.0;

/// Pages.
pub(super) fn predicted(inputs: &IndexInputs) -> PredictedIndex {
    let usable = inputs.block_size.as_f64() - PAGE_HEADER - SPECIAL;
    let rows = inputs.rows.as_f64();
    let nulls = inputs.keys.iter().map(|key| key.nulls_kept).fold(0.0, f64::max);
    let included: Vec<Values> = inputs.included.iter().map(|part| part.values).collect();
    let mut parts: Vec<Values> = inputs
        .keys
        .iter()
        .map(|key| if key.operator_class == "text_ops" { key.values.without(key.shared_prefix + LABEL) } else { key.values })
        .collect();
    parts.extend(&included);
    let leaf = entry_bytes(&parts, false) + MORE_HEADER + LINE_POINTER;
    let null_leaf = entry_bytes(&included, false) + MORE_HEADER + LINE_POINTER;
    let pages = (rows * (1.0 - nulls) * leaf / (usable * FILL)).ceil() + (rows * nulls * null_leaf / (usable * FILL)).ceil();
    PredictedIndex::of_pages(FIRST_PAGES + pages)
}
