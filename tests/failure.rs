//! Services that do not answer, and what is not affected by them.

use std::net::TcpListener;

use tidegate::error::Kind;
use tidegate::ledger::State;

use crate::harness::{Home, minutes};

/// An address where nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("its address"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_service_fails_one_run_and_no_other() {
    let home = Home::with(&format!("[vps.dead]\nveid = 1\napi_key = \"key\"\nurl = \"{}\"", nowhere()));
    home.script(
        "ask",
        r#"cron("*/10 * * * *", "ask", || vps("dead").get_service_info());
           cron("*/10 * * * *", "well", || info("well"));"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(25)).await;
    let rows = world.history().await;
    let asked: Vec<_> = rows.iter().filter(|row| row.trigger == "ask").collect();
    assert_eq!(asked.len(), 2);
    for row in asked {
        let error = row.error.as_ref().expect("its error");
        assert_eq!((row.state, error.kind), (State::Failed, Kind::Transport), "{error:?}");
        assert_eq!(error.endpoint.as_deref(), Some("get_service_info"));
        assert_eq!(error.line, Some(1));
    }
    assert_eq!(world.said(), ["well", "well"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_never_ends_is_stopped_by_its_budget() {
    let home = Home::with("[limits]\noperations = 100000");
    home.script(
        "spin",
        r#"cron("*/10 * * * *", "spin", || loop { try { loop {} } catch {} });
           cron("*/10 * * * *", "well", || info("well"));"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(10)).await;
    let spin = world.history().await.into_iter().find(|row| row.trigger == "spin").unwrap();
    assert_eq!((spin.state, spin.error.unwrap().kind), (State::Failed, Kind::Limit));
    assert_eq!(world.said(), ["well"]);
}
