//! The simulated PBH: its door in front, a function by row id behind it.
//!
//! The order at the door is the server's own: User-Agent, unknown route, licence, initialisation,
//! session, lock-out, token.

#![expect(clippy::unnecessary_wraps, reason = "all functions of the table have one signature")]

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::fault::Trouble;
use super::net::{Answer, Ask, Frame, Payload};
use super::reply;
use super::routes::{self, Route};
use super::state::State;
use super::swarm;
use crate::api::Row;
use crate::time::Duration;

mod alerts;
mod bans;
mod charts;
pub(super) mod downloaders;
mod extras;
mod first;
mod general;
mod history;
mod page;
mod rules;
pub(super) mod settings;
mod streams;
mod subscriptions;

/// Wrong tokens that are forgiven.
const PATIENCE: u32 = 10;
/// How long the wrong ones are remembered.
const MEMORY: Duration = Duration::from_seconds(15 * 60);

/// User-Agents with one of these are taken for scanners.
const SCANNERS: [&str; 8] = ["censys", "shodan", "zoomeye", "threatbook", "fofa", "zmap", "nmap", "archive"];

/// A request that was let in.
struct Call<'a> {
    state: &'a mut State,
    row: &'static Row,
    path: Vec<(&'static str, String)>,
    ask: &'a Ask,
}

/// `Err` is an answer too: it lets a function end early.
type Outcome = Result<Answer, Answer>;
type Handler = fn(&mut Call<'_>) -> Outcome;

/// What has a memory or needs more than its shape.
const HANDLERS: &[&[(&str, Handler)]] = &[
    alerts::HANDLERS,
    bans::HANDLERS,
    charts::HANDLERS,
    downloaders::HANDLERS,
    extras::HANDLERS,
    first::HANDLERS,
    general::HANDLERS,
    history::HANDLERS,
    rules::HANDLERS,
    streams::HANDLERS,
    subscriptions::HANDLERS,
];

impl Call<'_> {
    /// What stood in the braces of the path.
    fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str())
    }

    fn old(&self) -> bool {
        self.state.hub.old()
    }

    fn ok(&self, data: Value) -> Answer {
        envelope(self.old(), 200, Value::Null, data)
    }

    /// Done, and a sentence about it.
    fn said(&self, message: &str) -> Answer {
        envelope(self.old(), 200, json!(message), Value::Null)
    }

    fn refuse(&self, status: u16, message: &str) -> Answer {
        envelope(self.old(), status, json!(message), Value::Null)
    }

    /// 400 repeats its message as data.
    fn bad(&self, message: &str) -> Answer {
        bad(self.old(), message)
    }

    /// What malformed JSON and everything unforeseen is answered with.
    fn broken(&self) -> Answer {
        self.refuse(500, BROKEN)
    }

    /// The body as JSON; anything else is a 500.
    fn json(&self) -> Result<Value, Answer> {
        self.ask.json().ok_or_else(|| self.broken())
    }

    /// A number of the query; what is none is a 400.
    fn number(&self, name: &str) -> Result<Option<i64>, Answer> {
        match self.ask.query(name) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| self.bad(&format!("For input string: \"{text}\""))),
        }
    }
}

const BROKEN: &str = "An internal error occurred while handling the request. The server's log has the details of it.";

fn bad(old: bool, message: &str) -> Answer {
    envelope(old, 400, json!(message), json!(message))
}

/// `{success, message, data}`; 9.0.10 has `asyncTask` too.
fn envelope(old: bool, status: u16, message: Value, data: Value) -> Answer {
    succeeded(old, status, status < 300, message, data)
}

fn succeeded(old: bool, status: u16, success: bool, message: Value, data: Value) -> Answer {
    let mut body = Map::new();
    body.insert("success".into(), success.into());
    if old {
        body.insert("asyncTask".into(), Value::Null);
    }
    body.insert("message".into(), message);
    body.insert("data".into(), data);
    Answer::json(status, &Value::Object(body))
}

pub(super) fn answer(state: &mut State, ask: &Ask, troubles: &[Trouble]) -> Answer {
    let (old, head) = (state.hub.old(), ask.method == "HEAD");
    let mut answer = door(state, ask, troubles);
    if !answer.headers.iter().any(|(name, _)| *name == "server") {
        let protocol = if old { "2.0.0 BTN-Protocol-Version/12" } else { "2.0.1 BTN-Protocol-Version/20" };
        answer = answer.with("server", format!("PeerBanHelper/{} BTN-Protocol/{protocol}", state.hub.release));
    }
    if head {
        answer.body = Payload::Whole(Vec::new());
        // The real one has no type for what it does not send.
        if answer.status == 200 && !(old && answer.is_html()) {
            answer.headers.retain(|(name, _)| *name != "content-type");
            answer.headers.push(("content-type", "text/plain".into()));
        }
    }
    answer
}

