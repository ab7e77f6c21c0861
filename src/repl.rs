//! The ad-hoc REPL: the same engine as scripts, a dry run until told otherwise.
//!
//! | file | holds |
//! |---|---|
//! | `session`, `attached` | one input: run here or in a daemon, cancelled, shown |
//! | `commands` | the table of what begins with a colon |
//! | `lookup`, `files`, `review` | what those commands do: look things up, read and write scripts, look back |
//! | `lines` | input without an editor: from a pipe, or in a terminal that only prints |
//! | `editor`, `prompt`, `highlight`, `hint`, `complete`, `history` | input with one |
//! | `interrupts` | signals, and what they mean at the moment |
//! | `screen` | where everything is printed, secrets masked; the pager |

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde_json::Value;

use crate::config::Mode;
use crate::error::Result;
use crate::host::Host;
use crate::script::pieces::{Kind, pieces};
use crate::script::{Context, Record, Session};
use crate::shown::Shown;
use crate::vault::Env;

mod attached;
mod commands;
mod complete;
mod editor;
mod files;
mod highlight;
mod hint;
mod history;
mod interrupts;
mod lines;
mod lookup;
mod prompt;
mod review;
mod screen;
mod session;

pub use attached::Attached;
pub use screen::Echo;

use commands::COMMANDS;
use interrupts::Interrupts;
use screen::Screen;

/// Starts a run for one input, in a mode.
pub type Start = Box<dyn Fn(&Arc<Host>, Mode) -> Arc<Context>>;
/// Opens a recorded run: services that answer as they did, at its time. Gives its name, too.
pub type Open = Box<dyn Fn(PathBuf) -> BoxFuture<'static, Result<(String, Arc<Host>)>>>;

/// What asks a program to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    Terminate,
}

/// How a sitting ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// The last input was good.
    Good,
    /// It failed.
    Bad,
    Signal(Signal),
}

/// What a sitting begins with.
pub struct Setting {
    pub live: bool,
    /// Said in the prompt: `sim`.
    pub place: &'static str,
    pub color: bool,
    /// Where inputs are remembered, if anywhere.
    pub history: Option<PathBuf>,
    /// Where `:cron` puts scripts.
    pub scripts: PathBuf,
    pub env: Env,
    /// Where inputs are evaluated, if not here.
    pub daemon: Option<Attached>,
    /// For `:replay`.
    pub open: Open,
    pub signals: BoxStream<'static, Signal>,
}

/// One sitting.
pub struct Repl {
    host: Arc<Host>,
    session: Shared,
    start: Start,
    mode: Mode,
    place: &'static str,
    scripts: PathBuf,
    history: Option<PathBuf>,
    env: Env,
    daemon: Option<Attached>,
    open: Open,
    /// The recorded run whose services answer at the moment.
    recorded: Option<Arc<Host>>,
    screen: Screen,
    interrupts: Arc<Interrupts>,
    /// The last result that was not `()`.
    last: Option<(Value, Shown)>,
    /// What the last input did.
    record: Record,
    /// The last input, good or bad.
    typed: Option<Typed>,
    /// Put before the cursor of the next line.
    draft: Option<String>,
    /// The files that this sitting has written, and what it wrote.
    written: HashMap<PathBuf, String>,
}

/// The session, which the editor looks into between inputs.
#[derive(Clone)]
struct Shared(Arc<Mutex<Session>>);

impl Shared {
    fn new(host: &Host) -> Self {
        Self(Arc::new(Mutex::new(Session::new(&host.config.scripts))))
    }

    /// Whatever panicked with it in its hands, the variables are still good.
    fn lock(&self) -> MutexGuard<'_, Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An input, and whether it went well.
struct Typed {
    text: String,
    good: bool,
}

/// What came of an input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    Go,
    /// There was nothing to do.
    Blank,
    Failed,
    Quit,
}

impl Repl {
    pub fn new(host: Arc<Host>, start: Start, setting: Setting) -> Self {
        let Setting { live, place, color, history, scripts, env, daemon, open, signals } = setting;
        let term = env("TERM").filter(|term| !term.is_empty() && term != "dumb");
        let (input, output) = (std::io::stdin().is_terminal(), std::io::stdout().is_terminal());
        let screen = Screen::new(host.masker.clone(), color, output && term.is_some(), &env);
        let interrupts = Interrupts::listen(&host.runtime, signals, input);
        Self {
            session: Shared::new(&host),
            mode: if live { Mode::Live } else { Mode::Watch },
            host,
            start,
            place,
            scripts,
            history,
            env,
            daemon,
            open,
            recorded: None,
            screen,
            interrupts,
            last: None,
            record: Record::default(),
            typed: None,
            draft: None,
            written: HashMap::new(),
        }
    }

    /// Reads inputs until the end: with an editor in a terminal that can place a cursor, else line by line.
    ///
    /// # Errors
    /// Where the terminal cannot be used.
    pub fn run(&mut self) -> Result<Ending> {
        let input = std::io::stdin().is_terminal();
        let ending = if input && self.screen.is_full() { self.converse() } else { Ok(self.read_lines(input)) };
        self.forget_there(attached::PARTING);
        ending.map(|ending| self.interrupts.ended().map_or(ending, Ending::Signal))
    }

    /// One input, a command or an expression.
    fn input(&mut self, text: &str) -> Next {
        let text = text.trim();
        if is_blank(text) {
            return Next::Blank;
        }
        match text.strip_prefix(':') {
            Some(command) => self.command(command),
            None => self.eval(text),
        }
    }

    /// Who reads what it shows.
    fn reader(&self) -> crate::script::Reader {
        crate::script::Reader { color: self.screen.color(), language: self.host.config.language }
    }

    /// The run of one input.
    fn begin(&self) -> Arc<Context> {
        (self.start)(self.recorded.as_ref().unwrap_or(&self.host), self.mode)
    }

    const fn is_live(&self) -> bool {
        matches!(self.mode, Mode::Live)
    }

    fn greeting(&self) -> String {
        let pick = |english: &str, chinese: &str| self.host.config.language.pick(english, chinese).to_owned();
        format!(
            "tidegate {}: {}",
            env!("CARGO_PKG_VERSION"),
            pick("`:help` for help, Tab completes, Ctrl-D leaves", "`:help` 查看帮助，Tab 补全，Ctrl-D 退出")
        )
    }
}

/// Whether there is nothing but space and comments.
fn is_blank(text: &str) -> bool {
    pieces(text).iter().all(|piece| matches!(piece.kind, Kind::Space | Kind::Comment))
}

/// Whether more lines should follow.
fn is_open(text: &str) -> bool {
    Session::is_incomplete(code(text))
}

/// The part of an input that is code.
fn code(text: &str) -> &str {
    let Some(command) = text.trim_start().strip_prefix(':') else { return text };
    let (name, rest) = commands::split(command);
    commands::find(name).map_or("", |command| command.takes.code(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_complete_when_it_is_closed() {
        for open in [
            "if x {",
            "f(1,",
            "let s = `a",
            ":cron \"@hourly\" x { if a {",
            ":time [1,",
            "let x =",
            "/* a",
            "1 /* a\n b",
            "\"a \\",
        ] {
            assert!(is_open(open), "{open}");
        }
        for complete in
            ["if x { }", "f(1", ":quit", ":load a{b", ":cron \"@hourly\" x", "let x = 流", "\"open", "x }", "", "，"]
        {
            assert_eq!(is_open(complete), complete == "f(1", "{complete}");
        }
    }
}
