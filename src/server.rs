//! The daemon's own HTTP server: the control API, webhooks, and what scripts publish.
//!
//! It listens at a Unix socket in the data folder; and where the configuration says, on this machine alone unless
//! that is changed, if a script has a webhook or `[server]` is there. The control API is at an address only where
//! `[server]` is there.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use futures::future::join;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::daemon::Handle;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::journal::{Level, Line};
use crate::secret::Secret;
use crate::time::Duration;

mod connections;
mod control;
mod guard;
mod health;
mod key;
mod published;
#[cfg(unix)]
mod socket;
mod webhooks;

use connections::CONNECTIONS;
pub use control::{document, page};

/// After a failure to listen, until the next attempt.
const AGAIN: Duration = Duration::from_seconds(60);
/// Operations of the control API at the same time, and as many requests to webhooks until their runs have begun.
const REQUESTS: usize = 64;
/// Those who wait for the end of a run at the same time.
const WAITING: usize = 128;
/// Those who follow the log at the same time.
const FOLLOWERS: usize = 32;
/// How long open requests may take to end with the daemon.
const LAST_WAIT: Duration = Duration::from_seconds(1);

/// What every route is given.
#[derive(Clone)]
pub(super) struct Gate {
    host: Arc<Host>,
    daemon: Handle,
    /// Counts the operations of the control API in progress. Each of these counts is apart from the others, so that
    /// nobody who calls a webhook, and nobody who only waits, keeps the owner out.
    places: Arc<Semaphore>,
    /// Counts those who call a webhook, until their run has begun.
    callers: Arc<Semaphore>,
    /// Counts those who wait for the end of a run.
    waiting: Arc<Semaphore>,
    /// Counts those who follow the log.
    followers: Arc<Semaphore>,
    /// The token of the control API; without a data folder there is none, and nobody may ask.
    key: Option<Secret>,
    sittings: Arc<control::Sittings>,
    /// The server ends.
    stop: CancellationToken,
}

/// The running server.
pub struct Server {
    host: Arc<Host>,
    address: Option<SocketAddr>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    #[cfg(unix)]
    _socket: Option<socket::Socket>,
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
        let key = host.database.folder().map(key::open).transpose()?;
        if let Some(key) = &key {
            host.vault.hide(key);
        }
        let gate = Gate {
            host: Arc::clone(&host),
            daemon,
            places: Arc::new(Semaphore::new(REQUESTS)),
            callers: Arc::new(Semaphore::new(REQUESTS)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            key,
            sittings: Arc::default(),
            stop: stop.clone(),
        };
        let wanted = config.configured || cfg!(not(unix)) || !gate.daemon.webhooks().borrow().is_empty();
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
        #[cfg(unix)]
        let (socket, local) = match host.database.folder().map(socket::Socket::bind) {
            Some(Ok((socket, listener))) => (Some(socket), Some(listener)),
            Some(Err(why)) => {
                gate.complain(&Error::new(Kind::Config, why).hint("write `[server]` into the configuration"));
                (None, None)
            }
            None => (None, None),
        };
        #[cfg(unix)]
        let local = serve_socket(gate.clone(), local, stop.clone());
        #[cfg(not(unix))]
        let local = std::future::ready(());
        let serving = join(local, serve(gate, listener, stop.clone()));
        let task = tokio::spawn(async move {
            let ((), ()) = serving.await;
        });
        Ok(Self {
            host,
            address,
            stop,
            task,
            #[cfg(unix)]
            _socket: socket,
        })
    }

    /// Where it listened from the beginning on.
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Stops listening, and lets requests that are open come to their end, for a moment.
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

/// The routes, with the control API or without. What is not one of the server's own is a webhook's, or nobody's.
fn router(gate: Gate, api: bool) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(health::answer))
        .route("/published/{name}", get(published::text))
        .fallback(webhooks::handle);
    if api {
        router = router.nest("/api", control::router(gate.clone()));
    }
    router.layer(from_fn_with_state(gate.clone(), guard::admit)).with_state(gate)
}

/// Serves everything to this user's own programs, until `stop`.
#[cfg(unix)]
async fn serve_socket(gate: Gate, listener: Option<tokio::net::UnixListener>, stop: CancellationToken) {
    let Some(listener) = listener else { return };
    connections::serve(listener, router(gate, true), CONNECTIONS, stop).await;
}

/// Listens, once there is something to serve, and serves until `stop`.
async fn serve(gate: Gate, listener: Option<TcpListener>, stop: CancellationToken) {
    let listener = if listener.is_some() {
        listener
    } else {
        tokio::select! {
            listener = wait_to_listen(&gate) => listener,
            () = stop.cancelled() => None,
        }
    };
    let Some(listener) = listener else { return };
    if let Ok(address) = listener.local_addr() {
        let line = Line::new(gate.host.clock.now(), Level::Info, "listening", format!("listening at http://{address}"));
        gate.host.journal.write(&line);
    }
    let api = gate.host.config.server.configured || cfg!(not(unix));
    connections::serve(listener, router(gate, api), CONNECTIONS, stop).await;
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
