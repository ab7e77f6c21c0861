//! What `eval`, `exec` and the REPL share: one run in the foreground, and how its outcome is shown.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::signals::Signals;
use super::{Exit, Session};
use crate::call::Call;
use crate::clock::SystemClock;
use crate::config::{Config, Mode};
use crate::error::{Error, Kind, Result};
use crate::host::{Host, Setting, Storage};
use crate::journal::{Journal, Silent};
use crate::permission::{Grant, Grants};
use crate::schedule::TriggerSpec;
use crate::script::{self, Context, MANUAL, Record, Setup};
use crate::shown::Look;
use crate::text::clip;

/// What a run in the foreground may be granted on the command line.
#[derive(clap::Args)]
pub struct Allow {
    /// Grant something destructive: `kiwivm/tokyo:snapshot_delete`.
    #[arg(long = "allow", value_name = "GRANT")]
    grants: Vec<String>,
}

impl Allow {
    /// As they were written.
    pub fn texts(&self) -> &[String] {
        &self.grants
    }

    /// These, added to the grants of the configuration.
    ///
    /// # Errors
    /// `argument` with what is wrong with one of them.
    pub fn beside(&self, mut grants: Grants) -> Result<Grants> {
        for text in &self.grants {
            grants.allow.push(Grant::parse(text).map_err(|why| Error::new(Kind::Argument, why))?);
        }
        Ok(grants)
    }
}

/// How what came of a run is shown.
#[derive(Clone, Copy, clap::Args)]
pub struct Form {
    /// One JSON document.
    #[arg(long)]
    pub json: bool,
    /// What a dry run held back as a table on standard output, in place of a list.
    #[arg(long, conflicts_with = "json")]
    pub table: bool,
}

/// Whether what is typed really happens.
#[derive(clap::Args)]
pub struct Live {
    /// Really do it.
    #[arg(long)]
    pub live: bool,
}

impl Live {
    /// What a person types is a dry run unless told otherwise.
    pub fn mode(&self) -> Mode {
        if self.live { Mode::Live } else { Mode::Watch }
    }
}

/// Opens the configured services for one run in the foreground; nothing is logged, everything is shown.
///
/// # Errors
/// `config` where the configuration or the data folder cannot be used.
pub async fn host(session: &Session, config: Config) -> Result<Arc<Host>> {
    host_with(session, config, Arc::new(Silent), Storage::Folder).await
}

/// The same where somebody listens to what runs say, or nothing is kept.
///
/// # Errors
/// As [`host`].
pub async fn host_with(
    session: &Session,
    config: Config,
    journal: Arc<dyn Journal>,
    storage: Storage,
) -> Result<Arc<Host>> {
    let setting = Setting {
        clock: SystemClock::new(),
        env: Arc::clone(&session.env),
        journal,
        storage,
        accepts_any_instance: false,
    };
    Host::open(config, setting).await
}

/// How values are drawn on standard output: to the width of the terminal, where it is one.
pub fn look(session: &Session) -> Look {
    let width = comfy_table::Table::new().width();
    Look { width: width.map(usize::from).filter(|width| *width > 0), color: session.color }
}

/// A run that a person started.
pub fn context(
    host: &Arc<Host>,
    script: &str,
    trigger: Option<&TriggerSpec>,
    mode: Mode,
    grants: Grants,
) -> Arc<Context> {
    let timeout = trigger.and_then(|trigger| trigger.timeout).unwrap_or(host.config.limits.timeout);
    let deadline = host.clock.now() + timeout;
    Context::new(
        Arc::clone(host),
        Setup {
            script: script.into(),
            trigger: trigger.map(|trigger| trigger.name.clone()),
            run: MANUAL.into(),
            mode,
            grants,
            deadline,
            cancel: CancellationToken::new(),
            permits: None,
        },
    )
}

