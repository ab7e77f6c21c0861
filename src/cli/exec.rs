//! `tidegate exec`: one trigger of a script, now.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::adhoc::Ended;
use super::recording::Take;
use super::saved::Saved;
use super::{Exit, Session, adhoc};
use crate::call::Call;
use crate::config::{Config, Mode};
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::ledger::State;
use crate::schedule::TriggerSpec;
use crate::script::{self, Handler, Loaded};
use crate::text::suggestion;

/// Runs a trigger of a script now, in the foreground, whether or not it is due.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate exec quota-guard quota-tokyo --dry-run --save plan.json\n         tidegate exec --apply plan.json\n\nWithout --dry-run or --live the mode of the configuration holds."
)]
pub struct Exec {
    /// A script of the scripts folder by name, or a path.
    #[arg(value_name = "SCRIPT", required_unless_present = "apply")]
    script: Option<String>,
    /// The trigger; not needed where the script has one only.
    #[arg(value_name = "TRIGGER")]
    trigger: Option<String>,
    /// Only say what would be changed.
    #[arg(long, conflicts_with = "live")]
    dry_run: bool,
    #[command(flatten)]
    live: adhoc::Live,
    /// Keep what a dry run would do in this file, for `--apply`.
    #[arg(long, value_name = "FILE", conflicts_with = "live")]
    save: Option<PathBuf>,
    /// Really do what was saved: only where another dry run would do exactly the same now.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["save", "dry_run"])]
    apply: Option<PathBuf>,
    /// Keep what it asked and was answered in this file, for `test --replay`.
    #[arg(long, value_name = "FILE", conflicts_with = "apply")]
    record: Option<PathBuf>,
    #[command(flatten)]
    allow: adhoc::Allow,
    #[command(flatten)]
    form: adhoc::Form,
}

impl Exec {
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let saved = self.apply.as_deref().map(Saved::read).transpose()?;
        let (script, trigger) = match (self.script, self.trigger, &saved) {
            (None, _, Some(saved)) => (saved.script.clone(), Some(saved.trigger.clone())),
            (Some(script), None, Some(saved)) => (script, Some(saved.trigger.clone())),
            (script, trigger, _) => (script.unwrap_or_default(), trigger),
        };
        let path = find(&script, &config)?;
        let source = super::check::read(&path).map_err(|finding| {
            let mut error = Error::new(Kind::Argument, format!("`{}`: {}", path.display(), finding.message));
            error.hint = finding.hint;
            error
        })?;
        let settings = config.settings(&source.name);
        let mode = match (self.dry_run, self.live.live || saved.is_some()) {
            (true, _) => Mode::Watch,
            (_, true) => Mode::Live,
            _ => settings.mode,
        };
        if self.save.is_some() && mode != Mode::Watch {
            return Err(Error::new(Kind::Argument, "only a dry run can be saved").hint("add `--dry-run`"));
        }
        let grants = self.allow.beside(settings.grants)?;
        let runtime = session.runtime()?;
        let text = source.text.clone();
        let done = runtime.block_on(async {
            let host = adhoc::host(session, config).await?;
            let (from, at, granted) = (source.clone(), Arc::clone(&host), grants.clone());
            let loaded = tokio::task::spawn_blocking(move || script::load_granted(&at, &from, granted))
                .await
                .map_err(|panic| Error::internal(format!("loading panicked: {panic}")))?;
            let loaded = match loaded {
                Ok(loaded) => loaded,
                Err(findings) => {
                    for finding in findings.iter().filter(|_| !self.form.json) {
                        session.say(&super::check::excerpt(finding, &source, session.reader()));
                    }
                    return Ok(Err(does_not_load(&findings, &path)));
                }
            };
            let (spec, handler) = choose(&loaded, trigger.as_deref())?;
            if let Some(saved) = &saved {
                let dry = perform(&host, &loaded, &spec, handler.clone(), Mode::Watch, grants.clone(), None).await?;
                if dry.0.result.is_err() || dry.0.signal.is_some() {
                    return Ok(Ok(dry));
                }
                if let Err(error) = saved.compare(session, &loaded.name, &spec.name, &dry.1) {
                    let (Ended { signal, .. }, record) = dry;
                    return Ok(Ok((Ended { result: Err(error), signal }, record)));
                }
            }
            let take = match &self.record {
                Some(_) => Some(Take::begin(&host).await?),
                None => None,
            };
            let agreed = saved.as_ref().map(Saved::changes);
            let done = perform(&host, &loaded, &spec, handler, mode, grants, agreed).await?;
            if let Some((take, file)) = take.zip(self.record.as_deref()) {
                take.end(&host, &loaded, &spec.name, mode, &done).write(file)?;
                session.tell(&format!("recorded; `tidegate test --replay {}` plays it back", file.display()));
            }
            if let Some(file) = self.save.as_deref().filter(|_| done.0.result.is_ok()) {
                let saved = Saved::new(&loaded, &spec, host.clock.now(), &done.1)?;
                saved.write(file)?;
                let told = match saved.changes().as_slice() {
                    [] => "saved, but it would change nothing: there is nothing to apply".into(),
                    _ => format!("saved; `tidegate exec --apply {}` does it", file.display()),
                };
                session.tell(&told);
            }
            Ok::<Result<_>, Error>(Ok(done))
        })?;
        runtime.shutdown_background();
        let (ended, record) = match done {
            Ok(done) => done,
            Err(error) if self.form.json => (Ended { result: Err(error), signal: None }, script::Record::default()),
            // Its findings were shown already.
            Err(_) => return Ok(Exit::Bad),
        };
        let shown = match &ended.result {
            Ok(value) if !value.is_null() => value.to_string(),
            _ => String::new(),
        };
        adhoc::show(session, self.form, &ended, &record, Some(&text), &shown)
    }
}

