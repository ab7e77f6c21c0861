//! Messages arrive where they should, once where that is asked for, and failures are seen.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tidegate::error::Kind;
use tidegate::journal::Level;
use tidegate::notify::Message;
use tidegate::time::Duration;

use super::rig::{demo, run};

fn message() -> Message {
    Message {
        title: Some("Quota".into()),
        level: Level::Warn,
        script: Some("guard".into()),
        ..Message::new("93.5 % used")
    }
}

#[test]
fn without_a_channel_there_is_the_log() {
    demo(|rig| async move {
        assert!(rig.host.notifier.send(&message(), &rig.talk()).await.unwrap());
        let lines = rig.journal.take();
        assert_eq!((lines[0].event.as_str(), lines[0].message.as_str()), ("notify", "Quota: 93.5 % used"));
        assert_eq!((lines[0].level, lines[0].script.as_deref()), (Level::Warn, Some("guard")));
        let call = &rig.calls()[0];
        assert_eq!((call.service.as_str(), call.endpoint.as_str(), call.ok), ("notify", "log", true));
        let lost = Message { to: Some(vec!["phone".into()]), ..message() };
        let error = rig.host.notifier.send(&lost, &rig.talk()).await.unwrap_err();
        assert!(error.kind == Kind::Argument && error.hint.is_some());
    });
}

#[test]
fn a_key_is_heard_once_per_period() {
    demo(|rig| async move {
        let keyed = Message { key: Some("quota".into()), every: Some(Duration::from_seconds(3600)), ..message() };
        assert!(rig.host.notifier.send(&keyed, &rig.talk()).await.unwrap());
        assert!(!rig.host.notifier.send(&keyed, &rig.talk()).await.unwrap());
        let other = Message { script: Some("report".into()), ..keyed.clone() };
        assert!(rig.host.notifier.send(&other, &rig.talk()).await.unwrap(), "a key is the script's own");
        rig.wait(3601).await;
        assert!(rig.host.notifier.send(&keyed, &rig.talk()).await.unwrap());
        let error = rig.host.notifier.send(&Message { key: None, ..keyed }, &rig.talk()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Argument);
    });
}

/// What a provider heard, and the status it answers with.
#[derive(Clone, Default)]
struct Provider(Arc<Mutex<(Vec<Value>, u16)>>);

impl Provider {
    fn listen(&self) -> String {
        let heard = self.clone();
        let hear = async move |body: axum::Json<Value>| {
            let mut state = heard.0.lock().unwrap();
            state.0.push(body.0);
            StatusCode::from_u16(state.1).unwrap()
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(hear))).await });
        format!("http://{address}/hook")
    }
}

#[test]
fn a_webhook_gets_json_and_its_failure_is_seen() {
    let provider = Provider::default();
    provider.0.lock().unwrap().1 = 204;
    let listening = provider.clone();
    let more =
        move |_: &tidegate::sim::Sim| format!("[notify.phone]\ntype = \"webhook\"\nurl = {:?}\n", listening.listen());
    run(
        |_| (),
        more,
        |rig| async move {
            rig.host.notifier.send(&message(), &rig.talk()).await.unwrap();
            let heard = provider.0.lock().unwrap().0.remove(0);
            let expected =
                json!({"title": "Quota", "text": "93.5 % used", "level": "warn", "script": "guard", "silent": false});
            assert_eq!(heard, expected);
            let call = &rig.calls()[0];
            assert_eq!((call.endpoint.as_str(), call.status, call.ok), ("phone", Some(204), true));

            provider.0.lock().unwrap().1 = 503;
            let keyed = Message { key: Some("quota".into()), every: Some(Duration::from_seconds(3600)), ..message() };
            let error = rig.host.notifier.send(&keyed, &rig.talk()).await.unwrap_err();
            assert_eq!((error.kind, error.status, error.endpoint.as_deref()), (Kind::Http, Some(503), Some("phone")));
            let lines = rig.journal.take();
            assert!(lines.iter().any(|line| line.event == "warning" && line.level == Level::Warn), "{lines:?}");
            // Nobody has heard it, so it does not count as said.
            provider.0.lock().unwrap().1 = 200;
            assert!(rig.host.notifier.send(&keyed, &rig.talk()).await.unwrap());
        },
    );
}
