//! A stage: the simulated world on a virtual clock, with the daemon in it. `test` and `simulate` put scripts on it, and
//! what runs them there is what runs them anywhere: the same scheduler, engine and policies.
//!
//! Everything but the instances is that of the user's own configuration. Messages go no further than the journal,
//! secrets have no value, and nothing is asked that is not on this machine.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::clock::{VirtualClock, past, track};
use crate::config::{self, CHANNELS, Config, Mode, Retention, ScriptSettings, SecretSource};
use crate::daemon::{Daemon, Handle, Options};
use crate::error::{Error, Kind, Result};
use crate::host::{Host, Setting, Storage};
use crate::journal::Journal;
use crate::library;
use crate::script::{self, Finding, Severity, Source};
use crate::secret::Secret;
use crate::series::Readers;
use crate::sim::{Scenario, Sim, Urls};
use crate::time::{Busy, Clock as _, Duration, Time};
use crate::vault::Env;
use crate::watch::Means;

mod crew;

pub use crew::Company;

/// What a stage is built from.
pub struct Plan {
    pub scenario: Scenario,
    pub start: Time,
    /// The user's own.
    pub config: Config,
    /// What scripts do that the configuration does not name.
    pub mode: Mode,
    pub env: Env,
    pub journal: Arc<dyn Journal>,
}

/// See the module.
pub struct Stage {
    pub clock: Arc<VirtualClock>,
    pub sim: Sim,
    cast: Mutex<Cast>,
    daemon: tokio::sync::Mutex<Option<Daemon>>,
    /// Files of scripts; gone with the stage.
    _data: TempDir,
}

/// Who is on it.
struct Cast {
    /// Of the configuration as it stands.
    host: Arc<Host>,
    /// Where the scripts are, once there is one.
    folder: Option<PathBuf>,
    scripts: BTreeMap<String, ScriptSettings>,
    /// Everything that runs here, imports too.
    texts: Vec<String>,
    handle: Option<Handle>,
}

