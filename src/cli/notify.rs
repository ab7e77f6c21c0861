//! `tidegate notify`: whether messages arrive, and what became of them.

use std::sync::Arc;

use futures::future::join_all;
use serde::Serialize;
use serde_json::json;

use super::{Exit, Session, adhoc};
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::notify::{Delivery, Tested};
use crate::recorder::Talk;
use crate::text::{clip, count};
use crate::time::Duration;

/// Tests the channels of messages, and shows what became of the last messages.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate notify test phone")]
pub struct Notify {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Sends a message to each channel, or to one, past quiet hours and limits. Exit code 1 where one fails.
    #[command(after_help = "Example: tidegate notify test phone")]
    Test {
        /// A channel of `[notify]`; without it each of them.
        #[arg(value_name = "CHANNEL")]
        channel: Option<String>,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Shows the newest messages: sent, waiting to be sent again, held for later, or given up.
    #[command(after_help = "Example: tidegate notify list -n 5")]
    List {
        /// How many.
        #[arg(short, value_name = "N", default_value_t = 20)]
        n: usize,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
}

/// What one channel answered, as JSON shows it.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    r#type: &'a str,
    ok: bool,
    status: Option<u16>,
    ms: u64,
    error: Option<&'a Error>,
}

impl<'a> From<&'a Tested> for Line<'a> {
    fn from(tested: &'a Tested) -> Self {
        let error = tested.result.as_ref().err();
        Self {
            name: &tested.channel,
            r#type: tested.kind,
            ok: error.is_none(),
            status: tested.result.as_ref().ok().copied().flatten().or_else(|| error.and_then(|error| error.status)),
            ms: tested.ms,
            error,
        }
    }
}

/// How long one test may take, whatever the channel allows.
const PATIENCE: Duration = Duration::from_seconds(60);

impl Notify {
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let runtime = session.runtime()?;
        let exit = runtime.block_on(async {
            let configured = !config.notify.is_empty();
            let host = adhoc::host(session, config).await?;
            match self.command {
                Command::Test { channel: None, .. } if !configured => {
                    Err(Error::new(Kind::Config, "no channel is configured")
                        .hint("write `[notify.phone]` into tidegate.toml: docs/notify.md has every type"))
                }
                Command::Test { channel, json } => test(session, &host, channel, json).await,
                Command::List { n, json } => list(session, &host, n, json).await,
            }
        });
        runtime.shutdown_background();
        exit
    }
}

async fn test(session: &Session, host: &Arc<Host>, channel: Option<String>, json: bool) -> Result<Exit> {
    let talk = Talk::silent(Arc::clone(&host.clock), host.clock.now() + PATIENCE);
    let names = channel.map_or_else(|| host.config.notify.keys().cloned().collect(), |name| vec![name]);
    let tests = join_all(names.iter().map(|name| host.notifier.test(name, &talk))).await;
    let tests = tests.into_iter().collect::<Result<Vec<_>>>()?;
    let good = tests.iter().all(|tested| tested.result.is_ok());
    if json {
        session.json(&json!({"channels": tests.iter().map(Line::from).collect::<Vec<_>>()}))?;
    } else {
        for tested in &tests {
            let what = format!("{} ({})", tested.channel, tested.kind);
            match &tested.result {
                Ok(_) => session.print(&format!("{what}: sent in {} ms", tested.ms))?,
                Err(error) => {
                    let language = session.language.get();
                    let hint = error.hint.as_ref().map(|hint| format!("\n    {}", language.say(hint)));
                    let failed = language.pick(": FAILED: ", "：失败：");
                    let message = language.say(&error.message);
                    session.line(&format!("{what}{failed}{message}{}", hint.unwrap_or_default()))?;
                }
            }
        }
    }
    Ok(if good { Exit::Ok } else { Exit::Bad })
}

async fn list(session: &Session, host: &Arc<Host>, n: usize, json: bool) -> Result<Exit> {
    let deliveries = host.notifier.deliveries(n).await?;
    if json {
        session.json(&deliveries)?;
        return Ok(Exit::Ok);
    }
    if deliveries.is_empty() {
        session.tell("no message was sent in the last seven days");
    }
    let zone = host.config.timezone;
    for delivery in &deliveries {
        let Delivery { channel, created, text, .. } = delivery;
        let state = state(delivery, zone);
        let state = session.words(&state);
        session.line(&format!("{}  {channel}  {state}  {}", created.display(zone), clip(text, 60)))?;
    }
    Ok(Exit::Ok)
}

fn state(delivery: &Delivery, zone: chrono_tz::Tz) -> String {
    let due = delivery.due.map(|due| due.display(zone)).unwrap_or_default();
    let error = delivery.error.as_deref().unwrap_or_default();
    match (delivery.state.as_str(), &delivery.via) {
        ("sent", Some(other)) => format!("sent by `{other}` ({error})"),
        ("waiting", _) if delivery.attempts > 0 => {
            format!("failed {}, again at {due} ({error})", count(delivery.attempts as usize, "time"))
        }
        ("held", _) => format!("waits until {due}"),
        ("joined", _) => "sent with others".into(),
        ("lost", _) => format!("given up ({error})"),
        (state, _) => state.into(),
    }
}
