//! A server for tests: a few lines of HTTP on a loopback port, so that it can also misbehave.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Request line and headers.
    pub head: String,
    pub body: String,
}

impl Seen {
    /// `GET /path?query`.
    pub fn line(&self) -> &str {
        self.head.split(" HTTP/").next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

pub(crate) enum Answer {
    /// These bytes, then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, then silence.
    Hang(Vec<u8>),
}

pub(crate) struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers each request, on a port of its own.
    pub async fn start(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(exchange(stream, Arc::clone(&answer), Arc::clone(&log)));
            }
        });
        Self { url, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// The address of a port where nobody listens.
pub(crate) async fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A whole reply.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for (name, value) in headers {
        bytes.extend([name, ": ", value, "\r\n"]);
    }
    Answer::Bytes([bytes.as_bytes(), b"\r\n", body].concat())
}

async fn exchange(
    mut stream: TcpStream,
    answer: Arc<impl Fn(&Seen) -> Answer>,
    log: Arc<Mutex<Vec<Seen>>>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        // A TLS handshake is answered like anything else: in plain text.
        if bytes[0] == 0x16 {
            break (String::new(), bytes.len());
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = Seen { head: head.clone(), body: String::new() };
            let length: usize = length.header("content-length").map_or(0, |length| length.parse().unwrap());
            break (head, end + 4 + length);
        }
    };
    while bytes.len() < length {
        stream.read_buf(&mut bytes).await?;
    }
    let body = String::from_utf8_lossy(bytes.get(head.len() + 4..).unwrap_or_default()).into_owned();
    let seen = Seen { head, body };
    log.lock().unwrap().push(seen.clone());
    let answer = answer(&seen);
    match answer {
        Answer::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Answer::Hang(bytes) => {
            stream.write_all(&bytes).await?;
            std::future::pending().await
        }
    }
}
