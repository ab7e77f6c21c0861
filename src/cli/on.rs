//! `tidegate on`: a trigger that fires again.

use super::daemon::{self, Reach};
use super::{Exit, Session};
use crate::control::path;
use crate::error::Result;
use crate::http::Method;

/// Switches a trigger of the running daemon on, whoever switched it off.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate on quota-guard quota-tokyo\n\nWhat was due meanwhile is not made up for.")]
pub struct On {
    /// The script; or SCRIPT/TRIGGER.
    #[arg(value_name = "SCRIPT")]
    script: String,
    /// The trigger; not needed where the script has one only.
    #[arg(value_name = "TRIGGER")]
    trigger: Option<String>,
    #[command(flatten)]
    reach: Reach,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

impl On {
    /// # Errors
    /// `transport` where no daemon runs, `argument` for a trigger that is not there, `cancelled` where its script says
    /// `enabled: false`.
    pub fn run(self, session: &Session) -> Result<Exit> {
        daemon::ask(session, &self.reach, async |control, _| {
            let (script, trigger) = daemon::resolve(control, &self.script, self.trigger.as_deref()).await?;
            let place = path(&["scripts", &script, "triggers", &trigger, "on"]);
            let stands = control.send(Method::POST, &place, &[], serde_json::Value::Null).await?;
            if self.json {
                session.json(&stands)?;
            } else {
                session.tell(&format!("{script}/{trigger} is on"));
            }
            Ok(Exit::Ok)
        })
    }
}
