use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::database::tests::{Hand, memory, open};

const HOUR: Duration = Duration::from_seconds(3600);

async fn store() -> (Arc<Hand>, Store) {
    let (clock, database) = memory().await;
    (clock, Store::new(&database))
}

#[tokio::test]
async fn values_come_back_as_they_were() {
    let (_, store) = store().await;
    for value in [
        json!(null),
        json!(7),
        json!(7.0),
        json!(0.1 + 0.2),
        json!(f64::MAX),
        json!(i64::MIN),
        json!("流量 \u{0} \"'; DROP TABLE state"),
        json!([1, [2.5, {"b": 1, "a": null}]]),
    ] {
        store.set("s", "k", &value, None).await.unwrap();
        let read = store.get("s", "k").await.unwrap().unwrap();
        assert_eq!(read, value);
        assert_eq!(read.is_f64(), value.is_f64());
    }
    assert_eq!(store.get("other", "k").await.unwrap(), None);
}

#[tokio::test]
async fn values_survive_a_process_that_ends_without_closing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(&open(folder.path()).await);
    store.set("s", "k", &json!({"a": 1}), None).await.unwrap();
    store.add("s", "n", &5.into(), None).await.unwrap();
    // What another process sees while the first still holds everything open is what a crash leaves.
    let other = Store::new(&open(folder.path()).await);
    assert_eq!(other.get("s", "k").await.unwrap(), Some(json!({"a": 1})));
    drop((store, other));
    let reopened = Store::new(&open(folder.path()).await);
    assert_eq!(reopened.get("s", "n").await.unwrap(), Some(json!(5)));
}

#[tokio::test]
async fn what_has_outlived_its_time_is_absent() {
    let (clock, store) = store().await;
    store.set("s", "short", &json!(1), Some(HOUR)).await.unwrap();
    store.set("s", "long", &json!(2), None).await.unwrap();
    clock.advance(HOUR - Duration::from_millis(1));
    assert_eq!(store.keys("s", "").await.unwrap(), ["long", "short"]);
    clock.advance(Duration::from_millis(1));
    assert_eq!(store.get("s", "short").await.unwrap(), None);
    assert_eq!(store.keys("s", "").await.unwrap(), ["long"]);
    assert!(!store.delete("s", "short").await.unwrap());
    assert!(store.compare_and_set("s", "short", None, &json!(3)).await.unwrap());
    // Without a time to live, setting takes away the old one.
    store.set("s", "kept", &json!(1), Some(HOUR)).await.unwrap();
    store.set("s", "kept", &json!(1), None).await.unwrap();
    clock.advance(HOUR + HOUR);
    assert_eq!(store.get("s", "kept").await.unwrap(), Some(json!(1)));
}