fn door(state: &mut State, ask: &Ask, troubles: &[Trouble]) -> Answer {
    let old = state.hub.old();
    let scanner = ask.header("user-agent").is_none_or(|agent| {
        let agent = agent.to_lowercase();
        agent.trim().is_empty() || SCANNERS.iter().any(|scanner| agent.contains(scanner))
    });
    let route = routes::pbh(ask, state.hub.version);
    if ask.method == "WS" {
        return socket(state, ask, route);
    }
    if scanner && (old || route.is_some() || ask.method == "OPTIONS" || wants_html(ask)) {
        return imitation(old);
    }
    if ask.method == "OPTIONS" {
        return Answer::text(200, "");
    }
    if old && ask.method == "HEAD" {
        return if route.is_some() { Answer::text(200, "") } else { Answer::html(200) };
    }
    // Since 9.3.3 the routes of the first run are not there once it is over when the server starts.
    let route =
        route.filter(|route| old || !state.hub.initialised_at_start || !route.row.path.starts_with("/api/oobe/"));
    let Some(Route { row, path }) = route else { return unmatched(old, ask) };
    if row.id == "auth_login" && !state.hub.initialised {
        return location(old);
    }
    if !row.extra.open
        && let Err(refused) = admit(state, row, ask, troubles)
    {
        return refused;
    }
    let handler = HANDLERS.iter().copied().flatten().find(|(id, _)| *id == row.id).map(|(_, handler)| *handler);
    let version = state.hub.version;
    let mut call = Call { state, row, path, ask };
    match handler {
        Some(handler) => handler(&mut call).unwrap_or_else(|answer| answer),
        None => call.ok(reply::sample(&call.row.returns, version)),
    }
}

/// A WebSocket opens for everybody; a refusal is how it is closed.
fn socket(state: &mut State, ask: &Ask, route: Option<Route>) -> Answer {
    let old = state.hub.old();
    let Some(Route { row, path }) = route else {
        return if old {
            Answer::new(
                404,
                "text/html;charset=iso-8859-1",
                "<html><head><title>Error 404 Not Found</title></head></html>\n",
            )
        } else {
            absent(ask)
        };
    };
    let Some((_, handler)) = HANDLERS.iter().copied().flatten().find(|(id, _)| *id == row.id) else {
        return streams::frames(futures::stream::empty());
    };
    // It looks at who connects, whatever a proxy says, and a session does not open it.
    let mut direct = HeaderMap::new();
    if let Some(given) = ask.headers.get("authorization") {
        direct.insert("authorization", given.clone());
    }
    let bare = Ask {
        headers: direct,
        query: ask.query.clone(),
        body: Bytes::new(),
        method: ask.method.clone(),
        path: ask.path.clone(),
    };
    if let Err(refused) = token(state, &bare, &[]) {
        let code = if refused.status == 429 { 1013 } else { 1008 };
        let Payload::Whole(reason) = refused.body else { return streams::frames(futures::stream::empty()) };
        let reason = String::from_utf8_lossy(&reason).into_owned();
        return streams::frames(futures::stream::iter([Frame::Close(code, reason)]));
    }
    let mut call = Call { state, row, path, ask };
    handler(&mut call).unwrap_or_else(|answer| answer)
}

/// Licence, initialisation, then session, lock-out and token.
fn admit(state: &mut State, row: &Row, ask: &Ask, troubles: &[Trouble]) -> Result<(), Answer> {
    let hub = &state.hub;
    let needs_licence = row.extra.licence_until.is_some_and(|until| hub.version <= crate::api::version(until));
    if needs_licence && hub.settings.licences.is_empty() {
        let message = json!("This needs a licence of PBH Plus");
        return Err(envelope(hub.old(), 402, message.clone(), message));
    }
    if !hub.initialised {
        return Err(location(hub.old()));
    }
    token(state, ask, troubles)
}

/// Not initialised: the first run is elsewhere.
fn location(old: bool) -> Answer {
    let message = json!("The server is not initialised yet");
    envelope(old, 303, message, json!({"location": "/init"})).with("location", "/init")
}

/// Session, lock-out, token.
fn token(state: &mut State, ask: &Ask, troubles: &[Trouble]) -> Result<(), Answer> {
    let (old, now, hub) = (state.hub.old(), state.now, &mut state.hub);
    let expired = troubles.contains(&Trouble::Expired);
    if !expired && session(ask).is_some_and(|id| hub.sessions.iter().any(|known| known == id)) {
        return Ok(());
    }
    locked_out(state, ask)?;
    let hub = &mut state.hub;
    // A query token is looked at only without any Authorization header.
    let given = match ask.header("authorization") {
        Some(header) => header.strip_prefix("Bearer "),
        None => ask.query("token"),
    };
    if !expired && given == Some(hub.token.as_str()) {
        hub.wrong.remove(&network(ask));
        return Ok(());
    }
    if given.is_some() {
        fail(hub, network(ask), now);
    }
    Err(envelope(old, 403, json!("Not logged in, or the token has changed"), Value::Null))
}

