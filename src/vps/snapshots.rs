//! Snapshots: taken and seen in the list, and rotated.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::job::{Begun, begin, follow};
use super::{ask, hurried};
use crate::api::shapes;
use crate::client::Client;
use crate::error::Result;
use crate::recorder::Talk;
use crate::time::{Duration, Time};

shapes! {
    /// A stored snapshot, without the link that opens it to everybody.
    StoredSnapshot {
        /// Its name in the other snapshot calls.
        file_name: Text,
        description: Text,
        os: Text,
        /// Of the compressed file.
        size: Bytes,
        /// Whether it is kept for good.
        sticky: Bool,
        /// When the provider deletes it; null where it is sticky.
        purges_at: Seconds | null,
    }

    /// What a rotation did to the snapshots of its prefix.
    Rotation {
        created: StoredSnapshot,
        deleted: [StoredSnapshot],
        /// The new one, and sticky ones, among them.
        kept: [StoredSnapshot],
    }
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredSnapshot {
    pub file_name: String,
    pub description: String,
    pub os: String,
    pub size: i64,
    pub sticky: bool,
    pub purges_at: Option<Time>,
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rotation {
    pub created: StoredSnapshot,
    pub deleted: Vec<StoredSnapshot>,
    pub kept: Vec<StoredSnapshot>,
}

#[derive(Deserialize)]
struct Listed {
    snapshots: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    file_name: String,
    os: String,
    description: String,
    size: i64,
    sticky: bool,
    /// Seconds from now.
    purges_in: f64,
}

impl Row {
    fn stored(self, now: Time) -> StoredSnapshot {
        let Self { file_name, os, description, size, sticky, purges_in } = self;
        let purges_at = (!sticky).then(|| now + Duration::from_seconds_f64(purges_in));
        StoredSnapshot { file_name, description, os, size, sticky, purges_at }
    }
}

async fn list(vps: &Client, talk: &Talk) -> Result<Vec<StoredSnapshot>> {
    let listed: Listed = ask(vps, "snapshot_list", &talk.fresh()).await?;
    Ok(listed.snapshots.into_iter().map(|row| row.stored(talk.now())).collect())
}

/// Takes a snapshot and waits until it is in the list.
///
/// # Errors
/// `timeout` where it is not there yet, and may come later; else why there is none.
pub async fn snapshot_and_wait(
    vps: &Client,
    description: &str,
    timeout: Option<Duration>,
    talk: &Talk,
) -> Result<StoredSnapshot> {
    const ROW: &str = "snapshot_create";
    let talk = &hurried(talk, timeout);
    let before = list(vps, talk).await?;
    let options = Map::from_iter([("description".to_owned(), description.into())]);
    let begun = begin(vps, ROW, Vec::new(), options, talk).await?;
    let new = async |_: &Value| {
        let mut new = list(vps, talk).await?;
        new.retain(|snapshot| before.iter().all(|old| old.file_name != snapshot.file_name));
        let named = new.iter().position(|snapshot| snapshot.description == description);
        // Its text may have been changed on the way; nobody else can take one while the VPS is locked.
        Ok(named.map(|position| new.swap_remove(position)).or_else(|| new.pop()))
    };
    follow(vps, ROW, begun, talk, new).await
}

/// Takes a snapshot `PREFIX TIME`, and when that is there deletes the oldest whose description begins with the prefix,
/// so that `keep` of them remain. Sticky ones are neither counted nor deleted.
///
/// # Errors
/// Those of [`snapshot_and_wait`], before anything was deleted.
pub async fn rotate_snapshots(
    vps: &Client,
    keep: usize,
    prefix: &str,
    timeout: Option<Duration>,
    talk: &Talk,
) -> Result<Rotation> {
    const ROW: &str = "snapshot_delete";
    let talk = &hurried(talk, timeout);
    let description = format!("{prefix} {}", talk.now().utc().format("%Y-%m-%d %H:%M"));
    let created = snapshot_and_wait(vps, &description, None, talk).await?;
    let (deleted, kept) = sorted_out(list(vps, talk).await?, &created.file_name, keep, prefix);
    for snapshot in &deleted {
        match begin(vps, ROW, vec![snapshot.file_name.clone().into()], Map::new(), talk).await? {
            Begun::Yes => {}
            Begun::Unknown(error) => return Err(error),
        }
    }
    Ok(Rotation { created, deleted, kept })
}

/// Of the snapshots of this prefix: those that are too many, and the others; the newest first.
fn sorted_out(
    all: Vec<StoredSnapshot>,
    created: &str,
    keep: usize,
    prefix: &str,
) -> (Vec<StoredSnapshot>, Vec<StoredSnapshot>) {
    let mut mine: Vec<_> = all.into_iter().filter(|snapshot| snapshot.description.starts_with(prefix)).collect();
    // What the provider deletes last is the newest; it does not say when a snapshot was taken.
    mine.sort_by_key(|snapshot| std::cmp::Reverse((snapshot.file_name == created, snapshot.purges_at)));
    let mut room = keep;
    mine.into_iter().partition(|snapshot| {
        if snapshot.sticky {
            return false;
        }
        let surplus = room == 0;
        room = room.saturating_sub(1);
        surplus
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::Service;
    use crate::api::decode::{Json, decode};

    fn snapshot(name: &str, description: &str, days: i64, sticky: bool) -> StoredSnapshot {
        StoredSnapshot {
            file_name: name.into(),
            description: description.into(),
            os: "debian-12-x86_64".into(),
            size: 1,
            sticky,
            purges_at: (!sticky).then(|| Time::from_seconds(days * 86_400)),
        }
    }

    #[test]
    fn the_oldest_of_the_prefix_go_and_sticky_ones_never() {
        let all = vec![
            snapshot("a", "weekly 2026-06-01", 1, false),
            snapshot("b", "weekly 2026-06-08", 8, false),
            snapshot("s", "weekly and for good", 0, true),
            snapshot("c", "weekly 2026-06-15", 15, false),
            snapshot("d", "before the upgrade", 2, false),
            // Its time may have been set back; what was made just now is the newest all the same.
            snapshot("e", "weekly 2026-06-22", 3, false),
        ];
        let (deleted, kept) = sorted_out(all, "e", 2, "weekly");
        let names = |list: Vec<StoredSnapshot>| list.into_iter().map(|one| one.file_name).collect::<Vec<_>>();
        assert_eq!(names(deleted), ["b", "a"]);
        assert_eq!(names(kept), ["e", "c", "s"]);
    }

    #[test]
    fn a_reply_is_read_with_all_quirks_of_the_wire() {
        let reply = json!({"error": 0, "snapshots": [{
            "fileName": "snapshot-1.tar.gz", "os": "debian-12-x86_64", "description": "d2Vla2x5IDIwMjY=",
            "size": "1073741824", "md5": "0", "sticky": false, "uncompressed": 3, "purgesIn": "86400",
            "downloadLink": "http://198.51.100.60/x", "downloadLinkSSL": "https://198.51.100.60/x",
        }]});
        let ty = Service::KiwiVm.row("snapshot_list").unwrap().returns;
        let decoded = decode(reply.to_string().as_bytes(), &ty, Service::KiwiVm, &mut Json::default()).unwrap();
        let Listed { snapshots } = serde_json::from_value(decoded).unwrap();
        let read = snapshots.into_iter().next().unwrap().stored(Time::from_seconds(0));
        assert_eq!((read.description.as_str(), read.size), ("weekly 2026", 1 << 30));
        assert_eq!(read.purges_at, Some(Time::from_seconds(86_400)));
    }
}
