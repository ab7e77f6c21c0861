//! What the run history forgets, and in which order. Runs that failed or changed something outlive those that went
//! well and changed nothing; the newest due time of a trigger stays, since what is due next follows from it.

use sqlx::AssertSqlSafe;

use super::Ledger;
use crate::config::Retention;
use crate::error::Result;
use crate::time::{Duration, Time};

/// Runs that did not happen.
const IDLE: Duration = Duration::from_seconds(90 * 86_400);
/// Rows of one statement: the database is not held up for longer.
const CHUNK: i64 = 500;
/// Statements of one call; the next one goes on.
const CHUNKS: usize = 200;
/// Pages of the file that are given back to the disk at a time.
const PAGES: u32 = 2000;

/// How much a row is worth to somebody who looks back, least first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Worth {
    /// Went well and changed nothing.
    Dull,
    /// Did not happen: skipped, missed, cancelled.
    Idle,
    Changed,
    Failed,
}

impl Worth {
    const fn rows(self) -> &'static str {
        match self {
            Self::Dull => "state = 'ok' AND changed = 0",
            Self::Idle => "state IN ('skipped', 'missed', 'cancelled') AND changed = 0",
            Self::Changed => "state IN ('ok', 'skipped', 'missed', 'cancelled') AND changed <> 0",
            Self::Failed => "state IN ('failed', 'timed_out', 'interrupted')",
        }
    }
}

/// What of a run goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    /// What it did; that it ran stays.
    Trace,
    Row,
}

/// What goes by age: of rows of that worth, that part, once they are so old.
fn by_age(limits: &Retention) -> [(Worth, Part, Duration); 5] {
    let Retention { age, dull, traces, .. } = *limits;
    [
        (Worth::Dull, Part::Trace, traces.min(dull)),
        (Worth::Dull, Part::Row, dull.min(age)),
        (Worth::Idle, Part::Row, IDLE.min(age)),
        (Worth::Changed, Part::Row, age),
        (Worth::Failed, Part::Row, age),
    ]
}

/// What goes, oldest first and in this order, while the database is too large.
const BY_SIZE: [(Worth, Part); 7] = [
    (Worth::Dull, Part::Trace),
    (Worth::Dull, Part::Row),
    (Worth::Idle, Part::Row),
    (Worth::Changed, Part::Trace),
    (Worth::Failed, Part::Trace),
    (Worth::Changed, Part::Row),
    (Worth::Failed, Part::Row),
];

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Pruned {
    pub rows: u64,
    pub traces: u64,
}

