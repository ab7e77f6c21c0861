use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;

use super::*;
use crate::time::{Duration, Idle};

/// A clock that a test moves by hand; nothing here waits on it.
pub(crate) struct Hand(Mutex<Time>);

impl Hand {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Time::from_seconds(1_780_000_000))))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = *now + by;
    }
}

impl Clock for Hand {
    fn now(&self) -> Time {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uptime(&self) -> Duration {
        self.now() - Time::from_millis(0)
    }

    fn sleep_until(&self, _: Time) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn busy(&self) -> Busy {
        Busy::new(None)
    }

    fn idle(&self) -> Idle {
        Idle::new(None)
    }
}

pub(crate) async fn memory() -> (Arc<Hand>, Database) {
    let clock = Hand::new();
    let database = Database::memory(Arc::clone(&clock) as _).await.unwrap();
    (clock, database)
}

/// The pages that a database has.
pub(crate) async fn pages(database: &Database) -> i64 {
    sqlx::query_scalar("PRAGMA page_count").fetch_one(database.pool()).await.unwrap()
}

/// Makes a disk of so many pages.
pub(crate) async fn room_for(database: &Database, pages: i64) {
    let pragma = format!("PRAGMA max_page_count = {pages}");
    sqlx::query(sqlx::AssertSqlSafe(pragma)).execute(database.pool()).await.unwrap();
}

pub(crate) async fn open(folder: &Path) -> Database {
    Database::open(folder, Hand::new()).await.unwrap()
}

async fn version(database: &Database) -> i64 {
    sqlx::query_scalar("SELECT MAX(version) FROM schema_version").fetch_one(database.pool()).await.unwrap()
}

#[tokio::test]
async fn opening_creates_folder_and_tables_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a/b");
    assert!(Database::existing(&data, Hand::new()).await.unwrap().is_none());
    assert!(!data.exists());
    let first = version(&open(&data).await).await;
    assert_eq!(version(&open(&data).await).await, first);
    assert!(Database::existing(&data, Hand::new()).await.unwrap().is_some());
}

#[tokio::test]
async fn the_file_is_in_wal_mode_with_full_flushes() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path()).await;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(database.pool()).await.unwrap();
    let flush: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(database.pool()).await.unwrap();
    assert_eq!((mode.as_str(), flush), ("wal", 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_may_begin_a_folder_together() {
    let folder = tempfile::tempdir().unwrap();
    let opening = (0..8).map(|_| {
        let folder = folder.path().to_owned();
        tokio::spawn(async move { version(&Database::open(&folder, Hand::new()).await.unwrap()).await })
    });
    for opened in futures::future::join_all(opening).await {
        assert_eq!(opened.unwrap(), i64::try_from(migrations::MIGRATIONS.len()).unwrap());
    }
}

#[tokio::test]
async fn a_broken_file_is_kept_aside_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    for n in 1..=2 {
        let garbage = format!("this is no database, {n}\n").repeat(500);
        std::fs::write(&file, &garbage).unwrap();
        let database = open(folder.path()).await;
        let kept = folder.path().join(format!("{FILE}.corrupt-{n}"));
        assert_eq!(database.set_aside(), Some(kept.as_path()));
        assert_eq!(std::fs::read_to_string(kept).unwrap(), garbage);
        database.close().await;
    }
    assert_eq!(open(folder.path()).await.set_aside(), None);
}

#[tokio::test]
async fn damage_in_the_middle_of_the_file_is_found_at_opening() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let database = open(folder.path()).await;
    for n in 0..200 {
        sqlx::query("INSERT INTO state VALUES ('s', $1, $2, NULL, 0)")
            .bind(n)
            .bind("x".repeat(500))
            .execute(database.pool())
            .await
            .unwrap();
    }
    database.close().await;
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    // Reading does not touch it: only who may schedule here moves it.
    let error = Database::existing(folder.path(), Hand::new()).await.err().unwrap();
    assert!(error.kind == Kind::Config && error.message.contains("is damaged"), "{error}");
    assert!(open(folder.path()).await.set_aside().is_some());
}

#[tokio::test]
async fn a_broken_file_stays_where_it_is_while_another_daemon_works() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), "no database".repeat(100)).unwrap();
    let lock = Lock::take(folder.path()).unwrap();
    // This process holds the lock itself, so it may.
    let database = open(folder.path()).await;
    assert!(database.set_aside().is_some());
    // Or it would write its last pages over what follows.
    database.close().await;
    // Another one may not.
    std::fs::write(folder.path().join(FILE), "no database".repeat(100)).unwrap();
    std::fs::write(folder.path().join("tidegate.lock"), "1").unwrap();
    let error = Database::open(folder.path(), Hand::new()).await.err().unwrap();
    assert!(error.message.contains("is damaged"), "{error}");
    drop(lock);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for data in [file.clone(), file.join("data")] {
        let error = Database::open(&data, Hand::new()).await.err().unwrap();
        assert_eq!(error.kind, Kind::Config);
        assert!(error.message.starts_with("the data folder `") && !error.message.contains('\n'), "{error}");
        assert_eq!(Lock::take(&data).err().unwrap().kind, Kind::Config);
    }
    // The database is a folder.
    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join(FILE)).unwrap();
    assert_eq!(Database::open(&data, Hand::new()).await.err().unwrap().kind, Kind::Config);
}

