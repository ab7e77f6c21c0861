//! What systemd wants to know of a service (`Type=notify`): that it is ready, reloads, stops, and still lives.

use std::sync::Arc;

use sd_notify::NotifyState;

use super::Session;
use crate::daemon::Handle;
use crate::time::{Clock, Duration};

/// Where systemd listens, if it does.
pub struct Systemd {
    /// Half of the time after which silence means death; nothing where nobody watches.
    watchdog: Option<Duration>,
}

impl Systemd {
    /// Nothing where the process was not started by systemd.
    pub fn new(session: &Session) -> Option<Arc<Self>> {
        session.var("NOTIFY_SOCKET")?;
        let mine = session.var("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let micros: Option<i64> = session.var("WATCHDOG_USEC").filter(|_| mine).and_then(|text| text.parse().ok());
        let watchdog = micros.map(|micros| Duration::from_millis((micros / 2000).max(1)));
        Some(Arc::new(Self { watchdog }))
    }

    pub fn ready(&self, version: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(version)]);
    }

    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// Says again and again that the daemon lives, for as long as the task that decides everything answers.
    pub async fn watch(self: Arc<Self>, daemon: Handle, clock: Arc<dyn Clock>) {
        let Some(pause) = self.watchdog else { return };
        while daemon.status().await.is_some() {
            tell(&[NotifyState::Watchdog]);
            clock.sleep_until(clock.now() + pause).await;
        }
    }
}

/// A supervisor that does not listen is no reason to stop the work.
fn tell(state: &[NotifyState]) {
    let _ = sd_notify::notify(state);
}
