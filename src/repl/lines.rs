//! Input without an editor: from a pipe, or in a terminal that can only print.

use std::io::BufRead as _;

use tokio::sync::mpsc;

use crate::script::pieces::Brackets;

use super::{Ending, Next, Repl, code, is_open};

/// Lines that are read ahead.
const AHEAD: usize = 64;

impl Repl {
    /// Reads to the end of standard input. From a pipe there is no prompt, and Ctrl-C ends it.
    pub(super) fn read_lines(&mut self, person: bool) -> Ending {
        if person {
            self.screen.line(&self.greeting());
        }
        let mut lines = reader();
        let (mut text, mut brackets) = (String::new(), Brackets::default());
        let mut ending = Ending::Good;
        loop {
            let prompt = if text.is_empty() { format!("{} ", self.sign()) } else { "… ".to_owned() };
            let line = {
                // Whoever sees the prompt may press Ctrl-C.
                let _reading = self.interrupts.reading(&format!("{} ", self.sign()));
                if person {
                    self.screen.prompt(&prompt);
                }
                let line = self.next_line(&mut lines);
                if self.interrupts.threw_away() {
                    text.clear();
                    brackets = Brackets::default();
                }
                line
            };
            let Some(line) = line else { break };
            // What a long literal is open with is known without reading all of it again.
            let open = brackets.line(if text.is_empty() { code(&line) } else { &line });
            text += &line;
            text.push('\n');
            if open || is_open(&text) {
                continue;
            }
            brackets = Brackets::default();
            match self.input(&std::mem::take(&mut text)) {
                Next::Blank => {}
                Next::Go => ending = Ending::Good,
                Next::Failed => ending = Ending::Bad,
                Next::Quit => return ending,
            }
            if self.interrupts.ended().is_some() || self.screen.is_gone() {
                return ending;
            }
        }
        if person {
            self.screen.line("");
        }
        if self.interrupts.ended().is_some() {
            return ending;
        }
        match self.input(&text) {
            Next::Failed => Ending::Bad,
            Next::Go => Ending::Good,
            Next::Blank | Next::Quit => ending,
        }
    }

    /// Nothing at the end of the input, or of the sitting.
    fn next_line(&self, lines: &mut mpsc::Receiver<String>) -> Option<String> {
        let next = async {
            tokio::select! {
                line = lines.recv() => line,
                () = self.interrupts.urgent() => None,
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the terminal's own thread, which no script runs on")]
        self.host.runtime.block_on(next)
    }
}

/// Standard input line by line, on a thread that a signal need not wait for.
fn reader() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut bytes = Vec::new();
        while input.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
            bytes.clear();
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
