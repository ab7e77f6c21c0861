//! What a client knows of its server's state: a refused secret, a server that does not answer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::time::{Duration, Time};
use crate::units::format_duration;

/// Remembers failures that the next call would only repeat.
#[derive(Default)]
pub(super) struct Health(Mutex<State>);

#[derive(Default)]
struct State {
    /// The secret that was refused, and what was said.
    refused: Option<(Secret, Error)>,
    /// The secret that is known to be right.
    proven: Option<Secret>,
    /// Calls in a row that got no answer.
    failures: u32,
    /// Until when nobody asks, and why.
    open: Option<(Time, Error)>,
    version: Option<String>,
    suspended: Option<bool>,
    /// A session's cookie and the secret that opened it.
    session: Option<(Secret, String)>,
}

impl Health {
    /// So many calls in a row without an answer open the circuit,
    const FAILURES: u32 = 5;
    /// for this long.
    const PAUSE: Duration = Duration::from_seconds(30);

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The refusal that this very secret met before.
    pub fn refusal(&self, secret: &Secret) -> Option<Error> {
        let state = self.lock();
        let (_, error) = state.refused.as_ref().filter(|(refused, _)| refused == secret)?;
        let mut error = error.clone();
        error.message = format!("not asked again, since the credentials were refused: {}", error.message);
        Some(error)
    }

    /// The last refusal, while no other secret was accepted since.
    pub fn refused(&self) -> Option<Error> {
        self.lock().refused.as_ref().map(|(_, error)| error.clone())
    }

    /// Whether the last secret that was tried is right.
    pub fn accepted(&self) -> bool {
        self.lock().proven.is_some()
    }

    /// Whether the service says that it has suspended the VPS, where it was asked.
    pub fn suspended(&self) -> Option<bool> {
        self.lock().suspended
    }

    pub fn learn_suspended(&self, suspended: Option<bool>) {
        if suspended.is_some() {
            self.lock().suspended = suspended;
        }
    }

    /// Whether this secret was accepted before.
    pub fn proven(&self, secret: &Secret) -> bool {
        self.lock().proven.as_ref() == Some(secret)
    }

    pub fn accept(&self, secret: &Secret) {
        let mut state = self.lock();
        state.refused = None;
        if state.proven.as_ref() != Some(secret) {
            state.proven = Some(secret.clone());
        }
    }

    pub fn refuse(&self, secret: &Secret, error: &Error) {
        let mut state = self.lock();
        state.proven = None;
        state.refused = Some((secret.clone(), error.clone()));
    }

    /// Why the server is left alone at this moment. When the pause is over, one caller is let through
    /// and the others wait for what he finds.
    pub fn blocked(&self, now: Time) -> Option<Error> {
        let mut state = self.lock();
        let (until, error) = state.open.as_mut()?;
        if now >= *until {
            *until = now + Self::PAUSE;
            return None;
        }
        let mut error = error.clone();
        error.message = format!(
            "not asked for another {}, since it did not answer {} times in a row: {}",
            format_duration(*until - now),
            Self::FAILURES,
            error.message
        );
        Some(error)
    }

    /// A call ended: with an answer of whatever kind, or without one.
    pub fn observe(&self, now: Time, outcome: Option<&Error>) {
        let mut state = self.lock();
        match outcome {
            Some(error) if matches!(error.kind, Kind::Transport | Kind::Timeout) => {
                state.failures = state.failures.saturating_add(1);
                // Another server may stand there when it comes back.
                state.version = None;
                if state.failures >= Self::FAILURES {
                    state.open = Some((now + Self::PAUSE, error.clone()));
                }
            }
            _ => {
                state.failures = 0;
                state.open = None;
            }
        }
    }

    pub fn session(&self, secret: &Secret) -> Option<String> {
        self.lock().session.as_ref().filter(|(opener, _)| opener == secret).map(|(_, cookie)| cookie.clone())
    }

    pub fn keep_session(&self, secret: &Secret, cookie: &str) {
        self.lock().session = Some((secret.clone(), cookie.to_owned()));
    }

    pub fn version(&self) -> Option<String> {
        self.lock().version.clone()
    }

    pub fn learn_version(&self, version: &str) {
        let mut state = self.lock();
        if state.version.as_deref() != Some(version) {
            state.version = Some(version.to_owned());
        }
    }
}
