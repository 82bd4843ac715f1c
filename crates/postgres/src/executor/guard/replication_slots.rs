//! No replication slot keeps the WAL that a build writes (`faults` F88).
//!
//! Behind a slot that nobody reads WAL piles up until the disk is full: then the server ends with a panic, and its recovery ends with the
//! same. Measured: a build writes about nine tenths of the index's size. A slot with a limit (`max_slot_wal_keep_size`) is lost instead,
//! and its standby or consumer with it.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::moment::Answer;
use pgtailor_model::name::printable;
use pgtailor_model::unit::Bytes;
use tokio_postgres::Client;

use super::Question;
use crate::executor::error::{ApplyError, while_doing};

/// A slot that can keep WAL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::executor) struct Slot {
    pub name: String,
    /// Somebody reads from it.
    pub is_active: bool,
    /// The server says that WAL which it wants may be removed at the next checkpoint.
    pub is_in_danger: bool,
    /// How much may still be written before it is; `None` without a limit.
    pub safe: Option<Bytes>,
    /// How much WAL it keeps now.
    pub keeps: Bytes,
}

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    async move {
        if !question.change.is_build() {
            return Ok(Answer::Passes);
        }
        let wal = question.much_wal().await?;
        Ok(decide(&all(question.client).await?, wal))
    }
    .boxed()
}

/// Slots that keep WAL. A lost one keeps none.
pub(in crate::executor) async fn all(client: &Client) -> Result<Vec<Slot>, ApplyError> {
    const SLOTS: &str = "SELECT /* pgtailor */ s.slot_name::text, s.active, s.wal_status = 'unreserved', s.safe_wal_size, \
             pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::bigint \
         FROM pg_catalog.pg_replication_slots s \
         WHERE s.restart_lsn IS NOT NULL AND s.wal_status IS DISTINCT FROM 'lost' ORDER BY 5 DESC";
    let doing = while_doing("look at the replication slots");
    let bytes = |count: i64| Bytes(u64::try_from(count).unwrap_or(0));
    let mut slots = Vec::new();
    for row in client.query(SLOTS, &[]).await.map_err(&doing)? {
        slots.push(Slot {
            name: row.try_get(0).map_err(&doing)?,
            is_active: row.try_get(1).map_err(&doing)?,
            is_in_danger: row.try_get::<_, Option<bool>>(2).map_err(&doing)?.unwrap_or(false),
            safe: row.try_get::<_, Option<i64>>(3).map_err(&doing)?.map(bytes),
            keeps: bytes(row.try_get(4).map_err(&doing)?),
        });
    }
    Ok(slots)
}

/// A slot that nobody reads is worth a word even where the build writes too little to matter, which is when `wal` is `None`.
fn decide(slots: &[Slot], wal: Option<Bytes>) -> Answer {
    let Some(wal) = wal else {
        let unread = slots.iter().find(|slot| !slot.is_active);
        return unread.map_or(Answer::Passes, |slot| {
            let name = printable(&slot.name);
            Answer::Remarks(format!("nobody reads from replication slot {name}, which keeps {} of WAL", slot.keeps))
        });
    };
    let twice = wal + wal;
    for slot in slots {
        let name = printable(&slot.name);
        if !slot.is_active {
            return Answer::Refuses(format!(
                "nobody reads from replication slot {name}, which keeps {} of WAL; the build adds about {wal} (estimated), and a full disk ends the server",
                slot.keeps
            ));
        }
        if slot.is_in_danger || slot.safe.is_some_and(|safe| safe < twice) {
            let safe = slot.safe.unwrap_or_default();
            return Answer::Refuses(format!(
                "replication slot {name} is lost after {safe} more of WAL, and the build writes about {wal} (estimated)"
            ));
        }
    }
    Answer::Passes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_must_be_read_from_and_have_room_for_twice_the_build() {
        let slot = Slot { name: "s".to_owned(), is_active: true, is_in_danger: false, safe: None, keeps: Bytes(1) };
        let decided = |slot: Slot| decide(&[slot], Some(Bytes(100)));
        assert_eq!(decided(slot.clone()), Answer::Passes);
        assert_eq!(decided(Slot { safe: Some(Bytes(200)), ..slot.clone() }), Answer::Passes);
        for bad in [
            Slot { is_active: false, ..slot.clone() },
            Slot { is_in_danger: true, ..slot.clone() },
            Slot { safe: Some(Bytes(199)), ..slot },
        ] {
            let of_little = decide(std::slice::from_ref(&bad), None);
            assert_eq!(matches!(of_little, Answer::Remarks(_)), !bad.is_active, "little WAL is no harm");
            assert!(matches!(decided(bad), Answer::Refuses(_)));
        }
    }
}
