//! `tidegate release`: gives back what tidegate holds.

use super::downloaders::told;
use super::progress::Progress;
use super::{Exit, Session, adhoc};
use crate::error::Result;
use crate::holds::Hold;
use crate::roster;
use crate::text::count;
use crate::units::format_speed;

/// Gives back what tidegate keeps stopped or slow: torrents run as before, limits are as they were.
///
/// Works beside the daemon, and without it.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tidegate release\n  tidegate release tokyo-qb\n  tidegate release --reason quota")]
pub struct Release {
    /// Only on this torrent client.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Only what is held for this reason; other reasons go on.
    #[arg(long)]
    reason: Option<String>,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

impl Release {
    /// # Errors
    /// Those of the configuration and the data folder; `argument` where nothing is held by that name or reason.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let report = session.runtime()?.block_on(async {
            let _shown = Progress::waiting(session, session.words("giving back what is held"));
            let host = adhoc::host(session, config).await?;
            roster::release(&host, self.name.as_deref(), self.reason.as_deref()).await
        })?;
        if self.json {
            session.json(&report)?;
        } else {
            for hold in &report.released {
                session.print(&said(hold))?;
            }
            if report.released.is_empty() && report.failed.is_empty() {
                session.tell("nothing is held");
            }
        }
        for failure in &report.failed {
            session.say(&format!("{}: {}", failure.downloader, told(&failure.error, session.language.get())));
        }
        Ok(if report.failed.is_empty() { Exit::Ok } else { Exit::Bad })
    }
}

fn said(hold: &Hold) -> String {
    let what = if hold.kind == "stop" {
        format!("{} run again", count(hold.torrents, "torrent"))
    } else {
        let limit = |limit: Option<i64>| limit.map_or_else(|| "unlimited".into(), format_speed);
        format!("no longer limited to {} up, {} down", limit(hold.up), limit(hold.down))
    };
    format!("{}: {} `{}` released: {what}", hold.downloader, hold.kind, hold.reason)
}
