//! An answer that is typed or pasted without being shown.

use std::io::Result;
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};

/// What came of the question.
pub(super) enum Typed {
    Line(String),
    /// Ctrl-D on an empty line.
    Ended,
    /// Ctrl-C, which is a key like others here.
    Interrupted,
}

/// Gives the terminal back as it was.
struct Raw;

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = disable_raw_mode();
    }
}

/// Asks, and reads up to Enter. The terminal is silent before it asks, so that nothing typed early is shown.
pub(super) fn line(ask: impl FnOnce()) -> Result<Typed> {
    enable_raw_mode()?;
    let _raw = Raw;
    ask();
    let mut line = String::new();
    loop {
        let Event::Key(key) = read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => break,
            // How a line of a paste, or of a program, ends.
            KeyCode::Char('j' | 'm') if control => break,
            KeyCode::Char('c') if control => return Ok(Typed::Interrupted),
            KeyCode::Char('d') if control && line.is_empty() => return Ok(Typed::Ended),
            KeyCode::Char('u') if control => line.clear(),
            KeyCode::Char('h') if control => drop(line.pop()),
            KeyCode::Backspace => drop(line.pop()),
            KeyCode::Char(c) if !control => line.push(c),
            _ => {}
        }
    }
    // The rest of a paste of several lines is no answer to the next question.
    while poll(Duration::ZERO)? {
        read()?;
    }
    Ok(Typed::Line(line))
}
