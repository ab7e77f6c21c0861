//! `tidegate logs`: what the running daemon says.

use clap::builder::PossibleValuesParser;
use serde_json::Value;

use super::daemon::{self, Reach};
use super::signals::Signals;
use super::{Exit, Session};
use crate::control::{Control, path};
use crate::error::Result;
use crate::journal::{Level, Line, Page};

/// Shows the last lines of the running daemon's log, and with -f the next ones as they are written.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate logs -f --script quota-guard --level warn")]
pub struct Logs {
    /// Go on with what is written from now on.
    #[arg(short, long)]
    follow: bool,
    /// At most so many of the lines that were written before.
    #[arg(short, value_name = "N", default_value_t = 50)]
    n: usize,
    /// Only this script.
    #[arg(long)]
    script: Option<String>,
    /// Only this trigger.
    #[arg(long)]
    trigger: Option<String>,
    /// Only the run of this id.
    #[arg(long)]
    run: Option<String>,
    /// This level and above; `debug` shows each request, as it is sent.
    #[arg(long, default_value = "info", value_parser = PossibleValuesParser::new(LEVELS.map(Level::word)))]
    level: String,
    #[command(flatten)]
    reach: Reach,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

const LEVELS: [Level; 4] = [Level::Debug, Level::Info, Level::Warn, Level::Error];

impl Logs {
    /// # Errors
    /// `transport` where no daemon runs.
    pub fn run(self, session: &Session) -> Result<Exit> {
        daemon::ask(session, &self.reach, async |control, config| {
            let page = Page::new(config.timezone, session.color).speaking(session.language.get());
            let mut shown = Shown { session, json: self.json, page };
            let query = self.query();
            if self.follow {
                self.meant(control).await?;
                return follow(control, &query, &mut shown).await;
            }
            let lines: Vec<Value> = daemon::read(control.get("/log", &query).await?)?;
            if lines.is_empty() {
                self.meant(control).await?;
            }
            for line in lines {
                shown.line(line)?;
            }
            Ok(Exit::Ok)
        })
    }

    /// Nothing is heard of a script or a trigger that is not there.
    async fn meant(&self, control: &Control) -> Result<()> {
        let (Some(script), trigger) = (&self.script, &self.trigger) else { return Ok(()) };
        let place = match trigger {
            Some(trigger) => path(&["scripts", script, "triggers", trigger]),
            None => path(&["scripts", script]),
        };
        control.get(&place, &[]).await.map(drop)
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![("n", self.n.to_string()), ("level", self.level.clone())];
        let only = [("script", &self.script), ("trigger", &self.trigger), ("run", &self.run)];
        query.extend(only.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))));
        query
    }
}

async fn follow(control: &Control, query: &[(&str, String)], shown: &mut Shown<'_>) -> Result<Exit> {
    let mut signals = Signals::new()?;
    let mut stream = control.follow("/log/follow", query).await?;
    loop {
        tokio::select! {
            line = stream.next() => {
                let Some(line) = line? else {
                    shown.session.tell("the daemon has ended");
                    return Ok(Exit::Ok);
                };
                shown.line(line)?;
            }
            exit = signals.next() => return Ok(exit),
        }
    }
}

/// Lines on standard output.
struct Shown<'a> {
    session: &'a Session,
    json: bool,
    page: Page,
}

impl Shown<'_> {
    fn line(&mut self, line: Value) -> Result<()> {
        if self.json {
            return self.session.json(&line);
        }
        // What is no line is of a newer version, and worth nothing to this one.
        if let Some(line) = Line::from_json(line) {
            self.session.line(&self.page.draw(&line))?;
        }
        Ok(())
    }
}
