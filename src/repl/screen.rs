//! Where everything is printed: no secret leaves through here, and what is long goes through a pager.

use std::cell::Cell;
use std::io::Write;

use nu_ansi_term::{Color, Style};

use crate::journal::{Journal, Level, Line};
use crate::secret::Masker;
use crate::shown::Look;
use crate::vault::Env;

pub(super) struct Screen {
    masker: Masker,
    color: bool,
    /// A terminal that can place a cursor.
    full: bool,
    /// What long texts are piped into, as a command of the shell.
    pager: Option<String>,
    /// What `less` is told where the person told it nothing.
    less: Vec<(&'static str, &'static str)>,
    /// Whether the reader of standard output has gone.
    gone: Cell<bool>,
}

/// Lines that are printed as they are: no terminal is smaller.
const SHORT: usize = 20;

impl Screen {
    pub(super) fn new(masker: Masker, color: bool, full: bool, env: &Env) -> Self {
        let pager = env("PAGER").unwrap_or_else(|| "less".into());
        let wanted = full && cfg!(unix) && !matches!(pager.trim(), "" | "cat");
        // To leave at once where all fits, to let colours through, and to leave the text on the screen.
        // And to know what the text is written in, whatever locales are installed.
        let less = [("LESS", "FRX"), ("LESSCHARSET", "utf-8")];
        let less = less.into_iter().filter(|(name, _)| env(name).is_none()).collect();
        Self { masker, color, full, pager: wanted.then_some(pager), less, gone: Cell::new(false) }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    pub(super) const fn color(&self) -> bool {
        self.color
    }

    /// Whether nobody reads any more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.get()
    }

    pub(super) fn look(&self) -> Look {
        let width = comfy_table::Table::new().width();
        Look { width: width.map(usize::from).filter(|width| *width > 0), color: self.color }
    }

    /// One or more lines on standard output.
    pub(super) fn line(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let written = writeln!(out, "{}", self.masker.mask(text)).and_then(|()| out.flush());
        self.gone.set(self.gone.get() || written.is_err());
    }

    /// The same without a line end.
    pub(super) fn prompt(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let written = write!(out, "{text}").and_then(|()| out.flush());
        self.gone.set(self.gone.get() || written.is_err());
    }

    /// Through the pager where it is long.
    pub(super) fn long(&self, text: &str) {
        let text = self.masker.mask(text);
        let paged = match &self.pager {
            Some(pager) if text.lines().nth(SHORT).is_some() => page(pager, &self.less, &text),
            _ => false,
        };
        if !paged {
            self.line(&text);
        }
    }

    /// What is wrong, on standard error.
    pub(super) fn error(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{}", self.masker.mask(text));
    }

    /// What is only by the way.
    pub(super) fn aside(&self, text: &str) {
        self.line(&if self.color { Style::new().dimmed().paint(text).to_string() } else { text.to_owned() });
    }
}

/// Whether a pager took the text.
fn page(pager: &str, less: &[(&str, &str)], text: &str) -> bool {
    use std::process::{Command, Stdio};
    let mut command = Command::new("sh");
    command.args(["-c", pager]).stdin(Stdio::piped()).envs(less.iter().copied());
    let Ok(mut child) = command.spawn() else { return false };
    if let Some(mut input) = child.stdin.take() {
        // Whoever leaves the pager early has seen enough.
        let _ = input.write_all(text.as_bytes()).and_then(|()| input.write_all(b"\n"));
    }
    // 127: there is no such program.
    child.wait().is_ok_and(|status| status.code() != Some(127))
}

/// Prints what scripts say while they say it. Whoever runs them masks it.
pub struct Echo {
    pub color: bool,
}

impl Journal for Echo {
    fn write(&self, line: &Line) {
        if line.event != "log" {
            return;
        }
        let style = match line.level {
            Level::Error => Color::Red.normal(),
            Level::Warn => Color::Yellow.normal(),
            _ => Style::new(),
        };
        let text = if self.color { style.paint(&line.message).to_string() } else { line.message.clone() };
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }
}