/// How a run in the foreground ended.
pub struct Ended<T> {
    pub result: Result<T>,
    /// The signal that it was cancelled by.
    pub signal: Option<Exit>,
}

/// Runs `work` on a thread of its own. The first signal cancels it, and what was done is still shown; the
/// second one leaves it behind.
///
/// # Errors
/// `internal` where signals cannot be heard. What `work` came to, a panic included, is in the result.
pub async fn foreground<T: Send + 'static>(
    context: &Arc<Context>,
    work: impl FnOnce(&Arc<Context>) -> Result<T> + Send + 'static,
) -> Result<Ended<T>> {
    let mut signals = Signals::new()?;
    let run = Arc::clone(context);
    let mut thread = tokio::task::spawn_blocking(move || work(&run));
    let mut signal = None;
    let joined = loop {
        tokio::select! {
            joined = &mut thread => break joined,
            exit = signals.next() => {
                if signal.replace(exit).is_some() {
                    let result = Err(Error::new(Kind::Cancelled, "the run did not end when it was cancelled"));
                    return Ok(Ended { result, signal });
                }
                context.cancel.cancel();
            }
        }
    };
    let result = joined.unwrap_or_else(|panic| {
        Err(Error::internal(format!("a host function panicked: {panic}"))
            .hint("this is a bug in tidegate: please report it"))
    });
    let result = result.map_err(|error| context.host.masker.mask_error(error));
    Ok(Ended { result, signal })
}

/// Shows how a run ended, in JSON or for people, and gives the exit code.
///
/// # Errors
/// Where standard output is gone.
pub fn show(
    session: &Session,
    form: Form,
    ended: &Ended<Value>,
    record: &Record,
    source: Option<&str>,
    shown: &str,
) -> Result<Exit> {
    let Ended { result: outcome, signal } = ended;
    if form.json {
        let Record { calls, would, output, .. } = record;
        let (key, what) = match outcome {
            Ok(value) => ("value", value.clone()),
            Err(error) => ("error", json!(error)),
        };
        let ok = outcome.is_ok();
        session.json(&json!({"ok": ok, key: what, "calls": calls, "would": would, "output": output}))?;
    } else {
        for line in &record.output {
            session.line(line)?;
        }
        if form.table && !record.would.is_empty() {
            table_of(session, &record.would)?;
        } else {
            tell_would(session, &record.would);
        }
        match outcome {
            Ok(_) if shown.is_empty() => {}
            Ok(_) => session.line(shown)?,
            Err(error) => {
                session.explain(error, source);
                session.say(script::last_calls(&record.calls, session.language.get()).trim_start());
            }
        }
    }
    Ok(match outcome {
        Ok(_) => Exit::Ok,
        Err(error) if error.kind == Kind::Cancelled => signal.unwrap_or(Exit::Bad),
        Err(_) => Exit::Bad,
    })
}

/// What a dry run held back, in words.
pub fn tell_would(session: &Session, would: &[Call]) {
    if would.is_empty() {
        return;
    }
    let language = session.language.get();
    session.say(language.pick("dry run, nothing was changed. It would:", "演练，没有改变任何东西。实际运行时会："));
    for call in would {
        session.say(&format!("  - {}", script::deed(call, language)));
        for line in call.details() {
            session.say(&format!("      {line}"));
        }
    }
}

/// The same as a table: what, where and with which effect, then what it would do in words.
fn table_of(session: &Session, would: &[Call]) -> Result<()> {
    let mut table = super::table::headed(["SERVICE", "INSTANCE", "CALL", "EFFECT", "WOULD"], session.reader());
    for call in would {
        let language = session.language.get();
        let words = call.summary.as_ref().map_or_else(|| call.args.to_string(), |_| script::deed(call, language));
        let effect = call.effect.to_string();
        let effect = language.word(&effect);
        table.add_row([call.service.as_str(), &call.instance, &call.endpoint, effect, &clip(&words, 500)]);
    }
    session.line(&table.to_string())
}
