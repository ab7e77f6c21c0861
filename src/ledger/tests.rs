use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::database::tests::{Hand, memory, open};
use crate::time::Duration;

const NINE: Time = Time::from_millis(1_780_000_000_250);

async fn ledger() -> (Arc<Hand>, Ledger) {
    let (clock, database) = memory().await;
    (clock, Ledger::new(&database))
}

async fn all(ledger: &Ledger) -> Vec<Entry> {
    ledger.list(&Filter::default()).await.unwrap()
}

#[tokio::test]
async fn a_due_time_has_one_row_whoever_asks() {
    let (_, ledger) = ledger().await;
    assert!(ledger.due("guard", "quota", "v1", Some(NINE)).await.unwrap().is_some());
    // A new version of the script does not make the time due again.
    assert!(ledger.due("guard", "quota", "v2", Some(NINE)).await.unwrap().is_none());
    assert!(
        !ledger
            .record("guard", "quota", "v2", Some(NINE), None, State::Missed, &Error::new(Kind::Cancelled, "why"))
            .await
            .unwrap()
    );
    assert!(ledger.due("guard", "other", "v1", Some(NINE)).await.unwrap().is_some());
    assert!(ledger.due("guard", "quota", "v1", Some(NINE + Duration::from_millis(1))).await.unwrap().is_some());
    assert_eq!(all(&ledger).await.len(), 3);
}

#[tokio::test]
async fn runs_that_nothing_was_due_for_are_all_kept() {
    let (_, ledger) = ledger().await;
    for _ in 0..3 {
        assert!(ledger.due("guard", "hook", "v1", None).await.unwrap().is_some());
    }
    assert_eq!(all(&ledger).await.len(), 3);
    assert_eq!(ledger.last_scheduled("guard", "hook").await.unwrap(), None);
}

#[tokio::test]
async fn a_run_goes_from_due_to_its_end() {
    let (clock, ledger) = ledger().await;
    let id = ledger.due("guard", "quota", "v1", Some(NINE)).await.unwrap().unwrap();
    let entry = all(&ledger).await.remove(0);
    assert_eq!((entry.state, entry.attempt, entry.started, entry.ended), (State::Due, 0, None, None));
    clock.advance(Duration::from_seconds(1));
    ledger.begin(&id, 1).await.unwrap();
    let started = all(&ledger).await.remove(0).started;
    assert!(started.is_some());
    let error = Error::new(Kind::Api, "no").code(700_005).status(200).at(Some("guard.rhai"), Some(3), Some(7));
    clock.advance(Duration::from_seconds(1));
    ledger.finish(&id, State::Failed, Some(&error), 2, false, &json!({"calls": [1, 2]})).await.unwrap();
    // Another attempt is the same row.
    clock.advance(Duration::from_seconds(1));
    ledger.begin(&id, 2).await.unwrap();
    assert_eq!(all(&ledger).await[0].ended, None);
    clock.advance(Duration::from_seconds(1));
    ledger.finish(&id, State::TimedOut, Some(&error), 3, true, &json!({"calls": [3]})).await.unwrap();
    let entry = all(&ledger).await.remove(0);
    assert_eq!((entry.state, entry.attempt, entry.calls, entry.changed), (State::TimedOut, 2, 3, true));
    assert_eq!((entry.started, entry.scheduled), (started, Some(NINE)));
    assert_eq!(entry.ended.unwrap() - entry.started.unwrap(), Duration::from_seconds(3));
    assert_eq!(entry.error, Some(error));
    assert_eq!(ledger.trace(&id).await.unwrap(), Some(json!({"calls": [3]})));
    assert_eq!(ledger.trace("nobody").await.unwrap(), None);
    assert_eq!(ledger.begin("nobody", 1).await.unwrap_err().kind, Kind::Internal);
}

#[tokio::test]
async fn json_is_the_contract() {
    let (_, ledger) = ledger().await;
    let id = ledger.due("guard", "quota", "v1", Some(NINE)).await.unwrap().unwrap();
    ledger.begin(&id, 1).await.unwrap();
    let mut json = serde_json::to_value(&all(&ledger).await[0]).unwrap();
    let object = json.as_object_mut().unwrap();
    let keys: Vec<_> = object.keys().map(String::as_str).collect();
    let expected = "id script trigger version scheduled started ended state attempt error calls changed";
    assert_eq!(keys.join(" "), expected);
    assert_eq!(object["scheduled"], "2026-05-28T20:26:40.250Z");
    assert_eq!((&object["state"], &object["ended"], &object["error"]), (&json!("running"), &json!(null), &json!(null)));
    for state in State::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        assert_eq!(State::from_name(state.name()), Some(state));
    }
}

