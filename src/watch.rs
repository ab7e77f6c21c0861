//! Notices that something in the scripts folder, or one of a few files beside it, may have changed.
//!
//! The operating system's events are the fast way; a slow poll is the net below it, because bind
//! mounts and network folders swallow events and because a folder that is replaced takes its watch along.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use ::notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use ::notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::library;
use crate::time::{Busy, Clock, Duration, Time};

pub mod files;

/// How long the first event waits for its companions: a save is several events, often over several files.
const WINDOW: Duration = Duration::from_millis(100);
/// Between two polls where the operating system tells of changes, and where it does not.
const POLL: Duration = Duration::from_millis(800);
const POLL_ALONE: Duration = Duration::from_millis(500);
/// After a file vanished, until somebody looks whether it is still gone.
const AGAIN: Duration = Duration::from_millis(500);
/// Every so many polls the files count as changed, for edits that keep both time and size.
const THOROUGH: u32 = 75;

/// Says that something may have changed. A pulse while another one waits adds nothing.
#[derive(Clone)]
pub struct Pulser {
    sender: mpsc::Sender<Busy>,
    clock: Arc<dyn Clock>,
}

impl Pulser {
    pub fn pulse(&self) {
        // A full channel is fine: the look that is due will see this change too.
        let _ = self.sender.try_send(self.clock.busy());
    }
}

/// How to notice changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Means {
    /// Events of the operating system, and a slow poll as a net.
    Events,
    /// Polling alone, for folders that are known to give no events.
    Poll,
    /// Only [`Pulser::pulse`].
    Asked,
}

/// When each file was last modified, and its size.
type Snapshot = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

pub struct Watcher {
    folder: PathBuf,
    /// Single files beside the folder: the configuration, secrets, and what links lead to.
    files: Arc<BTreeSet<PathBuf>>,
    clock: Arc<dyn Clock>,
    means: Means,
    pulser: Pulser,
    pulses: mpsc::Receiver<Busy>,
    native: Option<RecommendedWatcher>,
    /// What `native` watches.
    armed: BTreeMap<PathBuf, RecursiveMode>,
    /// A watched folder itself was removed or renamed, and the watch with it.
    lost: Arc<AtomicBool>,
    seen: Snapshot,
    polls: u32,
    /// Look then, whether or not anything happens.
    again: Option<Time>,
    fault: Option<String>,
}

impl Watcher {
    /// Neither the folder nor the files need exist yet.
    pub fn new(folder: &Path, files: BTreeSet<PathBuf>, clock: Arc<dyn Clock>, means: Means) -> Self {
        let (sender, pulses) = mpsc::channel(1);
        let mut watcher = Self {
            folder: folder.to_owned(),
            files: Arc::new(files),
            pulser: Pulser { sender, clock: Arc::clone(&clock) },
            clock,
            means,
            pulses,
            native: None,
            armed: BTreeMap::new(),
            lost: Arc::default(),
            seen: Snapshot::new(),
            polls: 0,
            again: None,
            fault: None,
        };
        watcher.arm();
        watcher.seen = snapshot(folder, &watcher.files);
        watcher
    }

    /// Watches these from now on.
    pub fn follow(&mut self, folder: &Path, files: BTreeSet<PathBuf>) {
        if self.folder == folder && *self.files == files {
            return;
        }
        (self.folder, self.files) = (folder.to_owned(), Arc::new(files));
        // The events so far were about other files.
        self.lost.store(true, Ordering::Relaxed);
        self.arm();
        self.seen = snapshot(&self.folder, &self.files);
        // What changed between the last look and the new watch was told by nobody.
        self.look_again();
    }

    pub fn pulser(&self) -> Pulser {
        self.pulser.clone()
    }

    /// Something vanished, perhaps for a moment: the next change comes soon, even if nothing happens.
    pub fn look_again(&mut self) {
        self.again = Some(self.clock.now() + AGAIN);
    }

    /// Why the operating system does not tell of changes, once for each reason.
    pub fn fault(&mut self) -> Option<String> {
        self.fault.take()
    }

