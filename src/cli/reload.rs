//! `tidegate reload`: configuration, secrets and scripts, read again.

use serde::Deserialize;
use serde_json::Value;

use super::daemon::{self, Reach};
use super::progress::Progress;
use super::{Exit, Session};
use crate::error::Result;
use crate::http::Method;
use crate::journal::{Level, Line, Page};

/// Has the running daemon read configuration, secrets and scripts again, and shows what came of it.
///
/// It does so by itself whenever something changes; this is for where that cannot be noticed.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate reload")]
pub struct Reload {
    #[command(flatten)]
    reach: Reach,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// A script, as far as it matters here.
#[derive(Deserialize)]
struct Script {
    state: String,
}

impl Reload {
    /// # Errors
    /// `transport` where no daemon runs.
    pub fn run(self, session: &Session) -> Result<Exit> {
        daemon::ask(session, &self.reach, async |control, config| {
            let reloaded = {
                let _shown = Progress::waiting(session, "reload");
                control.send(Method::POST, "/reload", &[], Value::Null).await?
            };
            let news: Vec<_> =
                daemon::read::<Vec<Value>>(reloaded["news"].clone())?.into_iter().filter_map(Line::from_json).collect();
            let scripts: Vec<Script> = daemon::read(reloaded["scripts"].clone())?;
            if self.json {
                session.json(&reloaded)?;
            } else {
                let mut page = Page::new(config.timezone, session.color).speaking(session.language.get());
                for line in &news {
                    session.line(&page.draw(line))?;
                }
                if news.is_empty() {
                    session.tell("nothing has changed");
                }
            }
            let broken = scripts.iter().any(|script| matches!(script.state.as_str(), "stale" | "broken"));
            if broken && !self.json {
                session.tell("not every script loads; `tidegate status` shows them");
            }
            let bad = broken || news.iter().any(|line| line.level >= Level::Error || line.event == "reload_failed");
            Ok(if bad { Exit::Bad } else { Exit::Ok })
        })
    }
}
