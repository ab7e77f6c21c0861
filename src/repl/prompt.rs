//! The prompt, which says whether anything is really done.

use std::borrow::Cow;

use reedline::{Color, Prompt, PromptEditMode, PromptHistorySearch};

use super::Repl;

/// `tidegate sim dry>`.
pub(super) struct Sign {
    pub text: String,
    pub live: bool,
}

impl Repl {
    /// Without a space at its end.
    pub(super) fn sign(&self) -> String {
        let place = if self.recorded.is_some() { "replay" } else { self.place };
        let place = if place.is_empty() { String::new() } else { format!(" {place}") };
        format!("tidegate{place} {}>", if self.is_live() { "LIVE" } else { "dry" })
    }
}

impl Prompt for Sign {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        self.text.as_str().into()
    }
    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }
    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        " ".into()
    }
    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        "… ".into()
    }
    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        format!(" (search: {}) ", search.term).into()
    }
    fn get_prompt_color(&self) -> Color {
        if self.live { Color::LightRed } else { Color::Green }
    }
}
