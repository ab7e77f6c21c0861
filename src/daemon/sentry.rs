//! Asks the services, as long as a script listens for what they may have to say.
//!
//! What was told is remembered in the store, so that nothing is told twice: an edge (reachable or not) as it is,
//! lists (bans, alerts) by a cursor. A batch is kept before it is told and has a key of its own, by which its row
//! in the ledger is unique.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use super::Event;
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::events::{self, Occurrence};
use crate::host::Host;
use crate::journal::{Level, Line};
use crate::recorder::{self, Talk};
use crate::store::{OWN, TIME};
use crate::time::{Duration, Time};

mod batch;

use batch::{ALERTS, BANS};

/// Between two questions to a PBH,
const PBH: Duration = Duration::from_seconds(30);
/// and to KiwiVM, whose calls are limited.
const VPS: Duration = Duration::from_seconds(300);
/// What one question may take.
const PATIENCE: Duration = Duration::from_seconds(15);
/// A start that differs by less is the same one, told by another clock.
const DRIFT: Duration = Duration::from_seconds(60);

pub(super) struct Sentry {
    /// Of the configuration in force.
    hosts: watch::Receiver<Arc<Host>>,
    host: Arc<Host>,
    wanted: watch::Receiver<BTreeSet<String>>,
    events: mpsc::UnboundedSender<Event>,
}

/// What is remembered of a server, a torrent client or a VPS.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
struct Known {
    /// Since when it is in trouble, in milliseconds.
    trouble: Option<i64>,
    /// Whether the trouble was told.
    told: bool,
    /// When it was started, in milliseconds; whether it was ever seen to be well.
    well: Option<i64>,
}

impl Sentry {
    pub fn new(
        hosts: watch::Receiver<Arc<Host>>,
        wanted: watch::Receiver<BTreeSet<String>>,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let host = Arc::clone(&hosts.borrow());
        Self { hosts, host, wanted, events }
    }

    /// Asks until nobody wants to know any more.
    pub async fn run(mut self) {
        let mut next_vps = None;
        loop {
            let wanted = self.wanted.borrow_and_update().clone();
            self.host = Arc::clone(&self.hosts.borrow());
            if !events::EVENTS.iter().any(|event| event.polled && wanted.contains(event.name)) {
                if self.wanted.changed().await.is_err() {
                    return;
                }
                continue;
            }
            if wanted.iter().any(|name| name != "vps.stopped" && events::known(name).is_some_and(|event| event.polled))
            {
                let asked = self.host.fleet.pbh_all().into_iter().map(|pbh| self.watch(pbh, &wanted));
                join_all(asked).await;
            }
            let now = self.host.clock.now();
            if wanted.contains("vps.stopped") && next_vps.is_none_or(|next| next <= now) {
                next_vps = Some(now + VPS);
                let asked = self.host.fleet.vps_all().into_iter().map(|vps| self.vps(vps));
                join_all(asked).await;
            }
            let clock = Arc::clone(&self.host.clock);
            tokio::select! {
                biased;
                changed = self.wanted.changed() => if changed.is_err() {
                    return;
                },
                () = clock.sleep_until(clock.now() + PBH) => {}
            }
        }
    }

    /// Asks one PBH. What goes wrong there is an event, or the same next time.
    async fn watch(&self, pbh: Arc<Client>, wanted: &BTreeSet<String>) {
        if let Err(error) = self.try_watch(&pbh, wanted).await {
            let line = Line::new(self.host.clock.now(), Level::Debug, "poll", format!("`{}`: {error}", pbh.name()));
            self.host.journal.write(&line);
        }
    }

    async fn try_watch(&self, pbh: &Client, wanted: &BTreeSet<String>) -> Result<()> {
        self.answers(pbh, wanted).await?;
        if wanted.contains("ban") {
            self.batch(pbh, &BANS).await?;
        }
        if wanted.contains("alert") {
            self.batch(pbh, &ALERTS).await?;
        }
        if wanted.contains("downloader.error") {
            self.downloaders(pbh).await?;
        }
        Ok(())
    }

    /// Whether it answers, and since when it runs.
    async fn answers(&self, pbh: &Client, wanted: &BTreeSet<String>) -> Result<()> {
        let place = format!("event/pbh/{}", pbh.name());
        let before: Known = self.recall(&place).await?;
        let mut known = before.clone();
        let now = self.host.clock.now();
        let answer = self.ask(pbh, "general_status", Vec::new(), Map::new()).await;
        match &answer {
            Ok(status) => {
                let server = &status["peerbanhelper"];
                let uptime = Duration::from_seconds_f64(server["uptime"].as_f64().unwrap_or(0.0));
                let started = now - uptime;
                if let Some(last) = known.well.map(Time::from_millis)
                    && started > last + DRIFT
                    && wanted.contains("pbh.started")
                {
                    let started = json!({TIME: started.millis()});
                    let data = json!({"pbh": pbh.name(), "started": started, "version": server["version"]});
                    self.tell("pbh.started", data, format!("{}/{}", pbh.name(), last.millis())).await?;
                }
                let same = known.well.is_some_and(|last| started <= Time::from_millis(last) + DRIFT);
                known = Known { well: if same { known.well } else { Some(started.millis()) }, ..Known::default() };
            }
            Err(error) if matches!(error.kind, Kind::Transport | Kind::Timeout | Kind::Http | Kind::Protocol) => {
                match known.trouble {
                    None => known.trouble = Some(now.millis()),
                    Some(since) if !known.told && wanted.contains("pbh.unreachable") => {
                        let data = json!({"pbh": pbh.name(), "message": error.message});
                        self.tell("pbh.unreachable", data, format!("{}/{since}", pbh.name())).await?;
                        known.told = true;
                    }
                    Some(_) => {}
                }
            }
            // It answers, if only to refuse us.
            Err(_) => {}
        }
        self.remember(&place, &before, &known).await?;
        answer.map(drop)
    }

