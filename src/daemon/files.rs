//! Watches files on behalf of `on_file` triggers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::Event;
use super::engine::Key;
use crate::time::{Clock, Duration, Time};
use crate::watch::Means;
use crate::watch::files::{FileWatch, Snapshot, differences};

/// What a trigger watches.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Pattern {
    pub key: Key,
    /// An absolute path, `*` and `**` in it.
    pub pattern: String,
    /// So long must be quiet before changes count.
    pub debounce: Duration,
}

pub(super) struct Files {
    clock: Arc<dyn Clock>,
    wanted: watch::Receiver<Vec<Pattern>>,
    events: mpsc::UnboundedSender<Event>,
    watch: FileWatch,
    watched: Vec<Watched>,
}

/// The files of one pattern.
struct Watched {
    wanted: Pattern,
    /// As they were when the trigger was last told.
    told: Snapshot,
    /// As they were at the last look.
    seen: Snapshot,
    /// When they were last seen to change, as long as the trigger has not been told.
    changed: Option<Time>,
}

impl Files {
    pub fn new(
        clock: Arc<dyn Clock>,
        means: Means,
        wanted: watch::Receiver<Vec<Pattern>>,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let watch = FileWatch::new(Arc::clone(&clock), means);
        Self { clock, wanted, events, watch, watched: Vec::new() }
    }

    /// Looks until nobody wants to know any more.
    pub async fn run(mut self) {
        loop {
            self.renew().await;
            if self.watched.is_empty() {
                if self.wanted.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let settled = self.watched.iter().filter_map(|one| Some(one.changed? + one.wanted.debounce)).min();
            tokio::select! {
                biased;
                changed = self.wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    continue;
                }
                busy = self.watch.changed(settled) => drop(busy),
            }
            self.look().await;
        }
    }

    /// Begins to watch what is wanted and new; what is there already is no change.
    pub async fn renew(&mut self) {
        let wanted = self.wanted.borrow_and_update().clone();
        if self.watched.iter().map(|one| &one.wanted).eq(&wanted) {
            return;
        }
        self.watch.follow(wanted.iter().map(|one| one.pattern.as_str()));
        let found = self.watch.snapshots(wanted.iter().map(|one| one.pattern.clone()).collect()).await;
        let mut old = std::mem::take(&mut self.watched);
        for (wanted, seen) in wanted.into_iter().zip(found) {
            let before = old.iter().position(|one| one.wanted == wanted).map(|position| old.swap_remove(position));
            self.watched.push(before.unwrap_or_else(|| Watched { wanted, told: seen.clone(), seen, changed: None }));
        }
    }

    /// Compares, and tells of what has changed and settled.
    async fn look(&mut self) {
        let patterns = self.watched.iter().map(|one| one.wanted.pattern.clone()).collect();
        let found = self.watch.snapshots(patterns).await;
        let now = self.clock.now();
        for (one, found) in self.watched.iter_mut().zip(found) {
            if found != one.seen {
                one.seen = found;
                one.changed = Some(now);
            }
            if one.changed.take_if(|changed| *changed + one.wanted.debounce <= now).is_none() {
                continue;
            }
            let changes: BTreeMap<_, _> = differences(&one.told, &one.seen);
            one.told.clone_from(&one.seen);
            let changes: Vec<_> =
                changes.into_iter().map(|(path, kind)| json!({"path": path.to_string_lossy(), "kind": kind})).collect();
            if !changes.is_empty() {
                // The daemon ends before this does.
                let _ = self.events.send(Event::Files(one.wanted.key.clone(), changes.into()));
            }
        }
    }
}
