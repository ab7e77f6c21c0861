//! Inputs evaluated in a running daemon, by its control API.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::clock::within;
use crate::control::{Control, path};
use crate::error::{Error, Kind, Result};
use crate::http::Method;
use crate::script::{Answer, Record, Variable};
use crate::shown::Shown;
use crate::time::Duration;

use super::Repl;

/// How long a daemon may take to forget a session.
pub(super) const PATIENCE: Duration = Duration::from_seconds(5);
/// The same when the sitting ends, which nobody wants to wait for: a daemon forgets what it is no longer asked for anyway.
pub(super) const PARTING: Duration = Duration::from_millis(300);

/// A daemon, and the session in it that is this sitting's.
pub struct Attached {
    control: Control,
    session: String,
    /// What this sitting may do that is destructive.
    allow: Vec<String>,
    /// After the last input.
    variables: Vec<Value>,
}

impl Attached {
    /// `session` is a name that no other sitting has.
    pub fn new(control: Control, session: String, allow: Vec<String>) -> Self {
        Self { control, session, allow, variables: Vec::new() }
    }

    pub(super) fn variables(&self) -> Vec<Variable> {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let variable =
            |value: &Value| Variable { name: text(value, "name"), ty: text(value, "is"), text: text(value, "value") };
        self.variables.iter().map(variable).collect()
    }
}

fn not_understood(error: impl std::fmt::Display) -> Error {
    Error::new(Kind::Protocol, format!("the daemon's answer is not understood: {error}"))
        .hint("is it of the same version as this command?")
}

impl Repl {
    /// The value of a text in the daemon. What it printed comes with the answer.
    pub(super) fn evaluate_there(&mut self, text: &str) -> Result<Answer> {
        let live = self.is_live();
        self.record = Record::default();
        let Some(daemon) = &mut self.daemon else { return Err(Error::internal("nothing is attached")) };
        let mut body = json!({"code": text, "live": live, "session": daemon.session});
        if !daemon.allow.is_empty() {
            body["allow"] = json!(daemon.allow);
        }
        let cancel = CancellationToken::new();
        let _running = self.interrupts.running(&cancel);
        let asked = async {
            tokio::select! {
                answer = daemon.control.send(Method::POST, "/eval", &[], body) => answer,
                // The daemon cancels an input that nobody waits for.
                () = cancel.cancelled() => Err(Error::new(Kind::Cancelled, "the input was cancelled")),
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the terminal's own thread, which no script runs on")]
        let mut said = self.host.runtime.block_on(asked)?;
        let variables = said["variables"].as_array().cloned().unwrap_or_default();
        let is_there = |known: &Value| variables.iter().any(|variable| variable["name"] == known["name"]);
        // Nothing takes a variable away but a new session.
        let anew = !daemon.variables.iter().all(is_there);
        daemon.variables = variables;
        if anew {
            self.screen.aside(self.host.config.language.pick(
                "the daemon was started anew, or needed the place: the variables and functions of this sitting are gone",
                "守护进程重新启动过，或腾走了位置：本次会话的变量与函数已不在",
            ));
        }
        for (key, list) in [("calls", &mut self.record.calls), ("would", &mut self.record.would)] {
            *list = serde_json::from_value(said[key].take()).map_err(not_understood)?;
        }
        for line in said["output"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            self.screen.line(line);
        }
        if said["ok"] != true {
            return Err(serde_json::from_value(said["error"].take()).unwrap_or_else(not_understood));
        }
        let json = said["value"].take();
        let shown = serde_json::from_value(said["shown"].take()).unwrap_or_else(|_| Shown::from(&json));
        self.session.lock().note(text, Some(&json).filter(|_| !shown.is_nothing()));
        Ok(Answer { json, shown })
    }

    /// The daemon forgets the session, as far as it can still be asked in so much time. Ctrl-C ends the wait.
    pub(super) fn forget_there(&mut self, patience: Duration) {
        let Some(daemon) = &mut self.daemon else { return };
        daemon.variables.clear();
        let path = path(&["eval", &daemon.session]);
        let forgotten = daemon.control.send(Method::DELETE, &path, &[], Value::Null);
        let cancel = CancellationToken::new();
        let _running = self.interrupts.running(&cancel);
        let clock = Arc::clone(&self.host.clock);
        let asked = async {
            tokio::select! {
                _ = within(&*clock, clock.now() + patience, forgotten) => {}
                () = cancel.cancelled() => {}
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the terminal's own thread, which no script runs on")]
        self.host.runtime.block_on(asked);
    }
}
