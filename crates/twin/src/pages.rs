//! The first pages of indexes: what must stand there for the planner to read what it reads on the source.
//!
//! Layouts of PostgreSQL 13 to 18 with pages of 8192 bytes on little-endian machines (`bufpage.h`, `nbtree.h`, `ginblock.h`, `brin_page.h`).
//! Pages carry no checksum: the lab's servers have none.

use pgtailor_model::planner::{GinCounters, IndexHead};

/// Bytes of a page.
pub(crate) const PAGE: usize = 8192;

/// `SizeOfPageHeaderData`, in bytes.
const HEADER: u16 = 24;
/// Where the data of an index page with B-tree's special space of 16 bytes end.
const SPECIAL: u16 = 8176;
/// `BTP_LEAF` and `BTP_ROOT` in `nbtree.h`.
const LEAF: u16 = 1;
const ROOT: u16 = 2;
/// Where `btpo_flags` stands on a page: behind two block numbers and the level.
const FLAGS: usize = SPECIAL as usize + 12;

/// Writes `head` into the beginning of an index file, which must be the file's first pages in whole; may make it longer.
///
/// `None` when the file is not what `head` is for.
pub(crate) fn write_head(file: &mut Vec<u8>, head: IndexHead) -> Option<()> {
    match head {
        IndexHead::BTree { levels } => write_height(file, levels),
        IndexHead::Gin(counters) => write_counters(file, counters),
        IndexHead::Brin { pages_per_range, map_pages } => {
            put(file, 32, &pages_per_range.to_le_bytes())?;
            put(file, 36, &map_pages.to_le_bytes())
        }
    }
}

/// A chain of inner pages above the one leaf: `_bt_getroot` insists that the root's own level is what the metapage says.
fn write_height(file: &mut Vec<u8>, levels: u32) -> Option<()> {
    if levels == 0 {
        return Some(());
    }
    if get(file, 24)? != 0x0005_3162 {
        return None;
    }
    let mut below = get(file, 32)?;
    if below == 0 {
        below = 1;
        file.resize(file.len().max(PAGE * 2), 0);
        let leaf = tree_page(0, LEAF, None);
        file[PAGE..PAGE * 2].copy_from_slice(&leaf);
    } else if get(file, 36)? != 0 {
        return None;
    } else {
        let flags = PAGE * usize::try_from(below).ok()? + FLAGS;
        let old = u16::from_le_bytes(file.get(flags..flags + 2)?.try_into().ok()?);
        put(file, flags, &(old & !ROOT).to_le_bytes())?;
    }
    for level in 1..=levels {
        let page = tree_page(level, if level == levels { ROOT } else { 0 }, Some(below));
        below += 1;
        let start = PAGE * usize::try_from(below).ok()?;
        file.resize(file.len().max(start + PAGE), 0);
        file[start..start + PAGE].copy_from_slice(&page);
    }
    for (at, value) in [(32, below), (36, levels), (40, below), (44, levels)] {
        put(file, at, &value.to_le_bytes())?;
    }
    Some(())
}

fn write_counters(file: &mut [u8], counters: GinCounters) -> Option<()> {
    put(file, 36, &counters.pending_pages.to_le_bytes())?;
    put(file, 48, &counters.total_pages.to_le_bytes())?;
    put(file, 52, &counters.entry_pages.to_le_bytes())?;
    put(file, 56, &counters.data_pages.to_le_bytes())?;
    put(file, 64, &counters.entries.to_le_bytes())
}

/// A B-tree page with no entry, or with one that leads to `child` and is smaller than everything.
fn tree_page(level: u32, flags: u16, child: Option<u32>) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    let (lower, upper) = if child.is_some() { (HEADER + 4, SPECIAL - 8) } else { (HEADER, SPECIAL) };
    let mut write = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
    write(12, &lower.to_le_bytes());
    write(14, &upper.to_le_bytes());
    write(16, &SPECIAL.to_le_bytes());
    // Page size and layout version 4.
    write(18, &(8192_u16 | 4).to_le_bytes());
    if let Some(child) = child {
        // A line pointer (offset, state normal, length 8) and a pivot tuple of no attribute: the block's number, high half first.
        write(24, &(u32::from(SPECIAL - 8) | 1 << 15 | 8 << 17).to_le_bytes());
        let high = u16::try_from(child >> 16).unwrap_or_default();
        let low = u16::try_from(child & 0xffff).unwrap_or_default();
        let tuple = usize::from(SPECIAL - 8);
        write(tuple, &high.to_le_bytes());
        write(tuple + 2, &low.to_le_bytes());
        write(tuple + 6, &(0x2000_u16 | 8).to_le_bytes());
    }
    write(usize::from(SPECIAL) + 8, &level.to_le_bytes());
    write(FLAGS, &flags.to_le_bytes());
    page
}

fn get(file: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?))
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) -> Option<()> {
    file.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metapage(root: u32) -> Vec<u8> {
        let mut file = vec![0; PAGE * if root == 0 { 1 } else { 2 }];
        put(&mut file, 24, &0x0005_3162_u32.to_le_bytes()).expect("it is long enough");
        put(&mut file, 32, &root.to_le_bytes()).expect("it is long enough");
        if root != 0 {
            put(&mut file, PAGE + FLAGS, &(LEAF | ROOT).to_le_bytes()).expect("it is long enough");
        }
        file
    }

    #[test]
    fn a_tree_of_three_levels_has_two_inner_pages_above_its_leaf() {
        for root in [0, 1] {
            let mut file = metapage(root);
            write_head(&mut file, IndexHead::BTree { levels: 2 }).expect("a B-tree");
            assert_eq!(file.len(), PAGE * 4);
            assert_eq!([32, 36, 40, 44].map(|at| get(&file, at).expect("on the metapage")), [3, 2, 3, 2]);
            let flags = |block: usize| file[block * PAGE + FLAGS];
            assert_eq!([flags(1), flags(2), flags(3)], [1, 0, 2]);
        }
    }

    #[test]
    fn what_is_no_index_of_that_kind_is_left_alone() {
        assert_eq!(write_head(&mut vec![0; PAGE], IndexHead::BTree { levels: 1 }), None);
        assert_eq!(write_head(&mut Vec::new(), IndexHead::Gin(GinCounters::default())), None);
    }
}
