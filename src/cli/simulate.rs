//! `tidegate simulate`: weeks of scripts in a simulated world, in seconds.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::Days;
use chrono_tz::Tz;

use super::progress::Progress;
use super::signals::Signals;
use super::{Exit, Session, adhoc, check, exec, next};
use crate::clock::SystemClock;
use crate::config::{Config, Mode};
use crate::error::{Error, Kind, Result};
use crate::journal::Journal;
use crate::language::Language;
use crate::ledger::Filter;
use crate::sim::{Scenario, Snapshot};
use crate::stage::{Plan, Refused, Stage};
use crate::time::{Clock as _, Duration, Time};
use crate::units::parse_duration;

mod observer;
mod report;

use observer::Observer;
use report::{Kept, Report};

/// Runs scripts through weeks of a simulated world, on a clock that does not wait: what fired when, what it called, what it
/// said, and where the meters were.
///
/// Everything runs as it would in the daemon, and really changes the simulated world. Nothing leaves this machine.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate simulate quota-guard --from 2026-07-01 --to 2026-08-01\n         tidegate simulate --for 7d --world busy.toml --json\n\nExit code 1 when a run failed."
)]
pub struct Simulate {
    /// Scripts of the scripts folder by name, or paths; all of that folder where there is none.
    #[arg(value_name = "SCRIPT")]
    scripts: Vec<String>,
    /// When it begins, RFC 3339 or local. Without it: now.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// When it ends.
    #[arg(long, value_name = "TIME", conflicts_with = "span")]
    to: Option<String>,
    /// How long it lasts.
    #[arg(long = "for", value_name = "DURATION", default_value = "30d")]
    span: String,
    /// A world file, TOML or JSON; the world of `tidegate demo` where absent.
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Another seed than the world's own.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Scripts only say what they would change.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    allow: adhoc::Allow,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// The longest stretch that is simulated.
const LONGEST: Duration = Duration::from_seconds(5 * 366 * 86_400);

impl Simulate {
    /// # Errors
    /// `argument` for times that make no stretch, a script that is not there; those of the configuration and of the world
    /// file.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let zone = config.timezone;
        let from =
            self.from.as_deref().map_or_else(|| Ok(SystemClock::new().now()), |text| next::time_of(text, zone))?;
        let to = match &self.to {
            Some(text) => next::time_of(text, zone)?,
            None => from + parse_duration(&self.span)?,
        };
        if to <= from || to - from > LONGEST {
            let why = if to <= from { "there is no time" } else { "there are more than five years" };
            return Err(Error::new(
                Kind::Argument,
                format!("{why} from {} to {}", from.display(zone), to.display(zone)),
            )
            .hint("write `--from 2026-07-01 --to 2026-08-01`, or `--for 30d`"));
        }
        let mut scenario = self.world.as_deref().map_or_else(|| Ok(Scenario::default()), Scenario::read)?;
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        let scripts = self.scripts(&config)?;
        let runtime = session.virtual_runtime()?;
        let done = runtime.block_on(async {
            let mut signals = Signals::new()?;
            tokio::select! {
                done = self.simulate(session, config, scenario, scripts, (from, to)) => done,
                exit = signals.next() => Ok(Err(exit)),
            }
        });
        runtime.shutdown_background();
        let report = match done? {
            Ok(report) => report,
            Err(exit) => return Ok(exit),
        };
        if self.json {
            session.json(&report)?;
        } else {
            session.line(report::draw(&report, zone, session.reader()).trim_end())?;
        }
        Ok(if report.ok { Exit::Ok } else { Exit::Bad })
    }

    fn scripts(&self, config: &Config) -> Result<Vec<PathBuf>> {
        let found: Vec<_> = if self.scripts.is_empty() {
            check::scripts_in(&config.scripts).unwrap_or_default()
        } else {
            self.scripts.iter().map(|name| exec::find(name, config)).collect::<Result<_>>()?
        };
        if found.is_empty() {
            return Err(Error::new(Kind::Argument, format!("there is no script in `{}`", config.scripts.display()))
                .hint("name one, or set `scripts` in tidegate.toml"));
        }
        // One spelling for the folder, however each was named.
        let whole = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        Ok(found.iter().map(whole).collect())
    }