/// Runs it and writes it down; a manual run has no due time. It makes no other changes than those that were
/// agreed to, where there are such.
async fn perform(
    host: &Arc<Host>,
    loaded: &Loaded,
    spec: &TriggerSpec,
    handler: Handler,
    mode: Mode,
    grants: crate::permission::Grants,
    agreed: Option<Vec<Call>>,
) -> Result<(Ended<serde_json::Value>, script::Record)> {
    let id = host.ledger.due(&loaded.name, &spec.name, &loaded.version, None).await?;
    if let Some(id) = &id {
        host.ledger.begin(id, 1).await?;
    }
    let context = adhoc::context(host, &loaded.name, Some(spec), mode, grants);
    if let Some(agreed) = agreed {
        context.hold_to(agreed);
    }
    let ended = adhoc::foreground(&context, move |run| handler.fire(run)).await?;
    let outcome = &ended.result;
    let mut record = context.record();
    record.reason = "a person ran it with `tidegate exec`".into();
    if let Some(id) = &id {
        let state = match outcome {
            Ok(_) => State::Ok,
            Err(error) if error.kind == Kind::Cancelled => State::Cancelled,
            Err(error) if error.kind == Kind::Limit && context.is_over() => State::TimedOut,
            Err(_) => State::Failed,
        };
        let (calls, trace) = (record.count(), record.trace());
        host.ledger.finish(id, state, outcome.as_ref().err(), calls, record.changed, &trace).await?;
    }
    Ok((ended, record))
}

/// The first thing that keeps a script from being loaded.
pub(super) fn does_not_load(findings: &[script::Finding], path: &Path) -> Error {
    let Some(first) = findings.iter().find(|finding| finding.severity == script::Severity::Error) else {
        return Error::internal("the script does not load");
    };
    let kind = match first.code {
        "unknown-function" | "unknown-option" | "unknown-instance" | "option-value" | "arguments" | "schedule"
        | "duplicate-trigger" | "duplicate-webhook" => Kind::Argument,
        "at-load" | "missing-grant" => Kind::Permission,
        "unknown-field" => Kind::Field,
        "comparison" => Kind::Type,
        "thrown" => Kind::Script,
        code => serde_json::from_value(code.into()).unwrap_or(Kind::Syntax),
    };
    let file = first.file.clone().unwrap_or_else(|| path.display().to_string());
    let mut error = Error::new(kind, first.message.clone()).at(Some(&file), Some(first.line), Some(first.column));
    error.hint.clone_from(&first.hint);
    error
}

/// A script by name or path.
///
/// # Errors
/// `argument` with the scripts there are.
pub(super) fn find(name: &str, config: &Config) -> Result<PathBuf> {
    let path = Path::new(name);
    let named = config.scripts.join(format!("{name}.rhai"));
    if path.is_file() {
        return Ok(path.into());
    }
    if named.is_file() {
        return Ok(named);
    }
    let known = super::check::scripts_in(&config.scripts).unwrap_or_default();
    let names: Vec<_> = known.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
    let mut error =
        Error::new(Kind::Argument, format!("there is no script `{name}` in `{}`", config.scripts.display()));
    error.hint = suggestion(name, names).or_else(|| Some("give a path, or set `scripts` in tidegate.toml".into()));
    Err(error)
}

pub(super) fn choose(loaded: &Loaded, name: Option<&str>) -> Result<(TriggerSpec, Handler)> {
    let names: Vec<_> = loaded.triggers.iter().map(|(spec, _)| spec.name.as_str()).collect();
    let found = match (name, loaded.triggers.as_slice()) {
        (Some(name), triggers) => triggers.iter().find(|(spec, _)| spec.name == name),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    if let Some((spec, handler)) = found {
        return Ok((spec.clone(), handler.clone()));
    }
    let mut error = match name {
        Some(name) => Error::new(Kind::Argument, format!("`{}` has no trigger `{name}`", loaded.name)),
        None if names.is_empty() => Error::new(Kind::Argument, format!("`{}` registers no trigger", loaded.name)),
        None => Error::new(Kind::Argument, format!("`{}` has several triggers; say which", loaded.name)),
    };
    error.hint = name
        .and_then(|name| suggestion(name, names.iter().copied()))
        .or_else(|| (!names.is_empty()).then(|| format!("there is {}", crate::text::list(names, "and"))));
    Err(error)
}