impl Ledger {
    /// Forgets what the limits say, and gives its room back to the disk.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn prune(&self, limits: &Retention) -> Result<Pruned> {
        let _busy = self.database.busy();
        let now = self.database.now();
        let mut pruned = Pruned::default();
        let mut chunks = 0;
        for (worth, part, age) in by_age(limits) {
            while chunks < CHUNKS && self.forget(worth, part, now - age, &mut pruned).await? {
                chunks += 1;
            }
        }
        let mut large = self.used().await? > limits.size;
        for (worth, part) in BY_SIZE {
            while large && chunks < CHUNKS && self.forget(worth, part, now, &mut pruned).await? {
                chunks += 1;
                large = self.used().await? > limits.size;
            }
        }
        if pruned != Pruned::default() {
            self.give_back().await?;
        }
        Ok(pruned)
    }

    /// One chunk, oldest first; false where there was none.
    async fn forget(&self, worth: Worth, part: Part, before: Time, pruned: &mut Pruned) -> Result<bool> {
        let rows = worth.rows();
        let sql = match part {
            Part::Trace => format!(
                "UPDATE run SET trace = NULL WHERE id IN
                 (SELECT id FROM run WHERE {rows} AND trace IS NOT NULL AND happened < $1 ORDER BY happened LIMIT $2)"
            ),
            Part::Row => format!(
                "DELETE FROM run WHERE id IN
                 (SELECT id FROM run AS old WHERE {rows} AND happened < $1 AND (scheduled IS NULL OR EXISTS
                    (SELECT 1 FROM run AS newer WHERE newer.script = old.script
                     AND newer.trigger_name = old.trigger_name AND newer.happened > old.happened
                     AND newer.scheduled IS NOT NULL))
                  ORDER BY happened LIMIT $2)"
            ),
        };
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(before.millis())
            .bind(CHUNK)
            .execute(self.database.pool())
            .await
            .map_err(|error| self.database.explain(&error))?
            .rows_affected();
        match part {
            Part::Trace => pruned.traces += done,
            Part::Row => pruned.rows += done,
        }
        Ok(done > 0)
    }

    /// Bytes of the database that hold something.
    async fn used(&self) -> Result<u64> {
        let bytes: i64 = sqlx::query_scalar(
            "SELECT ((SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count))
                  * (SELECT page_size FROM pragma_page_size)",
        )
        .fetch_one(self.database.pool())
        .await
        .map_err(|error| self.database.explain(&error))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    async fn give_back(&self) -> Result<()> {
        let vacuum = AssertSqlSafe(format!("PRAGMA incremental_vacuum({PAGES})"));
        // It gives a page back each time it is stepped.
        sqlx::query(vacuum)
            .fetch_all(self.database.pool())
            .await
            .map(drop)
            .map_err(|error| self.database.explain(&error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Filter, State};
    use super::*;
    use crate::database::tests::memory;
    use crate::error::{Error, Kind};

    const DAY: Duration = Duration::from_seconds(86_400);

    fn days(n: i64) -> Duration {
        Duration::from_seconds(86_400 * n)
    }

    async fn run(ledger: &Ledger, trigger: &str, at: Time, state: State, changed: bool) {
        let id = ledger.due("guard", trigger, "v", Some(at)).await.unwrap().unwrap();
        ledger.begin(&id, 1).await.unwrap();
        let error = (state == State::Failed).then(|| Error::new(Kind::Api, "no"));
        ledger.finish(&id, state, error.as_ref(), 1, changed, &json!({"output": ["x".repeat(2000)]})).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_dull_goes_first_and_the_newest_due_time_stays() {
        let (clock, database) = memory().await;
        let ledger = Ledger::new(&database);
        let start = database.now();
        for (trigger, state, changed) in
            [("dull", State::Ok, false), ("changed", State::Ok, true), ("failed", State::Failed, false)]
        {
            run(&ledger, trigger, start, state, changed).await;
            run(&ledger, trigger, start + DAY, state, changed).await;
        }
        clock.advance(days(5));
        let limits = Retention::default();
        assert_eq!(ledger.prune(&limits).await.unwrap(), Pruned { rows: 0, traces: 2 });
        clock.advance(days(30));
        assert_eq!(ledger.prune(&limits).await.unwrap(), Pruned { rows: 1, traces: 0 });
        assert_eq!(ledger.last_scheduled("guard", "dull").await.unwrap(), Some(start + DAY));
        clock.advance(days(400));
        assert_eq!(ledger.prune(&limits).await.unwrap(), Pruned { rows: 2, traces: 0 });
        let left = ledger.list(&Filter::default()).await.unwrap();
        assert_eq!(left.len(), 3, "one a trigger");
        assert!(left.iter().all(|entry| entry.scheduled == Some(start + DAY)));
    }

    #[tokio::test]
    async fn a_database_that_is_too_large_keeps_failures_longest() {
        let (_, database) = memory().await;
        let ledger = Ledger::new(&database);
        let start = database.now() - DAY;
        for n in 0..300 {
            let at = start + Duration::from_seconds(n);
            run(&ledger, "dull", at, State::Ok, false).await;
            run(&ledger, "failed", at, State::Failed, false).await;
        }
        let before = ledger.used().await.unwrap();
        let limits = Retention { size: before * 6 / 10, ..Retention::default() };
        let pruned = ledger.prune(&limits).await.unwrap();
        assert_eq!(pruned.traces, 300, "only the dull ones: {pruned:?}");
        assert!(ledger.used().await.unwrap() <= limits.size);
        ledger.prune(&Retention { size: 1, ..limits }).await.unwrap();
        assert_eq!(ledger.list(&Filter::default()).await.unwrap().len(), 2, "one a trigger, whatever the limit");
    }

    /// A busy small VPS over a year, by the rules alone: bytes of rows and traces as measured, generously.
    #[test]
    fn the_defaults_keep_a_year_of_a_small_vps_below_200_mb() {
        const ROW: i64 = 600;
        // Runs a day, and bytes of a trace.
        let a_day = |worth| match worth {
            // Ten triggers, every five minutes.
            Worth::Dull => (2880, 2500),
            Worth::Idle => (100, 0),
            Worth::Changed => (40, 4500),
            Worth::Failed => (15, 3500),
        };
        let limits = Retention::default();
        let mut total = 0;
        for worth in [Worth::Dull, Worth::Idle, Worth::Changed, Worth::Failed] {
            let kept = |part| {
                let of = |(w, p, age): (Worth, Part, Duration)| (w == worth && p == part).then_some(age.millis());
                by_age(&limits).into_iter().filter_map(of).min()
            };
            let rows = kept(Part::Row).expect("every row goes one day");
            let traces = kept(Part::Trace).unwrap_or(rows).min(rows);
            let days = |millis: i64| millis / DAY.millis();
            let (runs, trace) = a_day(worth);
            total += runs * (days(rows).min(365) * ROW + days(traces).min(365) * trace);
        }
        assert!(total < 200_000_000, "{total} bytes");
        assert!(limits.size < 200_000_000);
    }
}
