//! The daemon's own HTTP server. It listens where the configuration says, on this machine alone unless that is
//! changed, and only where something is to be served: a script has a webhook, or `[server]` is there.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::daemon::Handle;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::journal::{Level, Line};
use crate::time::Duration;

mod guard;
mod webhooks;

/// After a failure to listen, until the next attempt.
const AGAIN: Duration = Duration::from_seconds(60);
/// Requests at the same time.
const REQUESTS: usize = 64;
/// How long open requests may take to end with the daemon.
const LAST_WAIT: Duration = Duration::from_seconds(1);

/// What every route is given.
#[derive(Clone)]
pub(super) struct Gate {
    host: Arc<Host>,
    daemon: Handle,
    /// Counts the requests in progress.
    places: Arc<Semaphore>,
}

/// The running server.
pub struct Server {
    host: Arc<Host>,
    address: Option<SocketAddr>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens at once where there is something to serve, and else as soon as there is.
    ///
    /// # Errors
    /// `config` where `[server]` is configured and its address or token cannot be used. Where only a script wants
    /// it, that is a line in the journal, and tried again.
    pub async fn start(host: Arc<Host>, daemon: Handle) -> Result<Self> {
        let config = &host.config.server;
        if let Some(token) = &config.token {
            host.vault.read(token)?;
        }
        let stop = CancellationToken::new();
        let gate = Gate { host: Arc::clone(&host), daemon, places: Arc::new(Semaphore::new(REQUESTS)) };
        let wanted = config.configured || !gate.daemon.webhooks().borrow().is_empty();
        let listener = match if wanted { Some(listen(config.address).await) } else { None } {
            Some(Err(error)) if config.configured => return Err(error),
            Some(Err(error)) => {
                gate.complain(&error);
                None
            }
            Some(Ok(listener)) => Some(listener),
            None => None,
        };
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let serving = serve(gate, listener, stop.clone());
        let ended = stop.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = serving => {}
                () = ended.cancelled() => {}
            }
        });
        Ok(Self { host, address, stop, task })
    }

    /// Where it listened from the beginning on.
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Stops listening.
    pub async fn stop(self) {
        let clock = &self.host.clock;
        self.stop.cancel();
        tokio::select! {
            _ = self.task => {}
            () = clock.sleep_until(clock.now() + LAST_WAIT) => {}
        }
    }
}

impl Gate {
    fn complain(&self, error: &Error) {
        let hint = error.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
        let line = Line::new(self.host.clock.now(), Level::Error, "warning", format!("{error}{hint}"));
        self.host.journal.write(&line);
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::new(Kind::Config, format!("cannot listen at `{address}`: {error}"))
            .hint("choose another `address` under `[server]`")
    })
}

/// The routes. What is not one of the server's own is a webhook's, or nobody's.
fn router(gate: Gate) -> Router {
    Router::new().fallback(webhooks::handle).layer(from_fn_with_state(gate.clone(), guard::admit)).with_state(gate)
}

/// Listens, once there is something to serve, and serves until `stop`.
async fn serve(gate: Gate, listener: Option<TcpListener>, stop: CancellationToken) {
    let listener = match listener {
        Some(listener) => listener,
        None => match wait_to_listen(&gate).await {
            Some(listener) => listener,
            None => return,
        },
    };
    if let Ok(address) = listener.local_addr() {
        let line = Line::new(gate.host.clock.now(), Level::Info, "listening", format!("listening at http://{address}"));
        gate.host.journal.write(&line);
    }
    let clock = Arc::clone(&gate.host.clock);
    let serving = axum::serve(listener, router(gate)).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, at = %clock.now(), "the server ended");
    }
}

/// Waits for the first webhook; `None` where the daemon ended before.
async fn wait_to_listen(gate: &Gate) -> Option<TcpListener> {
    let mut hooks = gate.daemon.webhooks();
    let mut said = !hooks.borrow().is_empty();
    loop {
        if hooks.borrow_and_update().is_empty() {
            hooks.changed().await.ok()?;
            continue;
        }
        let error = match listen(gate.host.config.server.address).await {
            Ok(listener) => return Some(listener),
            Err(error) => error,
        };
        if !said {
            gate.complain(&error);
        }
        said = true;
        let clock = &gate.host.clock;
        tokio::select! {
            changed = hooks.changed() => changed.ok()?,
            () = clock.sleep_until(clock.now() + AGAIN) => {}
        }
    }
}
