//! `tidegate test`: a user's tests of scripts, on a clock that does not wait.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::downloaders::told;
use super::signals::Signals;
use super::{Exit, Session, check, recording};
use crate::clock::SystemClock;
use crate::config::{Config, Mode};
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::journal::{Journal, Level, Line, Memory};
use crate::language::Language;
use crate::library;
use crate::script::suite::{self, Suite};
use crate::script::{Bench, Context, Finding, Opening, Setup, explain};
use crate::sim::Scenario;
use crate::stage::{Company, Plan, Stage};
use crate::text::count;
use crate::time::{Clock as _, Duration, Time};
use crate::units::format_duration;

/// Runs tests of scripts: files `NAME_test.rhai`, in which each `fn test_…()` is one. Each has a simulated world of its own
/// on a clock that does not wait; nothing leaves this machine.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate test scripts/tests/quota-guard_test.rhai\n         tidegate test --only ban\n         tidegate test --replay run.json\n\nWithout a path: every file of tests in the scripts folder and below it. Exit code 1 when a test fails, 2 when there is none."
)]
pub struct Test {
    /// Files of tests, or folders with such files.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only tests with this in their name.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Plays a run that `exec --record` kept back to the script as it is now, and compares what it does.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "only"])]
    replay: Option<PathBuf>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    ok: bool,
    passed: usize,
    failed: usize,
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    path: String,
    findings: Vec<Finding>,
    tests: Vec<Outcome>,
}

#[derive(Serialize)]
struct Outcome {
    name: String,
    ok: bool,
    error: Option<Error>,
    /// What the test itself said.
    output: Vec<String>,
    /// What went wrong in runs while the test went on.
    #[serde(skip)]
    failures: Vec<(String, Error)>,
    /// Of the world's time, in seconds.
    simulated: Duration,
    /// Of real time, in seconds.
    took: Duration,
}

/// What one test may take in real time: a script that never comes to rest would keep it for ever.
const PATIENCE: Duration = Duration::from_seconds(120);
/// A world and a time to begin at, asked for one after the other.
const OPENINGS: usize = 3;
/// Failed runs that are shown below a failed test.
const FAILURES: usize = 3;

impl Test {
    /// # Errors
    /// `argument` where there is no test; those of the configuration.
    pub fn run(self, session: &Session) -> Result<Exit> {
        if let Some(file) = &self.replay {
            return recording::replay(session, file, self.json);
        }
        let config = session.configuration()?;
        let files = self.files(&config)?;
        let runtime = session.virtual_runtime()?;
        let done = runtime.block_on(async {
            let mut signals = Signals::new()?;
            tokio::select! {
                report = self.all(session, &config, files) => report.map(Ok),
                exit = signals.next() => Ok(Err(exit)),
            }
        });
        runtime.shutdown_background();
        let report = match done? {
            Ok(report) => report,
            Err(exit) => return Ok(exit),
        };
        let wrong = |finding: &Finding| finding.severity == crate::script::Severity::Error;
        let sound = !report.files.iter().flat_map(|file| &file.findings).any(wrong);
        if report.passed + report.failed == 0 && sound {
            let only = self.only.as_deref().map(|only| format!(" with `{only}` in its name")).unwrap_or_default();
            return Err(Error::new(Kind::Argument, format!("there is no test{only} in these files"))
                .hint("a test is a function `fn test_…()` without parameters"));
        }
        if self.json {
            session.json(&report)?;
        } else {
            let files = if report.files.len() == 1 {
                String::new()
            } else {
                format!(" in {}", count(report.files.len(), "file"))
            };
            session.print(&format!("{} passed, {} failed{files}", report.passed, report.failed))?;
        }
        Ok(if report.ok { Exit::Ok } else { Exit::Bad })
    }

    fn files(&self, config: &Config) -> Result<Vec<PathBuf>> {
        let folders = if self.paths.is_empty() { std::slice::from_ref(&config.scripts) } else { &self.paths };
        let mut files = Vec::new();
        for path in folders {
            if path.is_file() {
                files.push(path.clone());
            } else {
                files.extend(library::tests(path));
            }
        }
        if files.is_empty() {
            let places: Vec<_> = folders.iter().map(|path| format!("`{}`", path.display())).collect();
            return Err(Error::new(Kind::Argument, format!("there is no file of tests in {}", places.join(" and ")))
                .hint("tests are in files `NAME_test.rhai`, beside the scripts or in a folder `tests` there"));
        }
        Ok(files)
    }

