//! Readings of counters over time: those of VPSes and of torrent clients, in the database.

pub mod arithmetic;

use std::sync::{Arc, OnceLock};

use sqlx::Row as _;

use crate::database::Database;
use crate::error::Result;
use crate::time::{Duration, Time};

/// What a counter showed at one moment. A VPS has one counter for both directions, which is `received`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Point {
    pub at: Time,
    /// Bytes since the counter began.
    pub received: i64,
    /// Bytes since the counter began.
    pub sent: i64,
    /// Another text each time the counter begins anew, where that is told: a client's session, a VPS's period.
    pub mark: String,
}

/// The readings by subject: `vps/tokyo`, `downloader/home/tokyo-qb`. Cheap to clone.
#[derive(Clone)]
pub struct Series(Database, Arc<OnceLock<Readers>>);

/// Who may ever read the series of a process; everybody, unless it is known better.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Readers {
    /// The last reading of a VPS.
    pub last: bool,
    /// The series of VPSes.
    pub vps: bool,
    /// Those of torrent clients.
    pub clients: bool,
}

impl Series {
    /// As long every reading is kept.
    const WHOLE: Duration = Duration::from_seconds(48 * 3600);
    /// As long one of each hour is.
    const HOURLY: Duration = Duration::from_seconds(62 * 86_400);

    pub fn new(database: &Database) -> Self {
        Self(database.clone(), Arc::default())
    }

    /// What these do not read is not read off the counters either. The first call counts.
    pub fn limit_to(&self, readers: Readers) {
        self.1.get_or_init(|| readers);
    }

    pub fn readers(&self) -> Readers {
        self.1.get().copied().unwrap_or(Readers { last: true, vps: true, clients: true })
    }

    /// A second reading of the same moment is passed over.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn record(&self, subject: &str, point: &Point) -> Result<()> {
        let _busy = self.0.busy();
        sqlx::query(
            "INSERT INTO series (subject, at, received, sent, mark) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (subject, at) DO NOTHING",
        )
        .bind(subject)
        .bind(point.at.millis())
        .bind(point.received)
        .bind(point.sent)
        .bind(&point.mark)
        .execute(self.0.pool())
        .await
        .map(drop)
        .map_err(|error| self.0.explain(&error))
    }

    /// The readings since `from`, and the last one before it, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn since(&self, subject: &str, from: Time) -> Result<Vec<Point>> {
        let _busy = self.0.busy();
        let rows = sqlx::query(
            "SELECT at, received, sent, mark FROM series WHERE subject = $1 AND at >= COALESCE(
                 (SELECT MAX(at) FROM series WHERE subject = $1 AND at <= $2), $2)
             ORDER BY at",
        )
        .bind(subject)
        .bind(from.millis())
        .fetch_all(self.0.pool())
        .await
        .map_err(|error| self.0.explain(&error))?;
        let point = |row: &sqlx::sqlite::SqliteRow| Point {
            at: Time::from_millis(row.get(0)),
            received: row.get(1),
            sent: row.get(2),
            mark: row.get(3),
        };
        Ok(rows.iter().map(point).collect())
    }

    /// When it was last read.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn last(&self, subject: &str) -> Result<Option<Time>> {
        let _busy = self.0.busy();
        let row = sqlx::query("SELECT MAX(at) FROM series WHERE subject = $1")
            .bind(subject)
            .fetch_one(self.0.pool())
            .await
            .map_err(|error| self.0.explain(&error))?;
        Ok(row.get::<Option<i64>, _>(0).map(Time::from_millis))
    }

    /// Thins out what is old: after two days one reading an hour stays, after two months none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn prune(&self, now: Time) -> Result<()> {
        const HOUR: i64 = 3_600_000;
        let _busy = self.0.busy();
        sqlx::query(
            "DELETE FROM series WHERE at < $1 OR (at < $2 AND EXISTS (
                 SELECT 1 FROM series AS other WHERE other.subject = series.subject
                 AND other.at < series.at AND other.at / $3 = series.at / $3))",
        )
        .bind((now - Self::HOURLY).millis())
        .bind((now - Self::WHOLE).millis())
        .bind(HOUR)
        .execute(self.0.pool())
        .await
        .map(drop)
        .map_err(|error| self.0.explain(&error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::VirtualClock;

    const NOW: Time = Time::from_seconds(1_783_065_600);

    #[test]
    fn readings_are_kept_whole_for_two_days_and_hourly_for_two_months() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let database = Database::memory(Arc::clone(&VirtualClock::new(NOW)) as _).await.unwrap();
            let series = Series::new(&database);
            let at = |minutes: i64| NOW - Duration::from_seconds(60 * minutes);
            let days = 24 * 60;
            for minutes in [0, 10, 20, 3 * days, 3 * days - 10, 3 * days - 20, 63 * days] {
                let point = Point { at: at(minutes), received: -minutes, ..Point::default() };
                series.record("vps/tokyo", &point).await.unwrap();
                series.record("vps/tokyo", &Point { received: 7, ..point }).await.unwrap();
            }
            assert_eq!(series.last("vps/tokyo").await.unwrap(), Some(NOW));
            assert_eq!(series.last("vps/oslo").await.unwrap(), None);
            // The one before the window too, so that what happened at its beginning can be told.
            let ats = |points: Vec<Point>| points.iter().map(|point| -point.received).collect::<Vec<_>>();
            assert_eq!(ats(series.since("vps/tokyo", at(15)).await.unwrap()), [20, 10, 0]);
            assert_eq!(ats(series.since("vps/tokyo", at(20)).await.unwrap()), [20, 10, 0]);
            series.prune(NOW).await.unwrap();
            assert_eq!(ats(series.since("vps/tokyo", at(100 * days)).await.unwrap()), [3 * days, 20, 10, 0]);
        });
    }
}
