//! A sign that something is being waited for: in a terminal only, on standard error, gone when it is over.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

use super::Session;

/// It is shown until it is dropped.
pub struct Progress(ProgressBar);

impl Progress {
    /// How often it moves.
    const TICK: std::time::Duration = std::time::Duration::from_millis(120);

    /// Says what is waited for, and for how long already.
    pub fn waiting(session: &Session, what: impl Into<String>) -> Self {
        if !std::io::stderr().is_terminal() || session.var("TERM").as_deref() == Some("dumb") {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(what.into());
        bar.enable_steady_tick(Self::TICK);
        Self(bar)
    }

    /// How far it has come.
    pub fn at(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
