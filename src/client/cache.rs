//! Replies that several callers share for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::args::Args;
use super::opened::Opened;
use crate::api::Row;
use crate::error::Result;
use crate::time::{Clock, Duration, Time};

/// The replies of one instance. Bounded in number and in bytes; the oldest go first.
#[derive(Default)]
pub(super) struct Cache(Mutex<State>);

#[derive(Default)]
struct State {
    kept: HashMap<String, Kept>,
    bytes: usize,
    /// Held by whoever asks at this moment.
    turns: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
    /// Grows with every write: what was asked before one is not kept after it.
    writes: u64,
}

struct Kept {
    /// When it was asked for.
    at: Time,
    reply: Arc<Opened>,
}

/// What a reply is kept under.
pub(super) fn key(row: &Row, args: &Args) -> String {
    let mut key = row.id.to_owned();
    for (param, value) in &args.0 {
        key += &format!("\n{}={value}", param.name);
    }
    key
}

impl Cache {
    const MOST: usize = 256;
    const BYTES: usize = 64 << 20;

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reply to what was asked at most `age` ago, else that of `ask`. Those who want the same at the
    /// same time wait for the one who asks. A failure is not shared: the next one asks himself.
    pub async fn share(
        &self,
        key: String,
        age: Duration,
        clock: &dyn Clock,
        ask: impl Future<Output = Result<Opened>>,
    ) -> Result<Arc<Opened>> {
        if let Some(reply) = self.find(&key, clock.now() - age) {
            return Ok(reply);
        }
        let turn = Arc::clone(self.lock().turns.entry(key.clone()).or_default());
        let held = turn.lock().await;
        let now = clock.now();
        if let Some(reply) = self.find(&key, now - age) {
            return Ok(reply);
        }
        let writes = self.lock().writes;
        let result = ask.await.map(Arc::new);
        let mut state = self.lock();
        // The map's own and ours: nobody waits.
        if Arc::strong_count(&turn) <= 2 {
            state.turns.remove(&key);
        }
        if let Ok(reply) = &result
            && state.writes == writes
        {
            state.keep(key, Kept { at: now, reply: Arc::clone(reply) });
        }
        drop(state);
        // Only now, so that whoever waits finds what was kept.
        drop(held);
        result
    }

    fn find(&self, key: &str, since: Time) -> Option<Arc<Opened>> {
        let state = self.lock();
        state.kept.get(key).filter(|kept| kept.at >= since).map(|kept| Arc::clone(&kept.reply))
    }

    /// After a write nothing of what was read before is good any more.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.writes += 1;
        state.bytes = 0;
        state.kept.clear();
    }
}

impl State {
    fn keep(&mut self, key: String, kept: Kept) {
        self.forget(&key);
        let size = kept.reply.size();
        if size > Cache::BYTES {
            return;
        }
        while self.kept.len() >= Cache::MOST || self.bytes + size > Cache::BYTES {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.at).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.forget(&oldest);
        }
        self.bytes += size;
        self.kept.insert(key, kept);
    }

    fn forget(&mut self, key: &str) {
        if let Some(old) = self.kept.remove(key) {
            self.bytes -= old.reply.size();
        }
    }
}
