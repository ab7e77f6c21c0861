//! Keeps the promises that outlive runs: bans are lifted and holds are released when they expire, and what a hold
//! stops stays stopped until then.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{Notify, watch};

use super::account;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::journal::{Level, Line};
use crate::recorder::Talk;
use crate::text::count;
use crate::time::{Duration, Time};
use crate::traffic::Sampler;

/// Expiries are looked up this often even if no run asks for it: other processes make bans and holds too.
const HEARTBEAT: Duration = Duration::from_seconds(60);
/// The same where nothing is held, no other process makes holds, and nobody reads a series.
const UNSEEN: Duration = Duration::from_seconds(25 * 60);
/// The run history forgets this often, and one that ends with this process a day.
const FORGET: Duration = Duration::from_seconds(3600);
const FORGET_ALONE: Duration = Duration::from_seconds(24 * 3600);

pub(super) struct Keeper {
    /// Of the configuration in force.
    hosts: watch::Receiver<Arc<Host>>,
    /// Something may expire earlier than was known.
    changed: Arc<Notify>,
}

impl Keeper {
    pub fn new(hosts: watch::Receiver<Arc<Host>>, changed: Arc<Notify>) -> Self {
        Self { hosts, changed }
    }

    pub async fn run(self) {
        let clock = Arc::clone(&self.host().clock);
        let mut said = None;
        let mut enforced: BTreeSet<String> = BTreeSet::new();
        let mut look = clock.now();
        let mut forget = clock.now();
        let mut sampler = Sampler::default();
        let mut first = true;
        loop {
            let now = clock.now();
            if look <= now {
                look = now + HEARTBEAT;
                let held = self.enforce(&mut enforced).await;
                let host = self.host();
                let readers = host.series.readers();
                if !held && !first && host.database.is_alone() && !readers.vps && !readers.clients {
                    // Nobody else makes holds, and runs tell what they change.
                    look = now + if readers.last { UNSEEN } else { FORGET_ALONE };
                }
                first = false;
                // On our own account: what a script asks for is in its own trace.
                let silent = Talk::silent(Arc::clone(&clock), now + host.config.limits.timeout);
                if let Err(error) = sampler.sample(&host.fleet, &host.store, &host.series, &silent).await {
                    self.write(Level::Error, "warning", format!("the readings of counters cannot be kept: {error}"));
                }
            }
            if forget <= now {
                forget = now + if self.host().database.is_alone() { FORGET_ALONE } else { FORGET };
                self.forget().await;
            }
            let next = self.next().await;
            let outcome = match next {
                Ok(Some(next)) if next <= now => self.expire(now).await,
                Ok(_) => Ok(()),
                Err(ref error) => Err(error.clone()),
            };
            // The same trouble every minute is worth one line.
            let trouble = outcome.err().map(|error| error.to_string());
            if let Some(trouble) = trouble.as_ref().filter(|_| trouble != said) {
                self.write(Level::Error, "warning", format!("expired bans and holds cannot be ended: {trouble}"));
            }
            said = trouble;
            let wake = match next {
                Ok(Some(next)) if next > now => next.min(look),
                _ => look,
            };
            tokio::select! {
                () = self.changed.notified() => look = look.min(clock.now() + HEARTBEAT),
                () = clock.sleep_until(wake) => {}
            }
        }
    }

    fn host(&self) -> Arc<Host> {
        Arc::clone(&self.hosts.borrow())
    }

    async fn next(&self) -> Result<Option<Time>> {
        let host = self.host();
        let bans = host.bans.next_expiry().await?;
        let holds = host.holds.next_expiry().await?;
        Ok([bans, holds].into_iter().flatten().min())
    }

    /// Puts right what runs in spite of a hold, and says whether there may be one. `said` is what went wrong the last
    /// time.
    async fn enforce(&self, said: &mut BTreeSet<String>) -> bool {
        let outcome = self.host().holds.enforce(&account::talk(&self.host()).via("hold")).await;
        let (done, failed, held) = match outcome {
            Ok(enforced) => (enforced.done, enforced.failed, enforced.held > 0),
            Err(error) => (Vec::new(), vec![error], true),
        };
        for message in done {
            self.write(Level::Warn, "held", message);
        }
        // The same trouble every minute is worth one line.
        let trouble: BTreeSet<String> = failed.iter().map(ToString::to_string).collect();
        for trouble in trouble.difference(said) {
            self.write(Level::Error, "warning", format!("a hold cannot be looked after: {trouble}"));
        }
        *said = trouble;
        held
    }

    async fn forget(&self) {
        let host = self.host();
        match host.ledger.prune(&host.config.retention).await {
            Ok(pruned) if pruned.rows + pruned.traces > 0 => {
                let message = format!("the run history forgot {} runs and what {} did", pruned.rows, pruned.traces);
                self.write(Level::Debug, "pruned", message);
            }
            Ok(_) => {}
            Err(error) => self.write(Level::Warn, "warning", format!("the run history cannot be pruned: {error}")),
        }
    }

    async fn expire(&self, now: Time) -> Result<()> {
        let host = self.host();
        let talk = account::talk(&host);
        let bans = host.bans.expire(now, &talk).await?;
        let holds = host.holds.expire(now, &talk).await?;
        if !bans.ended.is_empty() {
            let message = format!("{} lifted that had expired", count(bans.ended.len(), "ban"));
            self.write(Level::Info, "expired", message);
        }
        for hold in &holds.ended {
            let message = format!("the {} `{}` on `{}` has expired", hold.kind, hold.reason, hold.downloader);
            self.write(Level::Info, "expired", message);
        }
        // They are tried again by themselves; the caller says so once.
        bans.failed.into_iter().chain(holds.failed).next().map_or(Ok(()), Err::<(), Error>)
    }

    fn write(&self, level: Level, event: &str, message: String) {
        let host = self.host();
        host.journal.write(&Line::new(host.clock.now(), level, event, message));
    }
}
