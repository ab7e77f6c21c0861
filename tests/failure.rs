//! Services that do not answer, and what is not affected by them.

use std::net::TcpListener;

use tidegate::error::Kind;
use tidegate::ledger::State;
use tidegate::sim::{Fault, Trouble};

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

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_not_answering_is_one_error_and_passes() {
    let home = Home::new();
    home.script("ask", r#"cron("*/10 * * * *", "ask", || pbh().bans_list().len());"#);
    let (mut world, sim) = home.start_in_sim().await;
    let troubles = [
        (Trouble::Drop, Kind::Transport),
        (Trouble::Cut, Kind::Transport),
        (Trouble::Html, Kind::Protocol),
        (Trouble::Truncate, Kind::Protocol),
        (Trouble::Empty, Kind::Protocol),
        (Trouble::Status(502), Kind::Http),
        (Trouble::RateLimit, Kind::RateLimit),
        (Trouble::Latency(minutes(9)), Kind::Timeout),
    ];
    // Halfway between two due times, so that what is tried again comes to its end.
    world.advance(minutes(5)).await;
    for (effect, kind) in troubles {
        sim.world().fault(Fault {
            service: Some("pbh".into()),
            instance: None,
            route: None,
            effect,
            count: None,
            after: None,
            duration: None,
        });
        world.advance(minutes(10)).await;
        let row = world.history().await.pop().unwrap();
        let error = row.error.as_ref().map(|error| (error.kind, error.service.as_deref()));
        assert_eq!((row.state, error), (State::Failed, Some((kind, Some("pbh")))), "{effect:?}: {row:?}");
        sim.world().heal();
        world.advance(minutes(10)).await;
        let row = world.history().await.pop().unwrap();
        assert_eq!(row.state, State::Ok, "after {effect:?}: {:?}", row.error);
    }
}
