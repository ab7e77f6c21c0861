//! `tidegate check`: what is wrong with scripts, before they run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::{Exit, Session};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::host::{Host, Setting, Storage};
use crate::journal::Silent;
use crate::language::Language;
use crate::library;
use crate::schedule::{self, TriggerSpec};
use crate::script::suite::Suite;
use crate::script::{self, Finding, Reader, Severity, Source, Use};
use crate::text::count;
use crate::time::Time;

mod online;

/// Compiles and registers scripts beside the running ones, and says what is wrong with them. Needs no service and no network.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate check scripts/quota-guard.rhai\n\nWithout a path: every script of the scripts folder. Exit code 1 when anything is an error."
)]
pub struct Check {
    /// Scripts, or folders of scripts.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Also ask both services and each downloader whether they answer.
    #[arg(long)]
    online: bool,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    files: Vec<File>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    online: Vec<online::Probe>,
}

#[derive(Serialize)]
struct File {
    path: String,
    ok: bool,
    findings: Vec<Finding>,
    triggers: Vec<Trigger>,
    /// What it does or may do, as far as that can be told before it runs.
    uses: Vec<Use>,
}

#[derive(Serialize)]
struct Trigger {
    name: String,
    kind: &'static str,
    expression: Option<String>,
    timezone: String,
    /// False where the script says so, and then it has no next time.
    enabled: bool,
    next: Vec<String>,
}

/// How many next times are shown of each trigger.
const NEXT: usize = 3;

impl Check {
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let paths = if self.paths.is_empty() { vec![config.scripts.clone()] } else { self.paths.clone() };
        let files = expand(&paths, self.paths.is_empty())?;
        for problem in config.advice() {
            let language = session.language.get();
            let (advice, message) = (language.pick("advice: ", "建议："), language.say(&problem.message));
            session.say(&format!("{advice}{}: {message}", problem.key));
        }
        let nowhere = |name: &&String| !files.iter().any(|file| file.file_stem().is_some_and(|stem| *stem == ***name));
        for name in config.script.keys().filter(|_| self.paths.is_empty()).filter(nowhere) {
            session.say(&format!("advice: script.{name}: there is no script of that name"));
        }
        let runtime = session.runtime()?;
        let report = runtime.block_on(async {
            let host = host(session, config).await?;
            for (key, message) in script::misnamed_grants(&host) {
                session.say(&format!("advice: {key}: {message}"));
            }
            let mut report = Report { files: Vec::new(), online: Vec::new() };
            // First, since the scripts are checked against the releases that answered.
            if self.online {
                report.online = online::probe(&host).await;
            }
            for path in files {
                report.files.push(examine(session, &host, &path, self.json).await?);
            }
            Ok::<_, Error>(report)
        })?;
        runtime.shutdown_background();
        if self.json {
            session.json(&report)?;
        } else {
            show(session, &report)?;
        }
        let bad = report.files.iter().any(|file| !file.ok) || report.online.iter().any(|probe| !probe.ok);
        Ok(if bad { Exit::Bad } else { Exit::Ok })
    }
}

/// What scripts are looked at under: nothing is sent, nothing is kept, and with no configuration any instance
/// will do.
///
/// # Errors
/// Where memory is short.
pub async fn host(session: &Session, config: Config) -> Result<Arc<Host>> {
    let setting = Setting {
        clock: SystemClock::new(),
        env: Arc::clone(&session.env),
        journal: Arc::new(Silent),
        storage: Storage::Memory,
        accepts_any_instance: config.file.is_none() && config.vps.is_empty() && config.pbh.is_empty(),
    };
    Host::open(config, setting).await
}

async fn examine(session: &Session, host: &Arc<Host>, path: &Path, json: bool) -> Result<File> {
    let source = match read(path) {
        Ok(source) => source,
        Err(finding) => {
            if !json {
                session.say(excerpt(&finding, &Source::new(path, String::new()), session.reader()).trim_end());
            }
            return Ok(File {
                path: path.display().to_string(),
                ok: false,
                findings: vec![finding],
                triggers: Vec::new(),
                uses: Vec::new(),
            });
        }
    };
    let (at, from) = (Arc::clone(host), source.clone());
    if library::is_test(path) {
        let read = tokio::task::spawn_blocking(move || Suite::read(&at, from))
            .await
            .map_err(|panic| Error::internal(format!("reading the tests panicked: {panic}")))?;
        let findings = read.map_or_else(|findings| findings, |suite| suite.findings);
        return Ok(found(session, path, &source, findings, json));
    }
    let loaded = tokio::task::spawn_blocking(move || script::load(&at, &from))
        .await
        .map_err(|panic| Error::internal(format!("loading panicked: {panic}")))?;
    let (findings, triggers, uses) = match loaded {
        Ok(loaded) => {
            let now = host.clock.now();
            let describe = |spec| describe(spec, now, &host.config.server);
            let triggers = loaded.triggers.iter().map(|(spec, _)| describe(spec)).collect();
            (loaded.findings, triggers, loaded.uses)
        }
        Err(findings) => (findings, Vec::new(), Vec::new()),
    };
    Ok(File { triggers, uses, ..found(session, path, &source, findings, json) })
}

/// What was found in a file, which a person is shown.
fn found(session: &Session, path: &Path, source: &Source, findings: Vec<Finding>, json: bool) -> File {
    for finding in findings.iter().filter(|_| !json) {
        session.say(&excerpt(finding, source, session.reader()));
    }
    let ok = findings.iter().all(|finding| finding.severity != Severity::Error);
    File { path: path.display().to_string(), ok, findings, triggers: Vec::new(), uses: Vec::new() }
}