#[tokio::test]
async fn history_is_filtered_and_newest_first() {
    let (clock, ledger) = ledger().await;
    let minute = Duration::from_seconds(60);
    // A time that was missed is recorded later than one that ran, and was due earlier.
    let ran = ledger.due("a", "x", "v", Some(NINE)).await.unwrap().unwrap();
    ledger.begin(&ran, 1).await.unwrap();
    ledger.finish(&ran, State::Ok, None, 1, true, &Value::Null).await.unwrap();
    assert_eq!(ledger.record_all("a", "x", "v", &[NINE - minute, NINE], State::Missed).await.unwrap(), 1);
    ledger
        .record("a", "y", "v", Some(NINE + minute), None, State::Skipped, &Error::new(Kind::Cancelled, "why"))
        .await
        .unwrap();
    clock.advance(minute + minute);
    ledger.due("b", "x", "v", None).await.unwrap();
    let states = |entries: Vec<Entry>| entries.iter().map(|entry| entry.state.name()).collect::<Vec<_>>().join(" ");
    assert_eq!(states(all(&ledger).await), "due skipped ok missed");
    let list = async |filter: Filter| states(ledger.list(&filter).await.unwrap());
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(list(Filter { script: some("a"), ..Filter::default() }).await, "skipped ok missed");
    assert_eq!(list(Filter { script: some("a"), trigger: some("x"), ..Filter::default() }).await, "ok missed");
    assert_eq!(list(Filter { state: Some(State::Missed), ..Filter::default() }).await, "missed");
    assert_eq!(list(Filter { n: Some(2), ..Filter::default() }).await, "due skipped");
    assert_eq!(list(Filter { script: some("nobody"), ..Filter::default() }).await, "");
    assert_eq!(ledger.last_scheduled("a", "x").await.unwrap(), Some(NINE));
    assert_eq!(ledger.last_scheduled("a", "nothing").await.unwrap(), None);
}

#[tokio::test]
async fn rows_of_a_dead_process_become_interrupted_once() {
    let folder = tempfile::tempdir().unwrap();
    let dead = Ledger::new(&open(folder.path()).await);
    let done = dead.due("a", "x", "v", Some(NINE)).await.unwrap().unwrap();
    dead.finish(&done, State::Ok, None, 0, false, &Value::Null).await.unwrap();
    let running = dead.due("a", "y", "v", Some(NINE)).await.unwrap().unwrap();
    dead.begin(&running, 1).await.unwrap();
    dead.due("a", "z", "v", Some(NINE + Duration::from_seconds(1))).await.unwrap().unwrap();
    // A second process, alive and working, and a third that starts.
    let alive = Ledger::new(&open(folder.path()).await);
    alive.due("b", "x", "v", Some(NINE)).await.unwrap().unwrap();
    let started = Ledger::new(&open(folder.path()).await);
    assert!(started.adopt().await.unwrap().is_empty());
    started.due("c", "x", "v", Some(NINE)).await.unwrap().unwrap();

    drop(dead);
    // Shown as it is before anybody has said so.
    let interrupted = Filter { state: Some(State::Interrupted), ..Filter::default() };
    assert_eq!(alive.list(&interrupted).await.unwrap().len(), 2);
    let adopted = started.adopt().await.unwrap();
    let triggers: Vec<_> = adopted.iter().map(|entry| entry.trigger.as_str()).collect();
    assert_eq!(triggers, ["y", "z"]);
    assert!(adopted.iter().all(|entry| entry.state == State::Interrupted && entry.error.is_some()));
    assert!(started.adopt().await.unwrap().is_empty());
    let due = Filter { state: Some(State::Due), ..Filter::default() };
    assert_eq!(started.list(&due).await.unwrap().len(), 2);
}

#[tokio::test]
async fn rows_survive_a_process_that_ends_without_closing() {
    let folder = tempfile::tempdir().unwrap();
    let first = Ledger::new(&open(folder.path()).await);
    let id = first.due("a", "x", "v", Some(NINE)).await.unwrap().unwrap();
    first.begin(&id, 1).await.unwrap();
    drop(first);
    let second = Ledger::new(&open(folder.path()).await);
    assert_eq!(all(&second).await[0].state, State::Interrupted);
    assert!(second.due("a", "x", "v", Some(NINE)).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_processes_one_gets_a_due_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let ledger = Ledger::new(&open(folder.path()).await);
        tasks.push(tokio::spawn(async move { ledger.due("a", "x", "v", Some(NINE)).await.unwrap() }));
    }
    let got = futures::future::join_all(tasks).await;
    assert_eq!(got.into_iter().filter(|id| id.as_ref().unwrap().is_some()).count(), 1);
}
