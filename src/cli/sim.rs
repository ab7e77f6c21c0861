//! `tidegate sim`: the simulated services on ports.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::signals::Signals;
use super::{Exit, Session};
use crate::clock::SystemClock;
use crate::error::Result;
use crate::language::Language;
use crate::sim::{self, Scenario, Urls};

/// Runs a simulated VPS panel, PBH and torrent clients, to try scripts against.
///
/// Everything listens on loopback ports and ends with Ctrl-C.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  tidegate sim --kiwivm 127.0.0.1:8641 --pbh 127.0.0.1:9898 --seed 7")]
pub struct Sim {
    /// Where the KiwiVM API listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    kiwivm: SocketAddr,
    /// Where PBH listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pbh: SocketAddr,
    /// A world file, TOML or JSON; the world of `tidegate demo` where absent.
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Another seed than the world's own.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// One line of JSON with the addresses and credentials.
    #[arg(long)]
    json: bool,
}

impl Sim {
    pub fn run(self, session: &Session) -> Result<Exit> {
        let mut scenario = match &self.world {
            Some(file) => Scenario::read(file)?,
            None => Scenario::default(),
        };
        if let Some(seed) = self.seed {
            scenario.seed = seed;
        }
        let (kiwivm, pbh, json) = (self.kiwivm, self.pbh, self.json);
        session.runtime()?.block_on(async move {
            // Before the first line, so that who reads it can end us at once.
            let mut signals = Signals::new()?;
            let sim = sim::Sim::start(scenario, SystemClock::new(), kiwivm, pbh).await?;
            if json {
                session.json(sim.urls())?;
            } else {
                session.line(&people(sim.urls(), session.language.get()))?;
            }
            let exit = signals.next().await;
            sim.stop().await;
            Ok(exit)
        })
    }
}

/// Addresses, and the configuration that leads to them.
fn people(urls: &Urls, language: Language) -> String {
    use std::fmt::Write as _;
    let mut text = format!("KiwiVM  {}\nPBH     {}\n", urls.kiwivm_url, urls.pbh_url);
    for downloader in &urls.downloaders {
        let _ = writeln!(text, "{}  {}  {}", language.pick("client", "下载器"), downloader.url, downloader.name);
    }
    let _ = write!(text, "\n{}\n\n", language.say("A tidegate.toml for it:"));
    for vps in &urls.vps {
        let _ = writeln!(
            text,
            "[vps.{}]\nveid = {}\napi_key = \"{}\"\nurl = \"{}\"\ndownloaders = {:?}\n",
            vps.name, vps.veid, vps.api_key, urls.kiwivm_url, vps.downloaders
        );
    }
    let _ = write!(text, "[pbh.home]\nurl = \"{}\"\ntoken = \"{}\"\n", urls.pbh_url, urls.pbh_token);
    let _ = write!(text, "\n{}", language.say("Ctrl-C ends it."));
    text
}
