//! Logs, tasks and block lists.

use std::fmt::Write as _;
use std::io;

use axum::body::Bytes;
use futures::StreamExt as _;
use futures::stream;
use ipnet::IpNet;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{Call, Handler, Outcome};
use crate::sim::hub::{list_form, text_of};
use crate::sim::net::{Answer, Frame, Payload};
use crate::sim::swarm;

pub(super) const HANDLERS: &[(&str, Handler)] = &[
    ("logs_history", |call| {
        let lines: Vec<&Value> = call.state.hub.settings.logs.lines.iter().collect();
        Ok(call.ok(json!(lines)))
    }),
    ("logs_live", logs),
    ("tasks_live", tasks),
    ("logs_stream_ws", log_frames),
    ("tasks_stream_ws", |call| {
        let (known, new) = known_tasks(call);
        Ok(frames(stream::iter(known).chain(new).map(|task| Frame::Text(task.to_string()))))
    }),
    ("async_task_stream_ws", |_| Ok(frames(stream::iter([Frame::Text(UNKNOWN_TASK.into())])))),
    ("async_tasks_list", |call| Ok(call.ok(json!([])))),
    ("blocklist_ip", blocklist_ip),
    ("blocklist_p2p", blocklist_p2p),
    ("blocklist_dat", blocklist_dat),
];

/// Anyone who does not ask for events gets an empty text.
fn asks_for_events(call: &Call<'_>) -> bool {
    call.ask.header("accept").is_some_and(|accept| accept.contains("text/event-stream"))
}

fn event(data: &Value) -> Result<Bytes, io::Error> {
    Ok(Bytes::from(format!("event: message\ndata: {data}\n\n")))
}

fn events(first: Vec<Value>, then: impl futures::Stream<Item = Value> + Send + 'static) -> Answer {
    let body = stream::iter(first).chain(then).map(|data| event(&data)).boxed();
    Answer {
        status: 200,
        headers: vec![("content-type", "text/event-stream;charset=utf-8".into())],
        body: Payload::Stream(body),
    }
}

/// The lines that are kept, then every new one.
fn logs(call: &mut Call<'_>) -> Outcome {
    if !asks_for_events(call) {
        return Ok(Answer::text(200, ""));
    }
    let logs = &call.state.hub.settings.logs;
    Ok(events(logs.lines.iter().cloned().collect(), news(&logs.live)))
}

/// What is told from now on.
fn news(live: &broadcast::Sender<Value>) -> impl futures::Stream<Item = Value> + Send + 'static {
    stream::unfold(live.subscribe(), |mut receiver| async {
        loop {
            match receiver.recv().await {
                Ok(line) => return Some((line, receiver)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    })
}

/// An open WebSocket.
pub(super) fn frames(frames: impl futures::Stream<Item = Frame> + Send + 'static) -> Answer {
    Answer { status: 101, headers: vec![("content-type", "text/plain".into())], body: Payload::Socket(frames.boxed()) }
}

/// Each line in an envelope: those after `offset`, all of them where that is above what there is, then new ones.
fn log_frames(call: &mut Call<'_>) -> Outcome {
    let offset = match call.ask.query("offset").map(str::parse::<u64>) {
        None => 0,
        Some(Ok(offset)) => offset,
        Some(Err(_)) => {
            let reason = format!("For input string: \"{}\"", call.ask.query("offset").unwrap_or_default());
            return Ok(frames(stream::iter([Frame::Close(1011, reason)])));
        }
    };
    let logs = &call.state.hub.settings.logs;
    let number = |line: &Value| line["offset"].as_u64().unwrap_or(0);
    let last = logs.lines.back().map_or(0, number);
    let kept: Vec<_> = logs.lines.iter().filter(|line| offset > last || number(line) > offset).cloned().collect();
    let old = call.old();
    let framed = move |line: Value| {
        let envelope = if old {
            json!({"success": true, "asyncTask": null, "message": null, "data": line})
        } else {
            json!({"success": true, "message": null, "data": line})
        };
        Frame::Text(envelope.to_string())
    };
    Ok(frames(stream::iter(kept).chain(news(&logs.live)).map(framed)))
}

/// The connection stays open after it.
const UNKNOWN_TASK: &str =
    r#"{"success":false,"action":"ALERT","data":{"level":"ERROR","message":"There is no task of this id"}}"#;

/// The tasks that there are, then each change of one.
fn tasks(call: &mut Call<'_>) -> Outcome {
    if !asks_for_events(call) {
        return Ok(Answer::text(200, ""));
    }
    let (known, new) = known_tasks(call);
    Ok(events(known, new))
}

fn known_tasks(call: &Call<'_>) -> (Vec<Value>, impl futures::Stream<Item = Value> + Send + 'static) {
    let tasks = &call.state.hub.settings.tasks;
    (tasks.known.clone(), news(&tasks.live))
}

/// What is exported; since 9.1 an IPv6 address stands for its /52.
fn nets(call: &Call<'_>) -> Vec<IpNet> {
    let widen = |net: IpNet| match net {
        IpNet::V6(net) if !call.old() && net.prefix_len() > 52 => {
            ipnet::Ipv6Net::new(net.addr(), 52).map_or(IpNet::V6(net), |net| IpNet::V6(net.trunc()))
        }
        net => net,
    };
    call.state.hub.bans.values().map(|ban| widen(ban.net)).collect()
}

fn range(net: IpNet, long: bool) -> String {
    let form = |ip: std::net::IpAddr| list_form(ip.into(), long);
    format!("{}-{}", form(net.network()), form(net.broadcast()))
}

fn blocklist_ip(call: &mut Call<'_>) -> Outcome {
    let long = call.old();
    let mut text = String::new();
    for net in nets(call) {
        let _ = writeln!(text, "{}", if long { list_form(net, true) } else { text_of(net) });
    }
    Ok(Answer::text(200, text))
}

/// Transmission cannot take an empty list; 9.5.0 gives it a line for nobody.
fn blocklist_p2p(call: &mut Call<'_>) -> Outcome {
    let (nets, seed, long) = (nets(call), call.state.hub.seed, call.old());
    let transmission = call.ask.header("user-agent").is_some_and(|agent| agent.contains("Transmission"));
    if nets.is_empty() && transmission && !long {
        return Ok(Answer::text(200, "TransmissionWorkaround:127.127.127.127-127.127.127.127"));
    }
    let mut text = String::new();
    for net in nets {
        let name = swarm::hex(32, seed, &[swarm::key(&net.to_string())]);
        let _ = writeln!(text, "{name}:{}", range(net, long));
    }
    Ok(Answer::text(200, text))
}

fn blocklist_dat(call: &mut Call<'_>) -> Outcome {
    let (nets, seed, long) = (nets(call), call.state.hub.seed, call.old());
    let mut text = String::new();
    for net in nets {
        let name = swarm::hex(32, seed, &[swarm::key(&net.to_string())]);
        let _ = writeln!(text, "{} , 000 , {name}", range(net, long).replacen('-', " - ", 1));
    }
    Ok(Answer::text(200, text))
}
