//! `tidegate demo`: the mission in half a minute, in a simulated world.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::signals::Signals;
use super::{Exit, Session};
use crate::clock::VirtualClock;
use crate::config::Config;
use crate::daemon::{Daemon, Options};
use crate::error::{Error, Kind, Result};
use crate::host::{Host, Setting, Storage};
use crate::journal::{Journal, Level, Line};
use crate::sim::{Scenario, Sim, Snapshot};
use crate::time::{Clock, Duration, Time};
use crate::units::{format_bytes, format_speed};

mod screen;

use screen::Screen;

/// Shows the whole thing without any configuration: a simulated VPS nears its monthly allowance,
/// scripts notice, ban the heaviest peers and stop the transfers; then a script is edited while it runs.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate demo\n\nNothing leaves this machine; everything runs on loopback ports and in a temporary folder."
)]
pub struct Demo {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// How many simulated seconds pass in one.
    #[arg(long, value_name = "N", default_value_t = 600.0, value_parser = speed, hide = true)]
    speed: f64,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (1.0..=1e6).contains(&speed) => Ok(speed),
        _ => Err("the speed is 1 to 1000000".into()),
    }
}

/// The shipped automations.
const SCRIPTS: [(&str, &str); 3] = [
    ("quota-guard", include_str!("../../scripts/quota-guard.rhai")),
    ("leech-ban", include_str!("../../scripts/leech-ban.rhai")),
    ("daily-report", include_str!("../../scripts/daily-report.rhai")),
];

/// Ten minutes before the daily report.
const START: Time = Time::from_seconds(1_782_892_200);
const MINUTE: Duration = Duration::from_seconds(60);
/// Of simulated time, for one chapter of the story.
const PATIENCE: Duration = Duration::from_seconds(4 * 3600);
/// Of real time, for all of it; reached only where something hangs.
const AT_MOST: std::time::Duration = std::time::Duration::from_secs(55);

impl Demo {
    pub fn run(self, session: &Session) -> Result<Exit> {
        let folder = tempfile::Builder::new()
            .prefix("tidegate-demo-")
            .tempdir()
            .map_err(|error| Error::new(Kind::Config, format!("no temporary folder: {error}")))?;
        let runtime = session.runtime()?;
        let screen = Arc::new(Screen::new(self.json, session.reader()));
        let told = runtime.block_on(async {
            // A signal must not leave the temporary folder behind.
            let mut signals = Signals::new()?;
            #[expect(clippy::disallowed_methods, reason = "a net in real time, under a clock that is not")]
            let story = tokio::time::timeout(AT_MOST, tell(&self, session, folder.path(), &screen));
            tokio::select! {
                told = story => {
                    told.unwrap_or_else(|_| Err(Error::new(Kind::Timeout, "the demo did not come to its end in time")))
                }
                exit = signals.next() => Ok(exit),
            }
        });
        runtime.shutdown_background();
        told
    }
}

const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn tell(demo: &Demo, session: &Session, folder: &Path, screen: &Arc<Screen>) -> Result<Exit> {
    let unwritable = |error| Error::new(Kind::Config, format!("the demo's folder cannot be written: {error}"));
    std::fs::create_dir_all(folder.join("scripts")).map_err(unwritable)?;
    let write = |name: &str, text: &str| {
        // As editors save: a new file takes the old one's place at once.
        let fresh = folder.join("fresh");
        std::fs::write(&fresh, text).map_err(unwritable)?;
        std::fs::rename(&fresh, folder.join("scripts").join(format!("{name}.rhai"))).map_err(unwritable)
    };
    for (name, text) in SCRIPTS {
        write(name, text)?;
    }
    write("greeting", GREETING)?;
    let handle = tokio::runtime::Handle::current();
    let clock: Arc<dyn Clock> = VirtualClock::paced(START, demo.speed, &handle);
    let starting = clock.busy();
    let mut scenario = Scenario::default();
    for vps in &mut scenario.vps {
        // Later in the month than the world begins: the last step of the guard is near.
        vps.used = vps.used.max(vps.monthly / 1000 * 896);
    }
    let sim = Sim::start(scenario, Arc::clone(&clock), LOCAL, LOCAL).await?;
    let mut config = Config::load(&sim.urls().configuration(), &folder.join("tidegate.toml"), &|_: &str| None)
        .map_err(|problems| crate::config::error(None, &problems))?;
    // No file holds it, so none is read again.
    config.file = None;
    screen.open(sim.urls(), folder);
    let setting = Setting {
        clock: Arc::clone(&clock),
        env: Arc::clone(&session.env),
        journal: Arc::clone(screen) as Arc<dyn Journal>,
        storage: Storage::Memory,
        accepts_any_instance: false,
    };
    let host = Host::open(config, setting).await?;
    let daemon = Daemon::start(host, Options::default()).await?;
    drop(starting);

    let story = Story { clock: Arc::clone(&clock), sim: &sim, screen };
    let outcome = story.tell(&write).await;
    daemon.stop();
    let mut daemon = daemon;
    daemon.wait().await?;
    sim.stop().await;
    let ending = outcome?;
    screen.summary(&ending);
    Ok(if ending.ok() { Exit::Ok } else { Exit::Bad })
}