fn fail(hub: &mut super::hub::Hub, network: String, now: crate::time::Time) {
    hub.wrong.entry(network).or_insert((0, now)).0 += 1;
}

/// More than ten wrong tokens from one network lock out the right one too, for a quarter of an hour.
fn locked_out(state: &mut State, ask: &Ask) -> Result<(), Answer> {
    let (old, now, wrong) = (state.hub.old(), state.now, &mut state.hub.wrong);
    wrong.retain(|_, (_, since)| now - *since < MEMORY);
    if wrong.get(&network(ask)).is_some_and(|(count, _)| *count > PATIENCE) {
        let message = json!("Too many failed attempts, try again in a quarter of an hour");
        return Err(envelope(old, 429, message, Value::Null));
    }
    Ok(())
}

/// Who a request counts for: a /24 or a /50. Behind a local proxy the proxy says who asks.
fn network(ask: &Ask) -> String {
    let headers = ["cf-connecting-ip", "x-real-ip", "x-forwarded-for", "proxy-client-ip", "wl-proxy-client-ip"];
    let said = headers.iter().find_map(|name| ask.header(name)).unwrap_or("127.0.0.1");
    let ip = super::hub::parse(said).addr();
    let net = ipnet::IpNet::new(ip, if ip.is_ipv4() { 24 } else { 50 });
    net.map_or_else(|_| ip.to_string(), |net| net.trunc().to_string())
}

fn session(ask: &Ask) -> Option<&str> {
    ask.cookie("JSESSIONID")
}

fn wants_html(ask: &Ask) -> bool {
    let accept = ask.header("accept").unwrap_or("*/*");
    accept.contains("*/*") || accept.contains("text/html")
}

/// A 404 that looks like another server's.
fn imitation(old: bool) -> Answer {
    let text = if old {
        "404 not found".to_owned()
    } else {
        "<html>\n<head><title>404 Not Found</title></head>\n<body>\n<center><h1>404 Not Found</h1></center>\n<hr><center>nginx</center>\n</body>\n</html>\n".to_owned()
    };
    Answer::text(404, text).with("server", "nginx")
}

/// What a route that is not there looks like.
fn unmatched(old: bool, ask: &Ask) -> Answer {
    let get = matches!(ask.method.as_str(), "GET" | "HEAD");
    let api = ask.path.starts_with("/api");
    let config = ask.path.strip_prefix("/api/general/").is_some_and(|name| !name.is_empty() && !name.contains('/'));
    if config && matches!(ask.method.as_str(), "GET" | "PUT") {
        return Answer::text(404, "");
    }
    if get && wants_html(ask) && (old || !api) {
        return Answer::html(200);
    }
    if !old {
        return absent(ask);
    }
    if get && ask.header("accept").is_some_and(|accept| accept.contains("text/event-stream")) {
        return Answer::text(404, "Not Found");
    }
    let title = format!("Endpoint {} {} not found", ask.method, ask.path);
    Answer::json(
        404,
        &json!({
            "title": title, "status": 404, "type": "https://javalin.io/documentation#endpointnotfound", "details": {},
        }),
    )
}

/// How 9.5.0 says that a route is not there.
fn absent(ask: &Ask) -> Answer {
    let method = if ask.method == "WS" { "GET" } else { &ask.method };
    let message = format!("There is no route {method} {} on this server, or its module is off", ask.path);
    envelope(false, 405, json!(message), Value::Null)
}

/// Logs in by the body's token and sets the session's cookie.
fn login(call: &mut Call<'_>) -> Outcome {
    let now = call.state.now;
    if call.ask.body.is_empty() {
        return Err(call.refuse(400, "The request has no body"));
    }
    locked_out(call.state, call.ask)?;
    let body = call.json()?;
    let Value::Object(fields) = &body else { return Err(call.broken()) };
    let given = fields.get("token").map(|token| token.as_str().map_or_else(|| token.to_string(), ToOwned::to_owned));
    let hub = &mut call.state.hub;
    if given.as_deref() != Some(hub.token.as_str()) {
        fail(hub, network(call.ask), now);
        return Err(call.refuse(401, "The token is wrong"));
    }
    hub.wrong.remove(&network(call.ask));
    hub.invented += 1;
    let id = format!("node0{}", swarm::hex(24, hub.seed, &[hub.invented]));
    hub.sessions.push(id.clone());
    Ok(call.said("Logged in").with("set-cookie", format!("JSESSIONID={id}; Path=/; HttpOnly; SameSite=Lax")))
}

fn logout(call: &mut Call<'_>) -> Outcome {
    let id = session(call.ask).map(ToOwned::to_owned);
    call.state.hub.sessions.retain(|known| Some(known) != id.as_ref());
    Ok(call.said("success"))
}
