//! `tidegate repl`: explore a fleet by hand.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _};

use super::recording::{self, Recording};
use super::signals::Signals;
use super::{Exit, Session, adhoc};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::control::{Control, Elsewhere, NOBODY};
use crate::error::{Error, Result};
use crate::host::{Host, Storage};
use crate::permission::Grants;
use crate::repl::{Attached, Echo, Ending, Setting, Signal};
use crate::sim::{Scenario, Sim};

/// Tries expressions on the configured fleet; a dry run unless `--live`.
///
/// With `--sim` the fleet is a simulated one, and nothing is configured or kept.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate repl --sim\n\nIn it: `vps().data_usage()`, `pbh().top_peers(5)`, `:help`. Tab completes, Ctrl-C cancels, Ctrl-D leaves."
)]
pub struct Repl {
    #[command(flatten)]
    live: adhoc::Live,
    /// Over a fresh simulated VPS panel, PBH and torrent clients.
    #[arg(long)]
    sim: bool,
    /// The simulated world; that of `tidegate demo` where absent.
    #[arg(long, value_name = "FILE", requires = "sim")]
    world: Option<PathBuf>,
    /// In a running daemon: that of the configuration, or `http://host:9899`, or `unix:/path/of/control.sock`.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", conflicts_with = "sim")]
    attach: Option<String>,
    /// Its token, where that is not `control.token` of the data folder.
    #[arg(long, value_name = "FILE", requires = "attach")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    allow: adhoc::Allow,
}

/// Where a sitting takes place.
struct Place {
    host: Arc<Host>,
    world: Option<Sim>,
    daemon: Option<Attached>,
    signals: Signals,
}

impl Repl {
    pub fn run(self, session: &Session) -> Result<Exit> {
        let grants = self.allow.beside(Grants::default())?;
        let runtime = session.runtime()?;
        // In the simulated world a configuration only says where files are, and need not be good.
        let own = session.configuration();
        let (history, scripts) = match &own {
            Ok(config) if !self.sim || config.file.is_some() => {
                (Some(config.data.join("repl-history")), config.scripts.clone())
            }
            _ => (None, PathBuf::from("scripts")),
        };
        let Place { host, world, daemon, signals } = runtime.block_on(self.place(session, own))?;
        let start = move |host: &Arc<Host>, mode| adhoc::context(host, "repl", None, mode, grants.clone());
        // What a recorded run keeps is forgotten with the sitting.
        let folder = recording::temporary()?;
        let (config, env, data) = (Arc::clone(&host.config), Arc::clone(&session.env), folder.path().to_path_buf());
        let color = session.color;
        let open = move |file: PathBuf| {
            let (config, env, data) = (Config::clone(&config), Arc::clone(&env), data.clone());
            let opened = async move {
                let recording = Recording::read(&file)?;
                Ok((recording.name(), recording.stage(env, config, &data, Arc::new(Echo { color })).await?))
            };
            opened.boxed()
        };
        let setting = Setting {
            live: self.live.live,
            place: match (self.sim, &daemon) {
                (true, _) => "sim",
                (_, Some(_)) => "daemon",
                _ => "",
            },
            color: session.color,
            history,
            scripts,
            env: Arc::clone(&session.env),
            daemon,
            open: Box::new(open),
            signals: signals
                .map(|exit| if exit == Exit::Terminated { Signal::Terminate } else { Signal::Interrupt })
                .boxed(),
        };
        let ending = crate::repl::Repl::new(host, Box::new(start), setting).run()?;
        if let Some(world) = world {
            runtime.block_on(world.stop());
        }
        runtime.shutdown_background();
        Ok(match ending {
            Ending::Good => Exit::Ok,
            Ending::Bad => Exit::Bad,
            Ending::Signal(Signal::Interrupt) => Exit::Interrupted,
            Ending::Signal(Signal::Terminate) => Exit::Terminated,
        })
    }

    async fn place(&self, session: &Session, own: Result<Config>) -> Result<Place> {
        let signals = Signals::new()?;
        let echo = Arc::new(Echo { color: session.color });
        if self.sim {
            let (host, world) = self.simulated(session).await?;
            return Ok(Place { host, world: Some(world), daemon: None, signals });
        }
        let config = own?;
        let Some(url) = &self.attach else {
            let host = adhoc::host_with(session, config, echo, Storage::Folder).await?;
            return Ok(Place { host, world: None, daemon: None, signals });
        };
        let url = Some(url.as_str()).filter(|url| !url.is_empty());
        let hint = "start it with `tidegate run`; `--attach URL` names another one";
        let here = |error: Error| if error.message.starts_with(NOBODY) { error.hint(hint) } else { error };
        let control =
            Control::find(&config, Elsewhere { url, token_file: self.token_file.as_deref() }).map_err(here)?;
        // Whether it is there, and lets us in, is known before the first input.
        control.get("/status", &[]).await.map_err(here)?;
        let host = adhoc::host_with(session, config, echo, Storage::Memory).await?;
        let name = format!("repl-{}-{}", std::process::id(), host.clock.now().millis());
        let daemon = Some(Attached::new(control, name, self.allow.texts().to_vec()));
        Ok(Place { host, world: None, daemon, signals })
    }

    async fn simulated(&self, session: &Session) -> Result<(Arc<Host>, Sim)> {
        let scenario = self.world.as_deref().map_or_else(|| Ok(Scenario::default()), Scenario::read)?;
        let local = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        let world = Sim::start(scenario, SystemClock::new(), local, local).await?;
        let file = PathBuf::from(crate::config::FILE);
        let mut config = Config::load(&world.urls().configuration(), &file, &*session.env)
            .map_err(|problems| crate::config::error(None, &problems))?;
        // No file holds it, so none is read again.
        config.file = None;
        let echo = Arc::new(Echo { color: session.color });
        let host = adhoc::host_with(session, config, echo, Storage::Memory).await?;
        Ok((host, world))
    }
}
