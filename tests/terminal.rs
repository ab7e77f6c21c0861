//! A program in a real pseudo-terminal, and what a person sees there.

use std::io::{Read as _, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// However busy the machine is, a person would have given up.
const PATIENCE: Duration = Duration::from_mins(1);

pub const ENTER: &str = "\r";
pub const TAB: &str = "\t";
pub const UP: &str = "\x1b[A";
pub const CTRL_C: &str = "\x03";
pub const CTRL_D: &str = "\x04";

pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    seen: Arc<Seen>,
    child: Box<dyn Child + Send + Sync>,
}

struct Seen {
    screen: Mutex<(vt100::Parser, bool)>,
    changed: Condvar,
    /// Every byte, for what must not be among them.
    raw: Mutex<Vec<u8>>,
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn lines(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("more than nothing")
}

impl Terminal {
    /// `tidegate` in a folder, with nothing of the environment around it but these variables.
    pub fn new(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(size(24, 80)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(args);
        command.cwd(folder);
        command.env_clear();
        command.env("HOME", folder);
        command.env("PATH", "/usr/bin:/bin");
        command.env("TERM", "xterm-256color");
        command.env("PAGER", "cat");
        for (name, value) in env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let writer = Arc::new(Mutex::new(pair.master.take_writer().expect("a keyboard")));
        let mut reader = pair.master.try_clone_reader().expect("a screen");
        let seen = Arc::new(Seen {
            screen: Mutex::new((vt100::Parser::new(lines(24), lines(80), 2000), false)),
            changed: Condvar::new(),
            raw: Mutex::default(),
        });
        let (shown, answers) = (Arc::clone(&seen), Arc::clone(&writer));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = reader.read(&mut bytes)
                && n > 0
            {
                shown.take(&bytes[..n], &answers);
            }
            shown.screen.lock().unwrap().1 = true;
            shown.changed.notify_all();
        });
        Self { master: pair.master, writer, seen, child }
    }

    /// Presses keys.
    pub fn keys(&self, text: &str) {
        let mut writer = self.writer.lock().unwrap();
        writer.write_all(text.as_bytes()).and_then(|()| writer.flush()).expect("a keyboard");
    }

    /// Types a line, and Enter once it stands there: a prompt seen after that is a new one.
    pub fn line(&self, text: &str) {
        self.keys(text);
        self.until(text, |screen| screen.trim_end().lines().last().is_some_and(|line| line.contains(text)));
        self.keys(ENTER);
    }

    /// Waits until the screen is as wanted, and gives it.
    pub fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut screen = self.seen.screen.lock().unwrap();
        loop {
            let text = screen.0.screen().contents();
            if wanted(&text) {
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !screen.1, "waited for {what}; the screen:\n{text}");
            screen = self.seen.changed.wait_timeout(screen, left).unwrap().0;
        }
    }

    /// Waits until something stands on the screen.
    pub fn see(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Waits until the last line is this, where the cursor waits for input.
    pub fn prompt(&self, prompt: &str) -> String {
        self.until(prompt, |screen| screen.trim_end().lines().last().is_some_and(|line| line.trim_end() == prompt))
    }

    pub fn resize(&self, rows: u16, cols: u16) {
        self.seen.screen.lock().unwrap().0.set_size(lines(rows), lines(cols));
        self.master.resize(size(rows, cols)).expect("a terminal of another size");
    }

    /// Everything that was written so far.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.seen.raw.lock().unwrap()).into_owned()
    }

    /// Waits for its end, and gives the exit code.
    pub fn end(mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        let mut screen = self.seen.screen.lock().unwrap();
        while !screen.1 {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it does not end; the screen:\n{}", screen.0.screen().contents());
            screen = self.seen.changed.wait_timeout(screen, left).unwrap().0;
        }
        drop(screen);
        self.child.wait().expect("an end").exit_code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

impl Seen {
    /// Draws what came, and answers where the cursor is when that is asked, as terminals do.
    fn take(&self, bytes: &[u8], answers: &Mutex<Box<dyn Write + Send>>) {
        const ASK: &[u8] = b"\x1b[6n";
        self.raw.lock().unwrap().extend_from_slice(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let asked = rest.windows(ASK.len()).position(|window| window == ASK);
            let (part, more) = rest.split_at(asked.map_or(rest.len(), |at| at + ASK.len()));
            rest = more;
            let mut screen = self.screen.lock().unwrap();
            screen.0.process(part);
            if asked.is_some() {
                let (row, column) = screen.0.screen().cursor_position();
                let answer = format!("\x1b[{};{}R", row + 1, column + 1);
                let mut writer = answers.lock().unwrap();
                let _ = writer.write_all(answer.as_bytes()).and_then(|()| writer.flush());
            }
        }
        self.changed.notify_all();
    }
}
