//! The listeners: requests in, replies out, and the faults on the way.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::fault::Trouble;
use super::{Service, World};
use crate::time::Duration;

/// How often a WebSocket is asked whether it lives.
const PING: Duration = Duration::from_seconds(15);

/// Largest request that is read.
const LIMIT: usize = 64 << 20;

/// A request, read whole.
pub(super) struct Ask {
    /// `WS` where a WebSocket is asked for, as the tables write it.
    pub method: String,
    /// As sent, still percent-encoded.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Ask {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, with or without a byte order mark.
    pub fn json(&self) -> Option<Value> {
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body);
        serde_json::from_slice(body).ok()
    }

    /// The body as a form, in either of the two encodings that forms have.
    pub fn form(&self) -> Vec<(String, String)> {
        match self.header("content-type").map(multer::parse_boundary) {
            Some(Ok(boundary)) => {
                let text = |(name, value): (String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
                parts(self.body.clone(), boundary).into_iter().map(text).collect()
            }
            _ => pairs(&String::from_utf8_lossy(&self.body)),
        }
    }

    /// A field of a `multipart/form-data` body as it was sent, such as a file.
    pub fn part(&self, name: &str) -> Option<Vec<u8>> {
        let boundary = self.header("content-type").map(multer::parse_boundary)?.ok()?;
        parts(self.body.clone(), boundary).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.header("cookie")?.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    }
}

/// `a=1&b=2` decoded, in order, doubles kept.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').map_or_else(|| (decode(pair), String::new()), |(k, v)| (decode(k), decode(v))))
        .collect()
}

/// The fields of a `multipart/form-data` body up to where it is broken; all of it is here, so nothing waits.
fn parts(body: Bytes, boundary: String) -> Vec<(String, Vec<u8>)> {
    let whole = futures::stream::once(std::future::ready(Ok::<_, io::Error>(body)));
    let fields = futures::stream::unfold(multer::Multipart::new(whole, boundary), |mut form| async {
        let field = form.next_field().await.ok()??;
        let name = field.name().unwrap_or_default().to_owned();
        let value = field.bytes().await.ok()?;
        Some(((name, value.to_vec()), form))
    });
    fields.collect().now_or_never().unwrap_or_default()
}

/// The parts of a path, decoded.
pub(super) fn segments(path: &str) -> Vec<String> {
    path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
}

/// What is sent back.
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Payload,
}

pub(super) enum Payload {
    Whole(Vec<u8>),
    /// Server-sent events and the like.
    Stream(BoxStream<'static, Result<Bytes, io::Error>>),
    /// The frames of a WebSocket; only where one was asked for.
    Socket(BoxStream<'static, Frame>),
    /// No reply at all.
    Nothing,
}

/// What a WebSocket sends.
pub(super) enum Frame {
    Text(String),
    /// Its last word: a code and a reason.
    Close(u16, String),
}

impl Answer {
    pub fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type", kind.into())], body: Payload::Whole(body.into()) }
    }

    pub fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    pub fn text(status: u16, text: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "text/plain", text)
    }

    pub fn html(status: u16) -> Self {
        Self::new(
            status,
            "text/html",
            "<!doctype html>\n<html><head><title>PeerBanHelper</title></head><body></body></html>\n",
        )
    }

    /// The connection is closed without an answer.
    pub const fn nothing() -> Self {
        Self { status: 0, headers: Vec::new(), body: Payload::Nothing }
    }

    pub fn is_html(&self) -> bool {
        self.headers.iter().any(|(name, value)| *name == "content-type" && value.starts_with("text/html"))
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// One service at its port.
#[derive(Clone)]
pub(super) struct Door {
    pub world: World,
    pub service: Service,
}

/// Serves until the world stops.
pub(super) async fn serve(listener: TcpListener, door: Door) {
    let stop = door.world.stopped();
    let app = Router::new().fallback(handle).with_state(door);
    let service = app.into_make_service_with_connect_info::<Wire>();
    let serving = axum::serve(Lines(listener), service).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, "a simulated service ended");
    }
}