const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl Stage {
    /// Builds the world and opens everything that scripts need in it. The clock stands still as long as the token that
    /// comes with it is held.
    ///
    /// # Errors
    /// `config` where there is no temporary folder, no port, or the world fits no configuration.
    pub async fn open(plan: Plan) -> Result<(Arc<Self>, Busy)> {
        let Plan { scenario, start, config, mode, env, journal } = plan;
        let data = tempfile::Builder::new()
            .prefix("tidegate-stage-")
            .tempdir()
            .map_err(|error| Error::new(Kind::Config, format!("no temporary folder: {error}")))?;
        let clock = VirtualClock::new(start);
        let still = clock.busy();
        let sim = Sim::start(scenario, Arc::<VirtualClock>::clone(&clock), LOCAL, LOCAL).await?;
        let config = staged(config, sim.urls(), data.path(), mode)?;
        let setting = Setting {
            clock: Arc::<VirtualClock>::clone(&clock),
            env,
            journal,
            storage: Storage::Memory,
            accepts_any_instance: false,
        };
        let host = Host::open(config, setting).await?;
        host.http.stay_here();
        let cast = Mutex::new(Cast { host, folder: None, scripts: BTreeMap::new(), texts: Vec::new(), handle: None });
        Ok((Arc::new(Self { clock, sim, cast, daemon: tokio::sync::Mutex::default(), _data: data }), still))
    }

    /// The services as they stand.
    pub fn host(&self) -> Arc<Host> {
        Arc::clone(&self.lock().host)
    }

    /// Puts a script on, with other settings than the configured ones where `change` makes others of them. It has to load.
    /// Blocks.
    ///
    /// # Errors
    /// `config` once the daemon runs or for a script of another folder, and every finding where it does not load.
    pub fn cast(&self, path: &Path, change: impl FnOnce(&mut ScriptSettings)) -> Result<(), Refused> {
        let mut cast = self.lock();
        if cast.handle.is_some() {
            let error = Error::new(Kind::Argument, format!("`{}` comes too late: time has passed", path.display()))
                .hint("load every script before the first `advance`");
            return Err(error.into());
        }
        let bytes = library::read(path).map_err(|error| {
            Error::new(Kind::Argument, format!("the script `{}` cannot be read: {error}", path.display()))
        })?;
        let text = library::decode(bytes).map_err(|finding| Refused::Findings(vec![finding], None))?;
        let source = Source::new(path, text);
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        if cast.folder.as_ref().is_some_and(|known| *known != folder) {
            let error = Error::new(Kind::Argument, "the scripts are in different folders".to_owned())
                .hint("scripts that run together are in one folder, as those of a daemon are");
            return Err(error.into());
        }
        let mut settings = cast.host.config.settings(&source.name);
        settings.enabled = true;
        change(&mut settings);
        let loaded = script::load_granted(&cast.host, &source, settings.grants.clone());
        let loaded = loaded.map_err(|findings| Refused::Findings(findings, Some(source.clone())))?;
        cast.texts.extend(loaded.imports.iter().filter_map(|path| std::fs::read_to_string(path).ok()));
        cast.texts.push(source.text);
        cast.folder = Some(folder);
        cast.scripts.insert(source.name, settings);
        Ok(())
    }

    /// A text beside the scripts that runs here: that of a test.
    pub fn prompt(&self, text: &str) {
        self.lock().texts.push(text.to_owned());
    }

    /// Starts the daemon over what was put on, where it does not run yet.
    ///
    /// # Errors
    /// Those of the daemon.
    pub async fn begin(&self) -> Result<Handle> {
        // Nobody sleeps yet who would keep the clock from running ahead.
        let _still = self.clock.busy();
        let mut daemon = self.daemon.lock().await;
        if let Some(daemon) = &*daemon {
            return Ok(daemon.handle());
        }
        let host = {
            let mut cast = self.lock();
            let mut config = Config::clone(&cast.host.config);
            if let Some(folder) = &cast.folder {
                config.scripts.clone_from(folder);
            }
            for path in library::files(&config.scripts) {
                let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                let settings = config.settings(&name);
                config.script.insert(name, ScriptSettings { enabled: false, ..settings });
            }
            config.script.extend(cast.scripts.clone());
            cast.host = cast.host.renew(config);
            cast.host.series.limit_to(readers(&cast.texts));
            Arc::clone(&cast.host)
        };
        let begun = Daemon::start(host, Options { dry_run: false, means: Means::Asked }).await?;
        let handle = begun.handle();
        self.lock().handle = Some(handle.clone());
        *daemon = Some(begun);
        Ok(handle)
    }

    /// Lets time pass up to `time`, and everything that is due by then happen; `still` is what held the clock. It gets
    /// there only once everything that was due at `time` has come to rest.
    pub async fn until(&self, time: Time, still: Busy) -> Busy {
        let clock = Arc::clone(&self.clock);
        let asleep = track(Arc::<VirtualClock>::clone(&self.clock), async move {
            clock.sleep_until(past(time)).await;
            clock.busy()
        });
        drop(still);
        asleep.await
    }

    /// Ends the daemon in good order, and the world with it.
    ///
    /// # Errors
    /// `internal` where the daemon broke down.
    pub async fn close(&self, still: Busy) -> Result<()> {
        let daemon = self.daemon.lock().await.take();
        if let Some(mut daemon) = daemon {
            daemon.stop();
            let ended = track(Arc::<VirtualClock>::clone(&self.clock), async move { daemon.wait().await });
            drop(still);
            ended.await?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Cast> {
        self.cast.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who reads series, among everything that runs on a stage: by the names of what reads them.
fn readers(texts: &[String]) -> Readers {
    let named = |names: &[&str]| texts.iter().any(|text| names.iter().any(|name| text.contains(name)));
    let clients = named(&["traffic", "live_usage"]);
    let vps = clients || named(&["data_forecast"]);
    Readers { last: vps || named(&["data_usage"]), vps, clients }
}

/// Why a script is not put on.
#[derive(Debug)]
pub enum Refused {
    Error(Error),
    /// It does not load.
    Findings(Vec<Finding>, Option<Source>),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Error(error) => error,
            Refused::Findings(findings, source) => {
                let Some(first) = findings.iter().find(|finding| finding.severity == Severity::Error) else {
                    return Self::internal("the script does not load");
                };
                let own = source.map(|source| source.path.display().to_string()).unwrap_or_default();
                let file = first.file.as_deref().unwrap_or(&own);
                let (line, column) = (first.line, first.column);
                let error = Self::new(Kind::Syntax, format!("{file}:{line}:{column}: {}", first.message));
                first.hint.iter().fold(error, |error, hint| error.hint(hint.clone()))
            }
        }
    }
}

/// The user's configuration with the instances of a world, and with nothing that leads out of it.
fn staged(mut config: Config, urls: &Urls, data: &Path, mode: Mode) -> Result<Config> {
    let world = Config::load(&urls.configuration(), Path::new(config::FILE), &|_| None)
        .map_err(|problems| config::error(None, &problems))?;
    config.vps = world.vps;
    // The world has one PBH; it is called as the user calls the only one.
    let names: Vec<_> = config.pbh.keys().cloned().collect();
    config.pbh = world.pbh;
    if let [name] = names.as_slice()
        && let Some((_, mut pbh)) = config.pbh.pop_first()
    {
        pbh.name.clone_from(name);
        config.pbh.insert(name.clone(), pbh);
    }
    config.downloader = world.downloader;
    let log = CHANNELS.iter().find(|kind| kind.reach == config::channels::Reach::Log);
    for channel in config.notify.values_mut() {
        if let Some(log) = log {
            channel.kind = log;
        }
        channel.settings.clear();
    }
    for (name, source) in &mut config.secret {
        *source = SecretSource::Literal(Secret::new(format!("the secret `{name}`")));
    }
    data.clone_into(&mut config.data);
    config.mode = mode;
    for settings in config.script.values_mut() {
        settings.mode = mode;
    }
    config.heartbeat = None;
    // What ran is looked at in the end, however long ago; what exactly it did would fill the memory.
    let forever = Duration::from_seconds(1000 * 365 * 86_400);
    let day = Duration::from_seconds(86_400);
    config.retention = Retention { age: forever, dull: forever, traces: day, size: u64::MAX / 2 };
    Ok(config)
}