    /// Which torrent clients PBH cannot work with.
    async fn downloaders(&self, pbh: &Client) -> Result<()> {
        let list = self.ask(pbh, "downloaders_list", Vec::new(), Map::new()).await?;
        for downloader in list.as_array().into_iter().flatten() {
            let name = downloader["name"].as_str().unwrap_or_default();
            let id = downloader["id"].as_str().unwrap_or(name);
            let status = self.ask(pbh, "downloader_status", vec![id.into()], Map::new()).await?;
            let state = status["lastStatus"].as_str().unwrap_or_default();
            let trouble = match state {
                "ERROR" | "NEED_TAKE_ACTION" => Some(true),
                "HEALTHY" | "PAUSED" => Some(false),
                _ => None,
            };
            let data = json!({
                "downloader": name, "pbh": pbh.name(), "state": state, "message": status["lastStatusMessage"],
            });
            let place = format!("event/downloader/{}/{id}", pbh.name());
            self.edge("downloader.error", &place, trouble, data).await?;
        }
        Ok(())
    }

    /// Whether a VPS runs. One that was never seen to run is not worth an event.
    async fn vps(&self, vps: Arc<Client>) {
        let asked = async {
            let info = self.ask(&vps, "get_live_service_info", Vec::new(), Map::new()).await?;
            let Some(state) = info["ve_status"].as_str().map(str::to_lowercase) else { return Ok(()) };
            let place = format!("event/vps/{}", vps.name());
            let known: Known = self.recall(&place).await?;
            let trouble = match state.as_str() {
                "stopped" => known.well.map(|_| true),
                "running" => Some(false),
                _ => None,
            };
            self.edge("vps.stopped", &place, trouble, json!({"vps": vps.name(), "state": state})).await
        };
        if let Err(error) = asked.await {
            let line = Line::new(self.host.clock.now(), Level::Debug, "poll", format!("`{}`: {error}", vps.name()));
            self.host.journal.write(&line);
        }
    }

    /// Tells of trouble once, until it is over. `None` is neither.
    async fn edge(&self, event: &str, place: &str, trouble: Option<bool>, data: Value) -> Result<()> {
        let before: Known = self.recall(place).await?;
        let now = self.host.clock.now().millis();
        let known = match trouble {
            None => return Ok(()),
            Some(true) if before.told => return Ok(()),
            Some(true) => {
                self.tell(event, data, format!("{place}/{now}")).await?;
                Known { trouble: Some(now), told: true, ..before.clone() }
            }
            Some(false) => Known { well: Some(before.well.unwrap_or(now)), ..Known::default() },
        };
        self.remember(place, &before, &known).await
    }

    /// Tells the daemon, and waits until it has written down what follows.
    ///
    /// # Errors
    /// Where it could not, so that it is told again.
    async fn tell(&self, name: &str, data: Value, key: String) -> Result<()> {
        let key = Some(format!("{name}/{key}"));
        let occurrence = Occurrence { name: name.into(), at: self.host.clock.now(), data, key };
        let (done, written) = oneshot::channel();
        let told = self.events.send(Event::Polled(occurrence, done)).is_ok() && written.await.is_ok();
        if told { Ok(()) } else { Err(Error::new(Kind::Cancelled, format!("`{name}` could not be told"))) }
    }

    async fn ask(&self, client: &Client, id: &str, path: Vec<Value>, options: Map<String, Value>) -> Result<Value> {
        let clock = Arc::clone(&self.host.clock);
        let deadline = clock.now() + PATIENCE;
        recorder::call(client, id, path, options, &Talk::silent(clock, deadline)).await
    }

    async fn recall<T: serde::de::DeserializeOwned + Default>(&self, place: &str) -> Result<T> {
        let kept = self.host.store.get(OWN, place).await?;
        Ok(kept.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default())
    }

    async fn remember<T: serde::Serialize + PartialEq>(&self, place: &str, before: &T, now: &T) -> Result<()> {
        if before == now {
            return Ok(());
        }
        let value = serde_json::to_value(now).map_err(|error| Error::internal(error.to_string()))?;
        self.host.store.set(OWN, place, &value, None).await
    }
}
