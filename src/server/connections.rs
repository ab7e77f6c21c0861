//! Connections: how many are open, and how long the head of a request may take.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Open connections of one listener: more than can be waiting, working and following the log together, and few
/// enough that the scripts keep their share of the file handles.
pub(super) const CONNECTIONS: usize = 256;
/// So long the head of a request may take, that of the next one over the same connection too. By the machine's own
/// time: what comes over the wire follows no clock that a test moves.
const HEAD: Duration = Duration::from_secs(30);

/// Serves `router` until `stop`, and then what is open to its end.
pub(super) async fn serve(mut listener: impl Listener, router: Router, connections: usize, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(connections));
    let open = TaskTracker::new();
    loop {
        // The place first: who comes when all are taken waits outside.
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await.0)
        };
        let (place, stream) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        let talk = talk(stream, router.clone(), stop.clone());
        open.spawn(async move {
            let _place = place;
            talk.await;
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// One connection, to its end.
async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut talking = std::pin::pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    let ended = tokio::select! {
        ended = talking.as_mut() => ended,
        () = stop.cancelled() => {
            talking.as_mut().graceful_shutdown();
            talking.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// The machine's time is still here and goes on when nobody has anything to do.
    #[tokio::test(start_paused = true)]
    async fn whoever_says_nothing_makes_room_for_the_next() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving =
            tokio::spawn(serve(listener, Router::new().route("/", get(|| async { "here" })), 1, stop.clone()));
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
        let mut last = TcpStream::connect(address).await.unwrap();
        last.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut said = String::new();
        silent.read_to_string(&mut said).await.unwrap();
        slow.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "", "neither asked for anything");
        last.read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("here"), "{said}");
        stop.cancel();
        serving.await.unwrap();
    }
}