fn describe(spec: &TriggerSpec, now: Time, server: &crate::config::Server) -> Trigger {
    let zone = spec.zone;
    let expression = match &spec.kind {
        schedule::Kind::Webhook { path } => Some(server.url(path)),
        kind => kind.expression(),
    };
    let mut next = Vec::new();
    let mut after = now;
    while spec.enabled && next.len() < NEXT {
        let Some(time) = spec.next(after) else { break };
        next.push(time.rfc3339(zone));
        after = time;
    }
    Trigger {
        name: spec.name.clone(),
        kind: spec.kind.word(),
        expression,
        timezone: zone.name().into(),
        enabled: spec.enabled,
        next,
    }
}

/// The text of a script.
///
/// # Errors
/// The finding that says why there is none.
pub fn read(path: &Path) -> Result<Source, Finding> {
    let unreadable = |error: std::io::Error| Finding {
        severity: Severity::Error,
        code: "unreadable",
        message: format!("the file cannot be read: {error}"),
        hint: None,
        file: None,
        line: 1,
        column: 1,
    };
    let bytes = library::read(path).map_err(unreadable)?;
    Ok(Source::new(path, library::decode(bytes)?))
}

/// A finding with its line and a caret.
pub fn excerpt(finding: &Finding, source: &Source, reader: Reader) -> String {
    let mut finding = finding.clone();
    finding.file = finding.file.map(|file| relative(Path::new(&file)).display().to_string());
    finding.excerpt(&relative(&source.path).display().to_string(), Some(&source.text), reader)
}

/// As a person in this folder would write it.
fn relative(path: &Path) -> &Path {
    std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path)
}

/// What a script uses, a line a service: `kiwivm: data_usage (read), restart (destructive)`.
fn used(uses: &[Use], language: Language) -> Vec<String> {
    let services: std::collections::BTreeSet<_> = uses.iter().map(|used| used.service).collect();
    let line = |service: &str| {
        let own = uses.iter().filter(|used| used.service == service);
        let calls: Vec<_> =
            own.map(|used| format!("{} ({})", used.endpoint, language.word(&used.effect.to_string()))).collect();
        format!("{service}: {}", calls.join(", "))
    };
    services.into_iter().map(line).collect()
}

fn show(session: &Session, report: &Report) -> Result<()> {
    let language = session.language.get();
    for file in &report.files {
        let errors = file.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        let warnings = file.findings.len() - errors;
        let verdict = match (errors, warnings) {
            (0, 0) => "ok".into(),
            (0, n) => format!("ok, {}", count(n, "warning")),
            (n, _) => count(n, "error"),
        };
        session.line(&format!("{}: {}", relative(Path::new(&file.path)).display(), session.words(&verdict)))?;
        for trigger in &file.triggers {
            let when = trigger.expression.as_deref().unwrap_or(match trigger.kind {
                "stop" => "at the end",
                "failure" => "when a run fails",
                _ => "at start",
            });
            // Only what goes by time has a time zone.
            let zone = trigger.next.first().map(|_| format!(", {}", trigger.timezone)).unwrap_or_default();
            let next = trigger.next.first().map(|next| format!("{}{next}", language.pick(", next ", "，下次 ")));
            let (next, when) = (next.unwrap_or_default(), language.say(when));
            let off = language.pick(", off: `enabled: false`", "，已停用：`enabled: false`");
            let off = if trigger.enabled { "" } else { off };
            session.line(&format!("  {} {} ({when}{zone}){next}{off}", trigger.kind, trigger.name))?;
        }
        for line in used(&file.uses, language) {
            session.line(&format!("  {}{line}", language.pick("uses ", "使用 ")))?;
        }
    }
    if report.files.is_empty() {
        session.print("there is no script to check")?;
    } else {
        let all = || report.files.iter().flat_map(|file| &file.findings);
        let errors = all().filter(|finding| finding.severity == Severity::Error).count();
        let (scripts, warnings) = (count(report.files.len(), "script"), count(all().count() - errors, "warning"));
        let all = [scripts, count(errors, "error"), warnings].map(|told| session.words(&told).into_owned());
        let (colon, comma) = (language.pick(": ", "："), language.pick(", ", "，"));
        session.line(&format!("{}{colon}{}{comma}{}", all[0], all[1], all[2]))?;
    }
    for probe in &report.online {
        session.line(&probe.line(language))?;
    }
    Ok(())
}

/// The scripts of a folder, by name.
///
/// # Errors
/// Where the folder cannot be read.
pub fn scripts_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rhai") && path.is_file() && !library::is_test(&path) {
            scripts.push(path);
        }
    }
    scripts.sort();
    Ok(scripts)
}

fn expand(paths: &[PathBuf], default: bool) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = scripts_in(path)
                .map_err(|error| Error::new(Kind::Argument, format!("`{}` cannot be read: {error}", path.display())))?;
            files.extend(found);
        } else if path.exists() {
            files.push(path.clone());
        } else {
            let error = Error::new(Kind::Argument, format!("there is no file `{}`", path.display()));
            let hint = if default {
                "set `scripts` in tidegate.toml, or start with `tidegate init`"
            } else {
                "give the path of a script or of a folder"
            };
            return Err(error.hint(hint));
        }
    }
    Ok(files)
}
