//! The two signals that ask a command to end, and the one that asks the daemon to read everything again.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::Exit;
use crate::error::Result;

/// Each SIGHUP from now on: read everything again.
///
/// # Errors
/// `internal` where the system does not let us listen.
#[cfg(unix)]
pub fn hangups() -> Result<impl Stream<Item = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signal = signal(SignalKind::hangup())
        .map_err(|error| crate::error::Error::internal(format!("signals cannot be heard: {error}")))?;
    Ok(futures::stream::poll_fn(move |cx| signal.poll_recv(cx)))
}

/// Each signal from now on, as the exit that it stands for.
pub struct Signals(mpsc::UnboundedReceiver<Exit>);

impl Signals {
    /// # Errors
    /// `internal` where the system does not let us listen.
    #[cfg(unix)]
    pub fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (sender, receiver) = mpsc::unbounded_channel();
        for (kind, exit) in [(SignalKind::interrupt(), Exit::Interrupted), (SignalKind::terminate(), Exit::Terminated)]
        {
            let mut signal = signal(kind)
                .map_err(|error| crate::error::Error::internal(format!("signals cannot be heard: {error}")))?;
            let sender = sender.clone();
            tokio::spawn(async move { while signal.recv().await.is_some() && sender.send(exit).is_ok() {} });
        }
        Ok(Self(receiver))
    }

    /// # Errors
    /// Never.
    #[cfg(not(unix))]
    pub fn new() -> Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() && sender.send(Exit::Interrupted).is_ok() {}
        });
        Ok(Self(receiver))
    }

    /// Waits for the next one; for ever where none can come any more.
    pub async fn next(&mut self) -> Exit {
        match StreamExt::next(self).await {
            Some(exit) => exit,
            None => std::future::pending().await,
        }
    }
}

impl Stream for Signals {
    type Item = Exit;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<Option<Exit>> {
        self.0.poll_recv(cx)
    }
}
