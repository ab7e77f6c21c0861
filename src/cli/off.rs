//! `tidegate off`: a trigger that is not to fire for now.

use super::daemon::{self, Reach};
use super::{Exit, Session};
use crate::control::path;
use crate::error::Result;
use crate::http::Method;

/// Switches a trigger of the running daemon off until somebody switches it on, also over restarts.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate off quota-guard quota-tokyo")]
pub struct Off {
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

impl Off {
    /// # Errors
    /// `transport` where no daemon runs, `argument` for a trigger that is not there.
    pub fn run(self, session: &Session) -> Result<Exit> {
        daemon::ask(session, &self.reach, async |control, _| {
            let (script, trigger) = daemon::resolve(control, &self.script, self.trigger.as_deref()).await?;
            let place = path(&["scripts", &script, "triggers", &trigger, "off"]);
            let stands = control.send(Method::POST, &place, &[], serde_json::Value::Null).await?;
            if self.json {
                session.json(&stands)?;
            } else {
                session.tell(&format!("{script}/{trigger} is off"));
            }
            Ok(Exit::Ok)
        })
    }
}