    /// The report, or the exit where a script does not load.
    async fn simulate(
        &self,
        session: &Session,
        config: Config,
        scenario: Scenario,
        scripts: Vec<PathBuf>,
        (from, to): (Time, Time),
    ) -> Result<Result<Report, Exit>> {
        let real = SystemClock::new();
        let (zone, seed) = (config.timezone, scenario.seed);
        // What programs read is in English.
        let language = if self.json { Language::English } else { session.language.get() };
        let observer = Arc::new(Observer::speaking(language));
        let plan = Plan {
            scenario,
            start: from,
            config,
            mode: if self.dry_run { Mode::Watch } else { Mode::Live },
            env: Arc::clone(&session.env),
            journal: Arc::<Observer>::clone(&observer) as Arc<dyn Journal>,
        };
        let (stage, mut still) = Stage::open(plan).await?;
        for path in scripts {
            let (on, allow) = (Arc::clone(&stage), self.allow.beside(crate::permission::Grants::default())?.allow);
            let cast =
                tokio::task::spawn_blocking(move || on.cast(&path, |settings| settings.grants.allow.extend(allow)));
            match cast.await.map_err(|panic| Error::internal(format!("loading panicked: {panic}")))? {
                Ok(()) => {}
                Err(Refused::Findings(findings, Some(source))) => {
                    for finding in &findings {
                        session.say(&check::excerpt(finding, &source, session.reader()));
                    }
                    return Ok(Err(Exit::Bad));
                }
                Err(refused) => return Err(refused.into()),
            }
        }
        let progress = Progress::waiting(session, from.display(zone));
        let handle = stage.begin().await?;
        let mut usage = vec![stage.sim.world().snapshot()];
        for sample in samples(from, to, zone) {
            still = stage.until(sample, still).await;
            progress.at(format!("{} / {}", sample.display(zone), to.display(zone)));
            usage.push(Snapshot { at: sample, ..stage.sim.world().snapshot() });
        }
        drop(progress);
        let status = handle.status().await;
        let host = stage.host();
        stage.close(still).await?;
        let mut rows = host.ledger.list(&Filter::default()).await?;
        rows.reverse();
        let kept = host.store.list(None, "").await?;
        let kept = kept.into_iter().filter_map(Kept::of_script).collect();
        let took = real.uptime();
        Ok(Ok(Report::new((from, to), seed, took, status, rows, &observer, usage, kept)))
    }
}

/// When the meters are read: at midnight where it is days, else in 24 equal parts; and at the end.
fn samples(from: Time, to: Time, zone: Tz) -> Vec<Time> {
    /// Lines of a curve.
    const MOST: i64 = 62;
    let days = (to - from).millis() / 86_400_000;
    let mut samples = Vec::new();
    if days >= 4 {
        let step = u64::try_from(days / MOST + 1).unwrap_or(1);
        let mut date = from.in_zone(zone).date_naive();
        while let Some(next) = date.checked_add_days(Days::new(step)) {
            date = next;
            let Some(midnight) = Time::from_local(date.and_time(chrono::NaiveTime::MIN), zone) else { continue };
            if midnight >= to {
                break;
            }
            samples.push(midnight);
        }
    } else {
        samples.extend((1..24).map(|n| from + Duration::from_millis((to - from).millis() / 24 * n)));
    }
    samples.push(to);
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meters_are_read_at_midnight_over_days_and_often_over_hours() {
        let zone: Tz = "Europe/Berlin".parse().unwrap();
        let time = |text| Time::parse(text, zone).unwrap();
        let shown = |from, to| -> Vec<String> {
            samples(time(from), time(to), zone).into_iter().map(|time| time.display(zone)).collect()
        };
        let days = shown("2026-03-27 15:00", "2026-04-01 09:00");
        assert_eq!(
            days,
            [
                "2026-03-28 00:00",
                "2026-03-29 00:00",
                "2026-03-30 00:00",
                "2026-03-31 00:00",
                "2026-04-01 00:00",
                "2026-04-01 09:00"
            ]
        );
        let hours = shown("2026-07-01", "2026-07-02");
        assert_eq!((hours.len(), hours[0].as_str(), hours[23].as_str()), (24, "2026-07-01 01:00", "2026-07-02 00:00"));
        assert!(shown("2026-01-01", "2028-01-01").len() <= 63);
    }
}
