//! A daemon with its server, and plain requests to it as programs and browsers send them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use serde_json::Value;
use tidegate::server::Server;

use crate::harness::{Home, World};

/// A server over a daemon, at a port of its own.
pub struct Served {
    pub world: World,
    pub server: Server,
    pub home: Home,
}

impl Served {
    /// With what is to stand below `[server]`, and one script `hooks`.
    pub async fn new(config: &str, script: &str) -> Self {
        let home = Home::with(&format!("[server]\naddress = \"127.0.0.1:0\"\n{config}"));
        home.script("hooks", script);
        let world = home.start().await;
        Self::over(world, home).await
    }

    pub async fn over(world: World, home: Home) -> Self {
        let server = Server::start(Arc::clone(&world.host), world.daemon.handle()).await.expect("a server");
        Self { world, server, home }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address().expect("an address")
    }

    /// The token of the control API.
    pub fn token(&self) -> String {
        let file = self.home.path("data/control.token");
        std::fs::read_to_string(file).expect("a token").trim().to_owned()
    }

    pub async fn ask(&self, request: &str, headers: &[&str], body: &str) -> (u16, Value) {
        ask(self.address(), request, headers, body).await
    }

    /// An operation of the control API, as its client asks for it.
    pub async fn operate(&self, request: &str, body: &Value) -> (u16, Value) {
        let (method, path) = request.split_once(' ').expect("METHOD PATH");
        let login = format!("Authorization: Bearer {}", self.token());
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask(&format!("{method} /api/v1{path}"), &[&login, "Content-Type: application/json"], &body).await
    }
}

/// One request; the reply's status, and its body as JSON, or as text.
pub async fn ask(address: SocketAddr, request: &str, headers: &[&str], body: &str) -> (u16, Value) {
    let (status, _, body) = whole(address, request, headers, body).await;
    (status, serde_json::from_str(&body).unwrap_or_else(|_| body.into()))
}

/// The same with the headers of the reply.
pub async fn whole(address: SocketAddr, request: &str, headers: &[&str], body: &str) -> (u16, String, String) {
    let text = written(address, request, headers, body);
    let reply = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("a server");
        // The server may refuse a body before all of it has arrived.
        let _ = stream.write_all(text.as_bytes());
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply);
        String::from_utf8_lossy(&reply).into_owned()
    });
    let reply = reply.await.unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").expect("a reply");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_ascii_lowercase(), body.to_owned())
}

/// A request as it goes over the wire.
pub fn written(address: SocketAddr, request: &str, headers: &[&str], body: &str) -> String {
    let host = format!("Host: {address}");
    let host = if headers.iter().any(|header| header.starts_with("Host:")) { "X-No: 1" } else { host.as_str() };
    let length = format!("Content-Length: {}", body.len());
    let lines = [&[host, length.as_str(), "Connection: close"], headers].concat().join("\r\n");
    format!("{request} HTTP/1.1\r\n{lines}\r\n\r\n{body}")
}