    /// Completes when something may have changed since the last call. The token keeps a virtual clock
    /// still until the caller has looked.
    pub async fn changed(&mut self) -> Busy {
        loop {
            self.arm();
            let now = self.clock.now();
            let poll = match self.means {
                Means::Asked => None,
                _ if self.native.is_some() && self.armed.contains_key(&self.folder) => Some(now + POLL),
                _ => Some(now + POLL_ALONE),
            };
            let poll = async {
                match [poll, self.again].into_iter().flatten().min() {
                    Some(time) => self.clock.sleep_until(time).await,
                    None => std::future::pending().await,
                }
            };
            let pulsed = tokio::select! {
                biased;
                Some(busy) = self.pulses.recv() => Some(busy),
                () = poll => None,
            };
            if let Some(busy) = pulsed {
                drop(busy);
                self.clock.sleep_until(self.clock.now() + WINDOW).await;
                while self.pulses.try_recv().is_ok() {}
                self.again = None;
                self.seen = self.snapshot().await;
                return self.clock.busy();
            }
            if self.again.take_if(|time| *time <= self.clock.now()).is_some() {
                return self.clock.busy();
            }
            self.polls += 1;
            let current = self.snapshot().await;
            if current != self.seen {
                // The watch should have told; it may be on a folder that is not there any more.
                self.lost.store(true, Ordering::Relaxed);
                self.arm();
                self.seen = self.snapshot().await;
                return self.clock.busy();
            }
            if self.polls.is_multiple_of(THOROUGH) {
                return self.clock.busy();
            }
        }
    }

    /// The folders to watch that are there at present.
    fn places(&self) -> BTreeMap<PathBuf, RecursiveMode> {
        let around =
            self.files.iter().filter_map(|file| file.parent()).filter(|parent| !parent.starts_with(&self.folder));
        let around = around.map(|parent| (parent, RecursiveMode::NonRecursive));
        let all = around.chain([(self.folder.as_path(), RecursiveMode::Recursive)]);
        all.filter(|(place, _)| place.is_dir()).map(|(place, mode)| (place.to_owned(), mode)).collect()
    }

    /// Sets up the operating system's watch where it is wanted and not there.
    fn arm(&mut self) {
        if self.means != Means::Events {
            return;
        }
        let places = self.places();
        if self.lost.swap(false, Ordering::Relaxed) || places != self.armed {
            self.native = None;
        }
        if self.native.is_some() || places.is_empty() {
            return;
        }
        let (pulser, lost, files) = (self.pulser.clone(), Arc::clone(&self.lost), Arc::clone(&self.files));
        let watched: BTreeSet<_> = places.keys().cloned().collect();
        let tell = move |event: ::notify::Result<Event>| match event {
            Ok(event) => {
                if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
                    && event.paths.iter().any(|path| watched.contains(path))
                {
                    lost.store(true, Ordering::Relaxed);
                }
                if is_relevant(&event, &files) {
                    pulser.pulse();
                }
            }
            // An overflown queue or a vanished file: looking is always right.
            Err(_) => pulser.pulse(),
        };
        let watch = ::notify::recommended_watcher(tell).and_then(|mut watcher| {
            places.iter().try_for_each(|(place, mode)| watcher.watch(place, *mode))?;
            Ok(watcher)
        });
        match watch {
            Ok(watcher) => (self.native, self.armed) = (Some(watcher), places),
            Err(error) => {
                self.fault = Some(format!(
                    "`{}` cannot be watched ({error}); looking at it every {} ms instead",
                    self.folder.display(),
                    POLL_ALONE.millis()
                ));
                self.means = Means::Poll;
            }
        }
    }

    /// The folder may be on a slow disk, so it is read on a blocking thread.
    async fn snapshot(&self) -> Snapshot {
        let (folder, files, busy) = (self.folder.clone(), Arc::clone(&self.files), self.clock.busy());
        let read = tokio::task::spawn_blocking(move || (snapshot(&folder, &files), busy)).await;
        read.map(|(snapshot, _busy)| snapshot).unwrap_or_default()
    }
}

fn snapshot(folder: &Path, files: &BTreeSet<PathBuf>) -> Snapshot {
    library::files(folder)
        .into_iter()
        .chain(files.iter().cloned())
        .filter_map(|path| {
            let data = std::fs::metadata(&path).ok()?;
            Some((path, (data.modified().ok(), data.len())))
        })
        .collect()
}

/// Whether an event may mean that a script, or one of `files`, is another one now. Reading scripts causes events
/// too, and the data folder may lie inside the scripts folder: neither may cause a look.
fn is_relevant(event: &Event, files: &BTreeSet<PathBuf>) -> bool {
    let is_script = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rhai");
    let script = || event.paths.iter().any(|path| is_script(path) || files.contains(path));
    // A folder of libraries that comes, goes or is renamed has no extension to know it by.
    let folder = || event.paths.iter().any(|path| path.extension().is_none());
    if event.need_rescan() {
        return true;
    }
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => script(),
        EventKind::Access(_) => false,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => script() || folder(),
        EventKind::Any | EventKind::Modify(_) | EventKind::Other => script(),
    }
}

#[cfg(test)]
mod tests {
    use ::notify::event::{CreateKind, DataChange, MetadataKind, RemoveKind, RenameMode};

    use super::*;
    use crate::clock::{VirtualClock, track};