    async fn all(&self, session: &Session, config: &Config, files: Vec<PathBuf>) -> Result<Report> {
        let host = check::host(session, config.clone()).await?;
        let mut report = Report { ok: true, passed: 0, failed: 0, files: Vec::new() };
        for path in files {
            let file = self.file(session, config, &host, &path).await?;
            report.passed += file.tests.iter().filter(|test| test.ok).count();
            report.failed += file.tests.iter().filter(|test| !test.ok).count();
            report.ok &= file.findings.iter().all(|finding| finding.severity != crate::script::Severity::Error);
            report.ok &= file.tests.iter().all(|test| test.ok);
            report.files.push(file);
        }
        Ok(report)
    }

    async fn file(&self, session: &Session, config: &Config, host: &Arc<Host>, path: &Path) -> Result<File> {
        let shown = path.display().to_string();
        if !self.json {
            session.line(&shown)?;
        }
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let told = |findings: &[Finding], source: &crate::script::Source| {
            for finding in findings.iter().filter(|_| !self.json) {
                session.say(&check::excerpt(finding, source, session.reader()));
            }
        };
        let source = match check::read(&whole) {
            Ok(source) => source,
            Err(finding) => {
                told(std::slice::from_ref(&finding), &crate::script::Source::new(&whole, String::new()));
                return Ok(File { path: shown, findings: vec![finding], tests: Vec::new() });
            }
        };
        let (at, from) = (Arc::clone(host), source.clone());
        let suite = tokio::task::spawn_blocking(move || Suite::read(&at, from))
            .await
            .map_err(|panic| Error::internal(format!("reading the tests panicked: {panic}")))?;
        let suite = match suite {
            Ok(suite) => Arc::new(suite),
            Err(findings) => {
                told(&findings, &source);
                return Ok(File { path: shown, findings, tests: Vec::new() });
            }
        };
        told(&suite.findings, &source);
        let mut tests = Vec::new();
        for name in suite.tests.iter().filter(|name| self.only.as_ref().is_none_or(|only| name.contains(only.as_str())))
        {
            let outcome = one(session, config, &suite, name).await?;
            if !self.json {
                tell(session, &outcome, &suite)?;
            }
            tests.push(outcome);
        }
        Ok(File { path: shown, findings: suite.findings.clone(), tests })
    }
}

/// One line for a test, and below it what went wrong.
fn tell(session: &Session, outcome: &Outcome, suite: &Suite) -> Result<()> {
    use nu_ansi_term::Color::{Green, Red};
    let language = session.language.get();
    let (word, style) = if outcome.ok { ("ok", Green.normal()) } else { ("FAILED", Red.bold()) };
    let word = language.word(word);
    let word = if session.color { style.paint(word).to_string() } else { word.to_owned() };
    let span = if outcome.simulated > Duration::ZERO {
        let span = format!("({} simulated)", format_duration(outcome.simulated));
        format!("  {}", language.say(&span))
    } else {
        String::new()
    };
    session.line(&format!("  {word}  {}{span}", outcome.name))?;
    if let Some(error) = &outcome.error {
        for line in &outcome.output {
            session.say(&format!("    {line}"));
        }
        let file = suite.source.path.display().to_string();
        let error = asserted(error, language);
        session.say(&explain(&error, &file, Some(&suite.source.text), session.reader()));
        // What was asserted is often not so because a run failed, which nobody would see.
        if !outcome.failures.is_empty() {
            session.tell("before that a run had failed:");
        }
        for (whose, error) in &outcome.failures {
            let line = error.line.map(|line| format!(":{line}")).unwrap_or_default();
            session.say(&format!("    {whose}{line}  {}", told(error, language)));
        }
    }
    Ok(())
}

/// What an assertion of ours says; what a script throws, its author has words for.
fn asserted(error: &Error, language: Language) -> Error {
    let mut error = error.clone();
    if error.kind == Kind::Script && language == Language::Chinese {
        if error.message == "this is not so" {
            error.message = "条件不成立".into();
        } else if let Some((left, right)) = error.message.split_once(" is not ") {
            error.message = format!("{left} 不等于 {right}");
        }
    }
    error
}