/// What the demo edits while it runs.
const GREETING: &str = "every(\"10m\", \"greeting\", || info(\"hello from version 1\"));\n";
const BROKEN: &str = "every(\"10m\", \"greeting\", || info(\"hello from version 2\");\n";
const SECOND: &str = "every(\"10m\", \"greeting\", || info(\"hello from version 2\"));\n";

/// What happened, measured in the simulated world and not in what scripts said.
pub(super) struct Ending {
    /// The world before the guard fired, once everything was still, and a while later.
    before: Snapshot,
    after: Snapshot,
    later: Snapshot,
    /// What must have happened, and whether it did.
    facts: Vec<(&'static str, bool)>,
}

impl Ending {
    fn ok(&self) -> bool {
        self.facts.iter().all(|(_, happened)| *happened)
    }

    fn percent(snapshot: &Snapshot) -> f64 {
        snapshot.vps.first().map_or(0.0, |vps| vps.percent)
    }

    /// The rows of the table: what, before, after.
    fn rows(&self) -> Vec<[String; 3]> {
        let both = |name: &str, value: &dyn Fn(&Snapshot) -> String| {
            [name.to_owned(), value(&self.before), value(&self.later)]
        };
        vec![
            both("traffic per second", &|s| format_speed(i64::try_from(s.traffic).unwrap_or(i64::MAX))),
            both("clients stopped", &|s| {
                format!("{} / {}", s.downloaders.iter().filter(|d| d.stopped).count(), s.downloaders.len())
            }),
            both("bans in force", &|s| s.bans.len().to_string()),
            both("of the allowance used", &|s| format!("{:.1} %", Self::percent(s))),
            both("counter of the VPS", &|s| {
                format_bytes(s.vps.first().map_or(0, |vps| i64::try_from(vps.used).unwrap_or(i64::MAX)))
            }),
        ]
    }

    fn json(&self) -> Value {
        let facts: Map<String, Value> =
            self.facts.iter().map(|(name, happened)| ((*name).to_owned(), (*happened).into())).collect();
        json!({"event": "summary", "ok": self.ok(), "before": self.before, "after": self.after, "later": self.later, "facts": facts})
    }
}

struct Story<'a> {
    clock: Arc<dyn Clock>,
    sim: &'a Sim,
    screen: &'a Screen,
}

impl Story<'_> {
    /// Lets the simulated time pass until `seen`, a minute at a time. False where that never comes.
    async fn until(&self, mut seen: impl FnMut(&Snapshot) -> bool) -> bool {
        let end = self.clock.now() + PATIENCE;
        while self.clock.now() < end {
            if seen(&self.sim.world().snapshot()) {
                return true;
            }
            self.clock.sleep_until(self.clock.now() + MINUTE).await;
        }
        false
    }

    async fn tell(&self, write: &impl Fn(&str, &str) -> Result<()>) -> Result<Ending> {
        let before = self.sim.world().snapshot();
        let stopped = |world: &Snapshot| world.downloaders.iter().all(|d| d.stopped) && world.traffic == 0;
        let crossed = self.until(stopped).await;
        let after = self.sim.world().snapshot();
        self.screen.chapter("A script is edited while it runs: first with a mistake in it, then rightly.");
        write("greeting", BROKEN)?;
        let noticed = self.until(|_| self.screen.saw("reload_failed", "greeting")).await;
        let again = self.screen.count("hello from version 1");
        let runs_on = self.until(|_| self.screen.count("hello from version 1") > again).await;
        write("greeting", SECOND)?;
        let renewed = self.until(|_| self.screen.count("hello from version 2") > 0).await;
        let later = self.sim.world().snapshot();
        let used = |world: &Snapshot| world.vps.iter().map(|vps| vps.used).collect::<Vec<_>>();
        let facts = vec![
            ("uploads slowed down first", self.screen.saw_call("POST /api/v2/transfer/setUploadLimit")),
            ("the VPS passed 90 % of its allowance", Ending::percent(&after) > 90.0),
            ("peers were banned", after.bans.len() > before.bans.len()),
            ("the clients' transfers stopped", crossed && stopped(&after)),
            ("the meter stands still", used(&after) == used(&later) && later.at > after.at),
            ("a message was sent", self.screen.saw("notify", "quota-guard")),
            ("the daily report came", self.screen.saw("notify", "daily-report")),
            ("a broken save left the old version running", noticed && runs_on),
            ("the new version took over", renewed),
            ("no run failed", !self.screen.failed()),
        ];
        Ok(Ending { before, after, later, facts })
    }
}

/// Events seen, by name and script; and log lines by their text.
#[derive(Default)]
pub(super) struct Seen {
    events: BTreeMap<(String, String), usize>,
    texts: BTreeMap<String, usize>,
    /// Endpoints that were called.
    calls: BTreeSet<String>,
    failed: bool,
}

impl Seen {
    fn note(&mut self, line: &Line) {
        let script = line.script.clone().unwrap_or_default();
        *self.events.entry((line.event.clone(), script)).or_default() += 1;
        if line.event == "log" {
            *self.texts.entry(line.message.clone()).or_default() += 1;
        }
        if line.event == "call" {
            self.calls.extend(line.data.get("endpoint").and_then(Value::as_str).map(ToOwned::to_owned));
        }
        self.failed |= line.event == "run_finished" && line.level >= Level::Error;
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