#[tokio::test]
async fn what_cannot_be_written_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.close().await;
    let names = || -> BTreeSet<_> { folder.path().read_dir().unwrap().map(|file| file.unwrap().file_name()).collect() };
    let before = names();
    let pool = connect_to_read(&folder.path().join(FILE)).await.unwrap();
    let database = Database(Arc::new(Inner { pool, clock: Hand::new(), folder: None, set_aside: None }));
    migrations::run(&database).await.unwrap();
    assert!(version(&database).await > 0);
    let error = sqlx::query("DELETE FROM run").execute(database.pool()).await.unwrap_err();
    assert!(is_unwritable(&error), "{error}");
    assert!(database.explain(&error).message.contains("cannot be written"));
    assert_eq!(names(), before, "nothing is made beside it");
}

#[tokio::test]
async fn a_newer_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path()).await;
    sqlx::query("INSERT INTO schema_version VALUES (99)").execute(database.pool()).await.unwrap();
    drop(database);
    let error = Database::open(folder.path(), Hand::new()).await.err().unwrap();
    assert!(error.kind == Kind::Config && error.message.contains("newer tidegate"), "{error}");
}

/// A file as the first version of the tables left it.
async fn first_version(folder: &Path) {
    let options = SqliteConnectOptions::new().filename(folder.join(FILE)).create_if_missing(true);
    let pool = pool().connect_with(options).await.unwrap();
    for statement in migrations::MIGRATIONS[0] {
        sqlx::query(*statement).execute(&pool).await.unwrap();
    }
    for statement in [
        "CREATE TABLE schema_version (version BIGINT NOT NULL)",
        "INSERT INTO schema_version VALUES (1)",
        "INSERT INTO state VALUES ('guard', 'limit', '90', NULL, 0)",
        "INSERT INTO state VALUES ('shared', 'limit', '80', NULL, 0)",
        "INSERT INTO state VALUES ('tidegate', 'holds', '{}', NULL, 0)",
        "INSERT INTO run VALUES ('r1', 'guard', 'tick', 'v', '0', 'o', 'ok', 1, 0, 0, 0, 0, NULL, 0, 0, NULL)",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    pool.close().await;
}

#[tokio::test]
async fn an_older_database_is_brought_up_to_date_with_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    first_version(folder.path()).await;
    let database = open(folder.path()).await;
    assert_eq!(usize::try_from(version(&database).await).unwrap(), migrations::MIGRATIONS.len());
    let scopes: Vec<String> =
        sqlx::query_scalar("SELECT scope FROM state ORDER BY scope").fetch_all(database.pool()).await.unwrap();
    assert_eq!(scopes, ["script/guard", "shared", "tidegate"]);
    let runs: Vec<String> = sqlx::query_scalar("SELECT id FROM run").fetch_all(database.pool()).await.unwrap();
    assert_eq!(runs, ["r1"]);
}

#[tokio::test]
async fn a_full_disk_is_said_in_words() {
    let (_, database) = memory().await;
    sqlx::query("PRAGMA max_page_count = 20").execute(database.pool()).await.unwrap();
    let full = sqlx::query("INSERT INTO state VALUES ('s', 'k', $1, NULL, 0)")
        .bind("x".repeat(200_000))
        .execute(database.pool())
        .await
        .unwrap_err();
    let error = database.explain(&full);
    assert!(error.kind == Kind::Limit && error.retryable, "{error:?}");
    assert!(error.message.contains("is full"), "{error}");
}

#[tokio::test]
async fn another_process_that_does_not_let_go_is_a_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(folder.path()).await, open(folder.path()).await);
    let held = one.write().await.unwrap();
    sqlx::query("PRAGMA busy_timeout = 0").execute(other.pool()).await.unwrap();
    let error = other.write().await.err().unwrap();
    assert!(error.kind == Kind::Timeout && error.retryable, "{error:?}");
    // A dropped transaction is rolled back some time later; this one is over when the line is.
    held.rollback().await.unwrap();
    other.write().await.unwrap();
}

#[test]
fn one_daemon_per_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = Lock::take(folder.path()).unwrap();
    let second = Lock::take(folder.path()).err().unwrap();
    assert_eq!(second.kind, Kind::Config);
    assert!(second.message.contains(&format!("(process {})", std::process::id())), "{second}");
    drop(first);
    drop(Lock::take(folder.path()).unwrap());
}

#[test]
fn an_owner_is_alive_for_as_long_as_it_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let owner = Owner::register(folder.path()).unwrap();
    let id = owner.id.clone();
    assert!(Owner::is_alive(Some(folder.path()), &id));
    drop(owner);
    assert!(!Owner::is_alive(Some(folder.path()), &id));
    assert!(Owner::is_alive(None, &id));
    // What a killed process leaves: the file without the lock.
    let left = folder.path().join("owners/left");
    std::fs::write(&left, "").unwrap();
    assert!(!Owner::is_alive(Some(folder.path()), "left"));
    assert!(!left.exists());
}