async fn handle(State(door): State<Door>, ConnectInfo(wire): ConnectInfo<Wire>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.ok();
    let Ok(body) = axum::body::to_bytes(body, LIMIT).await else {
        return whole(&Answer::text(413, "too large"));
    };
    let ask = Ask {
        method: if upgrade.is_some() { "WS".to_owned() } else { parts.method.to_string() },
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(pairs).unwrap_or_default(),
        headers: parts.headers,
        body,
    };
    let troubles = door.world.arrive(door.service, &ask);
    for trouble in &troubles {
        if let Trouble::Latency(delay) = trouble {
            door.world.wait(*delay).await;
        }
    }
    let mut answer = door.world.answer(door.service, &ask, &troubles);
    let mut cut = false;
    for trouble in &troubles {
        match trouble {
            Trouble::Truncate => {
                if let Payload::Whole(body) = &mut answer.body {
                    body.truncate(body.len() / 2);
                }
            }
            Trouble::Cut => cut = true,
            _ => {}
        }
    }
    match answer.body {
        Payload::Nothing => {
            wire.cut();
            Response::new(Body::empty())
        }
        Payload::Stream(stream) => {
            // Whoever listens wants to hear what happens while nobody asks for anything.
            let beats = futures::stream::unfold(door.world.clone(), |world| async {
                world.beat().await;
                Some((None, world))
            });
            let both = futures::stream::select(stream.map(Some), beats).filter_map(std::future::ready);
            let stream = both.take_until(door.world.stopped().cancelled_owned());
            headed(answer.status, &answer.headers, Body::from_stream(stream))
        }
        Payload::Socket(frames) => match upgrade {
            Some(upgrade) => {
                let world = door.world;
                let mut response = upgrade.on_upgrade(move |socket| converse(socket, frames, world));
                add_headers(&mut response, &answer.headers);
                response
            }
            None => whole(&Answer::text(400, "this is a WebSocket")),
        },
        Payload::Whole(body) if cut => {
            // The length says all of it, the connection ends in the middle.
            let length = body.len();
            let half = Bytes::copy_from_slice(&body[..length / 2]);
            let gone = io::Error::from(io::ErrorKind::ConnectionReset);
            let stream = futures::stream::iter([Ok(half), Err(gone)]);
            let mut headers = answer.headers;
            headers.push(("content-length", length.to_string()));
            headed(answer.status, &headers, Body::from_stream(stream))
        }
        Payload::Whole(_) => whole(&answer),
    }
}

fn whole(answer: &Answer) -> Response {
    let body = match &answer.body {
        Payload::Whole(body) => Body::from(body.clone()),
        Payload::Stream(_) | Payload::Socket(_) | Payload::Nothing => Body::empty(),
    };
    headed(answer.status, &answer.headers, body)
}

fn headed(status: u16, headers: &[(&'static str, String)], body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    add_headers(&mut response, headers);
    response
}

fn add_headers(response: &mut Response, headers: &[(&'static str, String)]) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(*name, value);
        }
    }
}

/// Speaks until one side ends it: frames as they come, an answer to `PING`, a ping of its own now and then.
async fn converse(mut socket: WebSocket, mut frames: BoxStream<'static, Frame>, world: World) {
    let stop = world.stopped();
    let mut open = true;
    let mut ping = world.0.clock.sleep_until(world.0.clock.now() + PING);
    let mut beat = Box::pin(world.beat());
    loop {
        let sent = tokio::select! {
            () = stop.cancelled() => Some(close(1001, "")),
            frame = frames.next(), if open => match frame {
                Some(Frame::Text(text)) => Some(Message::Text(text.into())),
                Some(Frame::Close(code, reason)) => Some(close(code, &reason)),
                None => {
                    open = false;
                    None
                }
            },
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(text))) if text.eq_ignore_ascii_case("ping") => Some(Message::Text("PONG".into())),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => None,
            },
            () = &mut beat => {
                beat = Box::pin(world.beat());
                None
            }
            () = &mut ping => {
                ping = world.0.clock.sleep_until(world.0.clock.now() + PING);
                Some(Message::Ping(Bytes::new()))
            }
        };
        let Some(message) = sent else { continue };
        let last = matches!(message, Message::Close(_));
        if socket.send(message).await.is_err() || last {
            return;
        }
    }
}

fn close(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

/// A listener whose connections can be cut from within a handler.
struct Lines(TcpListener);

impl Listener for Lines {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (Line { stream, wire: Wire::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(&self.0)
    }
}

struct Line {
    stream: TcpStream,
    wire: Wire,
}

/// The handler's end of a connection.
#[derive(Clone, Default)]
struct Wire(Arc<AtomicBool>);

impl Wire {
    fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl Connected<IncomingStream<'_, Lines>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().wire.clone()
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.wire.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.wire.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
