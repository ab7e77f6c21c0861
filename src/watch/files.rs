//! Files that scripts watch: where the operating system tells of changes, it says when to look; what has changed
//! is always found by comparing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use ::notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::{Means, POLL, Pulser};
use crate::time::{Busy, Clock, Duration, Time};

/// So long must be quiet where the trigger says nothing.
pub const DEBOUNCE: Duration = Duration::from_seconds(1);
/// Between two looks where the operating system tells of changes: a net below it.
const SLOW: Duration = Duration::from_seconds(10);
/// Events of one save come close together.
const WINDOW: Duration = Duration::from_millis(50);

/// The files of a pattern: when each was last modified, and its size.
pub type Snapshot = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// What has become of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Created,
    Changed,
    Removed,
}

/// What has changed from one look to another.
pub fn differences(before: &Snapshot, after: &Snapshot) -> BTreeMap<PathBuf, Change> {
    let gone = before.keys().filter(|path| !after.contains_key(*path)).map(|path| (path.clone(), Change::Removed));
    let here = after.iter().filter_map(|(path, data)| match before.get(path) {
        None => Some((path.clone(), Change::Created)),
        Some(old) if old != data => Some((path.clone(), Change::Changed)),
        Some(_) => None,
    });
    gone.chain(here).collect()
}

/// Says when to look.
pub struct FileWatch {
    clock: Arc<dyn Clock>,
    means: Means,
    pulser: Pulser,
    pulses: mpsc::Receiver<Busy>,
    native: Option<RecommendedWatcher>,
    /// Folders that are wanted and not there yet are looked for at each poll.
    folders: BTreeSet<(PathBuf, bool)>,
    watched: BTreeSet<(PathBuf, bool)>,
}

impl FileWatch {
    pub fn new(clock: Arc<dyn Clock>, means: Means) -> Self {
        let (sender, pulses) = mpsc::channel(1);
        let pulser = Pulser { sender, clock: Arc::clone(&clock) };
        let (folders, watched) = (BTreeSet::new(), BTreeSet::new());
        Self { clock, means, pulser, pulses, native: None, folders, watched }
    }

    /// From now on these patterns.
    pub fn follow<'a>(&mut self, patterns: impl Iterator<Item = &'a str>) {
        self.folders = patterns.map(base).collect();
        self.native = None;
        self.arm();
    }

    /// Completes when something may have changed, and at the latest at `settled`. The token keeps a virtual clock
    /// still until the caller has looked.
    pub async fn changed(&mut self, settled: Option<Time>) -> Busy {
        self.arm();
        let now = self.clock.now();
        let poll = match self.means {
            Means::Asked => None,
            _ if self.native.is_some() && self.watched == self.folders => Some(now + SLOW),
            _ => Some(now + POLL),
        };
        let wake = async {
            match [poll, settled].into_iter().flatten().min() {
                Some(time) => self.clock.sleep_until(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(busy) = self.pulses.recv() => {
                drop(busy);
                self.clock.sleep_until(self.clock.now() + WINDOW).await;
                while self.pulses.try_recv().is_ok() {}
            }
            () = wake => {}
        }
        self.clock.busy()
    }

    /// The files of each pattern. Disks may be slow, so they are read on a blocking thread.
    pub async fn snapshots(&self, patterns: Vec<String>) -> Vec<Snapshot> {
        let (count, busy) = (patterns.len(), self.clock.busy());
        let read = move || (patterns.iter().map(|pattern| snapshot(pattern)).collect(), busy);
        let read: Result<(Vec<_>, Busy), _> = tokio::task::spawn_blocking(read).await;
        read.map_or_else(|_| vec![Snapshot::new(); count], |(snapshots, _busy)| snapshots)
    }

    /// Watches the folders that are there and not watched yet. What cannot be watched is polled.
    fn arm(&mut self) {
        if self.means != Means::Events || (self.native.is_some() && self.watched == self.folders) {
            return;
        }
        if self.native.is_none() {
            let pulser = self.pulser.clone();
            self.watched.clear();
            self.native = ::notify::recommended_watcher(move |event: ::notify::Result<::notify::Event>| {
                // Reading is no change, and would go round in circles.
                if !event.is_ok_and(|event| event.kind.is_access()) {
                    pulser.pulse();
                }
            })
            .ok();
        }
        let Some(native) = &mut self.native else { return };
        for (folder, deep) in &self.folders {
            let mode = if *deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            let new = !self.watched.contains(&(folder.clone(), *deep));
            if new && folder.is_dir() && native.watch(folder, mode).is_ok() {
                self.watched.insert((folder.clone(), *deep));
            }
        }
    }
}

/// The folder that all files of a pattern lie in, and whether they may lie deeper.
fn base(pattern: &str) -> (PathBuf, bool) {
    let mut folder = PathBuf::new();
    let parts: Vec<_> = Path::new(pattern).components().collect();
    for (position, part) in parts.iter().enumerate() {
        let text = part.as_os_str().to_string_lossy();
        if position + 1 == parts.len() {
            return (folder, text.contains("**"));
        }
        if text.contains(['*', '?', '[']) && unescape(&text) == text {
            return (folder, true);
        }
        folder.push(unescape(&text));
    }
    (folder, false)
}

/// A part of a path without the brackets that keep what is special from being so.
fn unescape(text: &str) -> String {
    let mut plain = text.to_owned();
    for special in ["?", "*", "[", "]"] {
        plain = plain.replace(&format!("[{special}]"), special);
    }
    plain
}

/// Files, and no folders; what cannot be read is not there.
fn snapshot(pattern: &str) -> Snapshot {
    let Ok(paths) = glob::glob(pattern) else { return Snapshot::new() };
    paths
        .filter_map(Result::ok)
        .filter_map(|path| {
            let data = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
            Some((path, (data.modified().ok(), data.len())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_pattern_is_what_comes_before_its_first_star() {
        let table = [
            ("/srv/done/*.torrent", "/srv/done", false),
            ("/srv/done/list.txt", "/srv/done", false),
            ("/srv/**/*.torrent", "/srv", true),
            ("/srv/*/list.txt", "/srv", true),
            ("/srv/[[]a]/x", "/srv/[a]", false),
        ];
        for (pattern, folder, deep) in table {
            assert_eq!(base(pattern), (folder.into(), deep), "{pattern}");
        }
    }

    #[test]
    fn a_comparison_names_what_came_changed_and_went() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = format!("{}/*.txt", folder.path().display());
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("stays.txt", "1");
        write("grows.txt", "1");
        write("goes.txt", "1");
        write("other.log", "1");
        let before = snapshot(&pattern);
        assert_eq!(before.len(), 3);
        write("grows.txt", "22");
        write("comes.txt", "1");
        std::fs::remove_file(folder.path().join("goes.txt")).unwrap();
        std::fs::create_dir(folder.path().join("folder.txt")).unwrap();
        let found: Vec<_> = differences(&before, &snapshot(&pattern))
            .into_iter()
            .map(|(path, change)| (path.file_name().unwrap().to_string_lossy().into_owned(), change))
            .collect();
        let expected = [("comes.txt", Change::Created), ("goes.txt", Change::Removed), ("grows.txt", Change::Changed)];
        assert!(found.iter().map(|(name, change)| (name.as_str(), *change)).eq(expected), "{found:?}");
    }
}