/// The runs that failed, each trouble once: whose they were, and what was wrong.
fn failures(lines: &[Line]) -> Vec<(String, Error)> {
    let mut found: Vec<(String, Error)> = Vec::new();
    for line in lines.iter().filter(|line| line.event == "run_finished" && line.level == Level::Error) {
        let error = line.data.get("error").and_then(|error| serde_json::from_value::<Error>(error.clone()).ok());
        let (Some(error), Some(script), Some(trigger)) = (error, &line.script, &line.trigger) else { continue };
        let whose = format!("{script}/{trigger}");
        let known = found.iter().any(|(other, before)| *other == whose && before.message == error.message);
        if !known && found.len() < FAILURES {
            found.push((whose, error));
        }
    }
    found
}

/// One test in a world of its own; it begins again where it asks for another one.
async fn one(session: &Session, config: &Config, suite: &Arc<Suite>, name: &str) -> Result<Outcome> {
    let real = SystemClock::new();
    let mut opening = Opening::default();
    for _ in 0..OPENINGS {
        let seen = Arc::new(Memory::default());
        let attempt = attempt(session, config, suite, name, opening.clone(), Arc::clone(&seen));
        let (result, output, simulated, wanted) = attempt.await?;
        if let Some(wanted) = wanted {
            opening = wanted;
            continue;
        }
        let (name, took, failures) = (name.to_owned(), real.uptime(), failures(&seen.lines()));
        return Ok(Outcome { name, ok: result.is_ok(), error: result.err(), output, failures, simulated, took });
    }
    Err(Error::internal("a test asked for one world after the other"))
}

type Attempt = (Result<()>, Vec<String>, Duration, Option<Opening>);

async fn attempt(
    session: &Session,
    config: &Config,
    suite: &Arc<Suite>,
    name: &str,
    opening: Opening,
    seen: Arc<Memory>,
) -> Result<Attempt> {
    let start = opening.start.unwrap_or_else(|| usual_start(config));
    let plan = Plan {
        scenario: opening.world.as_ref().map_or_else(Scenario::default, |world| world.scenario.clone()),
        start,
        config: config.clone(),
        mode: Mode::Live,
        env: Arc::clone(&session.env),
        journal: Arc::<Memory>::clone(&seen) as Arc<dyn Journal>,
    };
    let (stage, still) = Stage::open(plan).await?;
    stage.prompt(&suite.source.text);
    let near = suite.source.path.parent().unwrap_or(Path::new("")).to_owned();
    let company = Company { stage: Arc::clone(&stage), near: near.clone(), scripts: config.scripts.clone() };
    let bench = Bench::new(opening, near, stage.sim.world().clone(), seen, Arc::new(company));
    let cancel = CancellationToken::new();
    let setup = Setup {
        script: suite.source.name.clone(),
        trigger: None,
        run: "test".into(),
        mode: Mode::Live,
        grants: suite::grants(),
        // Its clock is not that of whoever waits for it.
        deadline: start + Duration::from_seconds(100 * 366 * 86_400),
        cancel: cancel.clone(),
        permits: None,
    };
    let context = Context::of_test(stage.host(), setup, Arc::clone(&bench));
    let (run, tests, test) = (Arc::clone(&context), Arc::clone(suite), name.to_owned());
    let thread = tokio::task::spawn_blocking(move || tests.run(&run, &test, still));
    let real = SystemClock::new();
    let joined = tokio::select! {
        joined = thread => joined,
        () = real.sleep_until(real.now() + PATIENCE) => {
            cancel.cancel();
            let why = format!("the test took longer than {} seconds", PATIENCE.seconds());
            let error = Error::new(Kind::Timeout, why).hint("does something in it never come to rest?");
            return Ok((Err(error), context.record().output, stage.clock.now() - start, None));
        }
    };
    let (result, still) = joined.map_err(|panic| Error::internal(format!("the test panicked: {panic}")))?;
    let simulated = stage.clock.now() - start;
    let wanted = bench.wanted();
    stage.close(still).await?;
    Ok((result, context.record().output, simulated, wanted))
}

/// When a test begins that does not say.
fn usual_start(config: &Config) -> Time {
    let date = chrono::NaiveDate::from_ymd_opt(2026, 7, 1).and_then(|date| date.and_hms_opt(8, 0, 0));
    date.and_then(|date| Time::from_local(date, config.timezone)).unwrap_or(Time::from_seconds(1_782_892_800))
}
