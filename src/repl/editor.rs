//! Input in a terminal that can place a cursor.

use std::sync::Arc;

use reedline::{
    ColumnarMenu, EditCommand, Emacs, KeyCode, KeyModifiers, MenuBuilder as _, Reedline, ReedlineEvent, ReedlineMenu,
    Signal, ValidationResult, Validator, default_emacs_keybindings,
};

use crate::error::{Error, Kind, Result};

use super::complete::Completion;
use super::highlight::Colours;
use super::hint::Hints;
use super::history::Remembered;
use super::prompt::Sign;
use super::{Ending, Next, Repl, is_open};

const MENU: &str = "candidates";

impl Repl {
    pub(super) fn converse(&mut self) -> Result<Ending> {
        self.screen.line(&self.greeting());
        let mut editor = self.editor();
        let mut ending = Ending::Good;
        loop {
            if let Some(draft) = self.draft.take() {
                editor.run_edit_commands(&[EditCommand::InsertString(draft)]);
            }
            let sign = Sign { text: self.sign(), live: self.is_live() };
            let signal = editor.read_line(&sign);
            match signal.map_err(|error| Error::new(Kind::Internal, format!("the terminal cannot be used: {error}")))? {
                Signal::Success(text) => match self.input(&text) {
                    Next::Blank => {}
                    Next::Go => ending = Ending::Good,
                    Next::Failed => ending = Ending::Bad,
                    Next::Quit => return Ok(ending),
                },
                Signal::CtrlC => {}
                // A signal that ends the sitting.
                _ => return Ok(ending),
            }
            if self.interrupts.ended().is_some() || self.screen.is_gone() {
                return Ok(ending);
            }
        }
    }

    fn editor(&self) -> Reedline {
        let mut keys = default_emacs_keybindings();
        let complete = ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(MENU.into()), ReedlineEvent::MenuNext]);
        keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, complete);
        keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
        keys.add_binding(KeyModifiers::ALT, KeyCode::Enter, ReedlineEvent::Edit(vec![EditCommand::InsertNewline]));
        let menu = ColumnarMenu::default().with_name(MENU).with_marker(" ");
        let mut editor = Reedline::create()
            .with_ansi_colors(self.screen.color())
            .with_validator(Box::new(Complete))
            .with_completer(Box::new(Completion::new(&self.host, &self.session, &self.env)))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
            .with_hinter(Box::new(Hints::new(self.host.config.language)))
            .with_break_signal(Arc::clone(&self.interrupts.wake))
            .use_bracketed_paste(true)
            .with_edit_mode(Box::new(Emacs::new(keys)));
        if self.screen.color() {
            editor = editor.with_highlighter(Box::new(Colours));
        }
        if let Some(history) = Remembered::new(self.history.as_deref(), self.host.masker.clone()) {
            editor = editor.with_history(Box::new(history));
        }
        editor
    }
}

/// Enter goes on to another line while a block is open.
struct Complete;

impl Validator for Complete {
    fn validate(&self, line: &str) -> ValidationResult {
        if is_open(line) { ValidationResult::Incomplete } else { ValidationResult::Complete }
    }
}
