//! Pages of a BRIN index right after `CREATE INDEX`.

use pgtailor_model::catalog::Table;
use pgtailor_model::index::{IndexDefinition, KeyPart};
use pgtailor_model::snapshot::Server;
use pgtailor_model::unit::count_as_f64;

use super::layout::{Values, entry_bytes};

/// `BRIN_DEFAULT_PAGES_PER_RANGE` in `brin.h`.
const PAGES_PER_RANGE: f64 = 128.0;
/// `SizeOfPageHeaderData` and the special space (`BrinSpecialSpace`), both aligned, in bytes.
const PAGE_OVERHEAD: f64 = 24.0 + 8.0;
/// `sizeof(ItemPointerData)`, the entry of the range map (`REVMAP_PAGE_MAXITEMS` in `brin_page.h`), in bytes.
const MAP_ENTRY: f64 = 6.0;
/// `sizeof(ItemIdData)`, in bytes.
const LINE_POINTER: f64 = 4.0;

/// Pages of the index, the metapage included; `None` unless every key is a column with statistics and the default class of its type.
///
/// Takes that class to keep a minimum and a maximum, as for all types that a B-tree sorts. (`inet` and ranges keep one value.)
pub(super) fn pages(definition: &IndexDefinition, table: &Table, server: &Server) -> Option<f64> {
    let page = f64::from(server.block_size);
    let mut bounds: Vec<Values> = Vec::new();
    for key in &definition.keys {
        let KeyPart::Column(name) = &key.part else { return None };
        if key.operator_class.is_some() {
            return None;
        }
        let column = table.column(name)?;
        let values = Values::of(column, column.statistics.as_ref()?);
        bounds.extend([values, values]);
    }
    let table_pages = table.size.map_or_else(|| count_as_f64(table.pages.0), |size| size.as_f64() / page);
    let ranges = (table_pages / PAGES_PER_RANGE).ceil();
    // `brin_form_tuple` in `brin_tuple.c`: five bytes and two bits a column, aligned: as much as an index entry's header.
    let on_page = ((page - PAGE_OVERHEAD) / (entry_bytes(&bounds, false) + LINE_POINTER)).floor().max(1.0);
    let in_map_page = ((page - PAGE_OVERHEAD) / MAP_ENTRY).floor();
    Some(1.0 + (ranges / in_map_page).ceil().max(1.0) + (ranges / on_page).ceil())
}