#[tokio::test]
async fn expired_values_do_not_pile_up() {
    let (clock, store) = store().await;
    for n in 0..10 {
        store.once("s", &n.to_string(), Some(HOUR)).await.unwrap();
        clock.advance(HOUR);
    }
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM state").fetch_one(store.0.pool()).await.unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn adding_keeps_whole_numbers_whole() {
    let (clock, store) = store().await;
    let float = |n: f64| Number::from_f64(n).unwrap();
    assert_eq!(store.add("s", "n", &2.into(), Some(HOUR)).await.unwrap(), json!(2));
    clock.advance(HOUR - Duration::from_seconds(1));
    assert_eq!(store.add("s", "n", &(-5).into(), Some(HOUR)).await.unwrap(), json!(-3));
    // The time to live runs from the first addition.
    clock.advance(Duration::from_seconds(1));
    assert_eq!(store.add("s", "n", &float(0.5), None).await.unwrap(), json!(0.5));
    assert_eq!(store.add("s", "n", &1.into(), None).await.unwrap(), json!(1.5));
    store.set("s", "big", &json!(i64::MAX), None).await.unwrap();
    assert_eq!(store.add("s", "big", &1.into(), None).await.unwrap_err().kind, Kind::Argument);
    store.set("s", "huge", &json!(f64::MAX), None).await.unwrap();
    assert_eq!(store.add("s", "huge", &float(f64::MAX), None).await.unwrap_err().kind, Kind::Argument);
    store.set("s", "text", &json!("7"), None).await.unwrap();
    let error = store.add("s", "text", &1.into(), None).await.unwrap_err();
    assert!(error.kind == Kind::Type && error.message.contains("`text` holds text"), "{error}");
    // A refused addition changes nothing.
    assert_eq!(store.get("s", "big").await.unwrap(), Some(json!(i64::MAX)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn additions_of_several_processes_all_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let store = Store::new(&open(folder.path()).await);
        tasks.push(tokio::spawn(async move {
            for _ in 0..25 {
                store.add("s", "n", &1.into(), None).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let store = Store::new(&open(folder.path()).await);
    assert_eq!(store.get("s", "n").await.unwrap(), Some(json!(100)));
}

#[tokio::test]
async fn once_is_true_once_per_period() {
    let (clock, store) = store().await;
    assert!(store.once("s", "told", Some(HOUR)).await.unwrap());
    clock.advance(HOUR - Duration::from_seconds(1));
    assert!(!store.once("s", "told", Some(HOUR)).await.unwrap());
    clock.advance(Duration::from_seconds(1));
    assert!(store.once("s", "told", Some(HOUR)).await.unwrap());
    assert!(store.once("s", "ever", None).await.unwrap());
    clock.advance(HOUR);
    assert!(!store.once("s", "ever", None).await.unwrap());
}

#[tokio::test]
async fn compare_and_set_sets_only_what_is_as_it_was() {
    let (_, store) = store().await;
    assert!(store.compare_and_set("s", "k", None, &json!(1)).await.unwrap());
    assert!(!store.compare_and_set("s", "k", None, &json!(2)).await.unwrap());
    assert!(!store.compare_and_set("s", "k", Some(&json!(1.0)), &json!(2)).await.unwrap());
    assert!(store.compare_and_set("s", "k", Some(&json!(1)), &json!({"b": 0.1 + 0.2, "a": 1})).await.unwrap());
    // The order of keys is no difference.
    assert!(store.compare_and_set("s", "k", Some(&json!({"a": 1, "b": 0.1 + 0.2})), &json!(3)).await.unwrap());
    assert_eq!(store.get("s", "k").await.unwrap(), Some(json!(3)));
}

#[tokio::test]
async fn a_commit_is_all_or_nothing() {
    let (_, store) = store().await;
    store.set("s", "a", &json!(1), None).await.unwrap();
    store.set("s", "gone", &json!(1), None).await.unwrap();
    let reads = vec![("a".to_owned(), Some(json!(1))), ("b".to_owned(), None)];
    let writes = vec![("a".to_owned(), Some(json!(2))), ("b".to_owned(), Some(json!(2))), ("gone".to_owned(), None)];
    assert!(store.commit("s", reads.clone(), writes.clone()).await.unwrap());
    assert_eq!(store.keys("s", "").await.unwrap(), ["a", "b"]);
    // The same again: what it read has changed.
    store.set("s", "gone", &json!(1), None).await.unwrap();
    assert!(!store.commit("s", reads, writes).await.unwrap());
    assert_eq!(store.get("s", "gone").await.unwrap(), Some(json!(1)));
    // A write that is refused takes the others back.
    let writes = vec![("a".to_owned(), Some(json!(9))), (String::new(), Some(json!(9)))];
    assert_eq!(store.commit("s", vec![], writes).await.unwrap_err().kind, Kind::Argument);
    assert_eq!(store.get("s", "a").await.unwrap(), Some(json!(2)));
}

#[tokio::test]
async fn keys_are_found_by_their_beginning_taken_literally() {
    let (_, store) = store().await;
    for key in ["a%b", "a_b", "aXb", "流量-1", "流量-2", "z"] {
        store.set("s", key, &json!(1), None).await.unwrap();
    }
    assert_eq!(store.keys("s", "a_").await.unwrap(), ["a_b"]);
    assert_eq!(store.keys("s", "a%").await.unwrap(), ["a%b"]);
    assert_eq!(store.keys("s", "流量").await.unwrap(), ["流量-1", "流量-2"]);
    assert_eq!(store.keys("s", "").await.unwrap().len(), 6);
    assert!(store.keys("other", "").await.unwrap().is_empty());
}

#[tokio::test]
async fn keys_have_a_length() {
    let (_, store) = store().await;
    for key in [String::new(), "k".repeat(LONGEST_KEY + 1)] {
        assert_eq!(store.set("s", &key, &json!(1), None).await.unwrap_err().kind, Kind::Argument);
    }
    store.set("s", &"k".repeat(LONGEST_KEY), &json!(1), None).await.unwrap();
}