    #[test]
    fn only_changes_of_scripts_and_folders_matter() {
        let close = |mode| EventKind::Access(AccessKind::Close(mode));
        let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let name = |mode| EventKind::Modify(ModifyKind::Name(mode));
        let table: &[(EventKind, &[&str], bool)] = &[
            (data, &["guard.rhai"], true),
            (EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)), &["guard.rhai"], true),
            (close(AccessMode::Write), &["guard.rhai"], true),
            (close(AccessMode::Read), &["guard.rhai"], false),
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), &["guard.rhai"], false),
            (name(RenameMode::Both), &[".guard.rhai.swp", "guard.rhai"], true),
            (name(RenameMode::To), &["lib"], true),
            (EventKind::Create(CreateKind::Folder), &["lib"], true),
            (EventKind::Remove(RemoveKind::File), &["guard.rhai"], true),
            (EventKind::Create(CreateKind::File), &["guard.rhai~"], false),
            (data, &["tidegate.db-wal"], false),
            (data, &["4913"], false),
            (data, &["tidegate.toml"], true),
            (name(RenameMode::To), &["tidegate.toml"], true),
            (data, &["other.toml"], false),
        ];
        let files = BTreeSet::from(["tidegate.toml".into()]);
        for (kind, paths, expected) in table {
            let event = paths.iter().fold(Event::new(*kind), |event, path| event.add_path(path.into()));
            assert_eq!(is_relevant(&event, &files), *expected, "{kind:?} {paths:?}");
        }
    }

    #[test]
    fn a_snapshot_sees_scripts_libraries_and_the_files_that_were_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("lib")).unwrap();
        for (name, text) in [("a.rhai", "1"), ("lib/b.rhai", "22"), ("notes.txt", "x"), (".a.rhai", "x")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let sizes: Vec<_> = snapshot(folder.path(), &BTreeSet::from([folder.path().join("notes.txt")]))
            .into_iter()
            .map(|(path, (_, size))| (path.strip_prefix(folder.path()).unwrap().to_owned(), size))
            .collect();
        assert_eq!(sizes, [("a.rhai".into(), 1), (Path::new("lib").join("b.rhai"), 2), ("notes.txt".into(), 1)]);
        assert!(snapshot(&folder.path().join("nowhere"), &BTreeSet::new()).is_empty());
    }

    const START: Time = Time::from_seconds(1_751_500_800);

    /// Asks a watcher over a virtual clock for its next change and says how long that took.
    async fn time_to_change(clock: &Arc<VirtualClock>, watcher: &mut Watcher) -> i64 {
        let before = clock.now();
        let _busy = track(Arc::<VirtualClock>::clone(clock), watcher.changed()).await;
        (clock.now() - before).millis()
    }

    #[tokio::test]
    async fn pulses_share_one_fixed_window() {
        let folder = tempfile::tempdir().unwrap();
        let clock = VirtualClock::new(START);
        let mut watcher =
            Watcher::new(folder.path(), BTreeSet::new(), Arc::<VirtualClock>::clone(&clock), Means::Asked);
        let pulser = watcher.pulser();
        pulser.pulse();
        pulser.pulse();
        assert_eq!(time_to_change(&clock, &mut watcher).await, WINDOW.millis());
        assert!(watcher.pulses.is_empty(), "the second pulse waited for nothing more");
        pulser.pulse();
        assert_eq!(time_to_change(&clock, &mut watcher).await, WINDOW.millis());
    }

    #[tokio::test]
    async fn a_poll_finds_what_no_event_told() {
        let folder = tempfile::tempdir().unwrap();
        let scripts = folder.path().join("scripts");
        let clock = VirtualClock::new(START);
        let mut watcher = Watcher::new(&scripts, BTreeSet::new(), Arc::<VirtualClock>::clone(&clock), Means::Poll);
        std::fs::create_dir(&scripts).unwrap();
        std::fs::write(scripts.join("late.rhai"), "1").unwrap();
        assert_eq!(time_to_change(&clock, &mut watcher).await, POLL_ALONE.millis());
        std::fs::write(scripts.join("late.rhai"), "22").unwrap();
        assert_eq!(time_to_change(&clock, &mut watcher).await, POLL_ALONE.millis());
        assert_eq!(
            time_to_change(&clock, &mut watcher).await,
            POLL_ALONE.millis() * i64::from(THOROUGH - 2),
            "a look at the content follows even where nothing seems to have changed"
        );
    }

    #[tokio::test]
    async fn the_operating_system_tells_of_a_save() {
        let folder = tempfile::tempdir().unwrap();
        let clock = VirtualClock::new(START);
        let _still = clock.busy();
        let mut watcher = Watcher::new(folder.path(), BTreeSet::new(), clock, Means::Events);
        assert_eq!(watcher.fault(), None);
        std::fs::write(folder.path().join("guard.rhai"), "1").unwrap();
        assert!(watcher.pulses.recv().await.is_some());
    }
}
