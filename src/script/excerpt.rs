//! Errors and findings for people: the line, a caret under the place, why, and what to do next, in their language.

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};

use crate::api::Service;
use crate::call::Call;
use crate::error::{Error, Frame, Kind};
use crate::language::Language;
use crate::language::faults::explanation;

use super::check::codes;
use super::diagnostic::{Finding, Severity};

/// Who reads: in colours or not, and which language.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Reader {
    pub color: bool,
    pub language: Language,
}

impl Reader {
    /// Without colours.
    pub fn plain(language: Language) -> Self {
        Self { color: false, language }
    }
}

/// Calls before an error that are shown with it.
const CALLS: usize = 3;

impl Finding {
    /// With its line and a caret, for people. `file` is the script itself, `text` what stands in it.
    pub fn excerpt(&self, file: &str, text: Option<&str>, reader: Reader) -> String {
        let Reader { language, .. } = reader;
        let elsewhere = self.file.as_deref().filter(|other| *other != file);
        let chinese = language.translated(&self.message);
        // What is not in the table of sentences is explained by its code.
        let why = match (language, &chinese, codes::find(self.code)) {
            (Language::Chinese, None, Some(code)) => Some(format!("{}：{}", code.zh_title, code.zh)),
            _ => None,
        };
        let excerpt = Excerpt {
            severity: self.severity,
            message: &format!("{} [{}]", chinese.as_ref().unwrap_or(&self.message), self.code),
            why,
            hint: self.hint.as_deref().map(|hint| language.say(hint).into_owned()),
            file: elsewhere.unwrap_or(file),
            text: text.filter(|_| elsewhere.is_none()),
            line: self.line,
            column: self.column,
        };
        excerpt.render(reader)
    }
}

/// An error for people: with its line and a caret where it has a place, in any case with what to do next.
/// `text` is what stands in `file`.
pub fn explain(error: &Error, file: &str, text: Option<&str>, reader: Reader) -> String {
    let Reader { language, .. } = reader;
    let stack =
        error.stack.iter().fold(String::new(), |stack, frame| stack + "\n  " + called_from(frame, language).as_str());
    let (message, why) = message_of(error, language);
    let hint = error.hint.as_deref().map(|hint| language.say(hint).into_owned()).or_else(|| next_step(error, language));
    let Some(line) = error.line else {
        let notes = notes(why.as_deref(), hint.as_deref(), language);
        return format!("{}{message}{notes}{stack}", language.pick("error: ", "错误："));
    };
    let elsewhere = error.file.as_deref().filter(|other| !other.is_empty() && *other != file);
    let excerpt = Excerpt {
        severity: Severity::Error,
        message: &message,
        why,
        hint,
        file: elsewhere.unwrap_or(file),
        text: text.filter(|_| elsewhere.is_none()),
        line,
        column: error.column.unwrap_or(1),
    };
    format!("{}{stack}", excerpt.render(reader))
}

/// The last calls before an error, a line each below a heading; nothing where there was none.
pub fn last_calls(calls: &[Call], language: Language) -> String {
    if calls.is_empty() {
        return String::new();
    }
    let heading = language.pick("the last calls before it:", "出错前的最后几次调用：");
    let last = &calls[calls.len().saturating_sub(CALLS)..];
    last.iter().fold(format!("\n{heading}"), |text, call| text + "\n  " + call.in_words(language).as_str())
}

/// What a call does, in words. What an endpoint does, its row says in both languages.
pub fn deed(call: &Call, language: Language) -> String {
    let english = call.words();
    let service = Service::ALL.into_iter().find(|service| service.name() == call.service);
    match service.and_then(|service| service.row(&call.endpoint)) {
        Some(row) if language == Language::Chinese => match english.split_once(": ") {
            Some((what, _)) if english.ends_with(row.doc.trim_end_matches('.')) => format!("{what}：{}", row.chinese()),
            _ => language.say(&english).into_owned(),
        },
        _ => language.say(&english).into_owned(),
    }
}

/// An error's message, and whose it is.
pub fn said(error: &Error, language: Language) -> String {
    message_of(error, language).0
}

/// The message, and where it is not in the reader's language, what its kind means.
fn message_of(error: &Error, language: Language) -> (String, Option<String>) {
    let english = error.to_string();
    let Some(chinese) = language.translated(&error.message) else {
        let why = (language != Language::English && error.kind != Kind::Script)
            .then(|| explanation(error.kind, language).why.to_owned());
        return (english, why);
    };
    let from = english.strip_suffix(error.message.as_str()).unwrap_or_default();
    (format!("{from}{chinese}"), None)
}

/// What to do about an error that does not say it itself.
fn next_step(error: &Error, language: Language) -> Option<String> {
    // What a script throws, its author has words for; what somebody ended needs none.
    let clear = matches!(error.kind, Kind::Script | Kind::Cancelled | Kind::Syntax | Kind::Type | Kind::Field);
    (!clear).then(|| explanation(error.kind, language).next.to_owned())
}

fn called_from(frame: &Frame, language: Language) -> String {
    let Frame { function, file, line, column } = frame;
    match language {
        Language::English => frame.to_string(),
        Language::Chinese => format!("在 {function} 中，调用自 {file}:{line}:{column}"),
    }
}

/// What stands below a message that has no excerpt.
fn notes(why: Option<&str>, hint: Option<&str>, language: Language) -> String {
    let why = why.map(|why| format!("\n{}{why}", language.pick("why: ", "说明："))).unwrap_or_default();
    let hint = hint.map(|hint| format!("\n{}{hint}", language.pick("hint: ", "提示："))).unwrap_or_default();
    why + hint.as_str()
}

/// A message with the line it is about and a caret under the place.
struct Excerpt<'a> {
    severity: Severity,
    message: &'a str,
    why: Option<String>,
    hint: Option<String>,
    /// The file as it is shown, and its text where it is at hand.
    file: &'a str,
    text: Option<&'a str>,
    line: usize,
    column: usize,
}

impl Excerpt<'_> {
    /// Ends without a line end.
    fn render(&self, reader: Reader) -> String {
        let mut diagnostic = MietteDiagnostic::new(self.message).with_severity(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        });
        // The renderer's own label is English, and it breaks lines only where there are spaces.
        let english = reader.language == Language::English;
        if let Some(hint) = self.hint.as_ref().filter(|_| english) {
            diagnostic = diagnostic.with_help(hint);
        }
        let (offset, len) = self.text.map_or((0, 0), |text| span(text, self.line, self.column));
        let diagnostic = diagnostic.with_label(LabeledSpan::new(None, offset, len));
        let mut report = Report::new(diagnostic);
        if let Some(text) = self.text {
            report = report.with_source_code(NamedSource::new(self.file, text.to_owned()));
        }
        let theme = if reader.color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let mut out = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
        let notes = notes(self.why.as_deref(), self.hint.as_deref(), reader.language);
        if handler.render_report(&mut out, report.as_ref()).is_err() || self.text.is_none() {
            return format!("{}:{}:{}: {}{notes}", self.file, self.line, self.column, self.message)
                .trim_end()
                .to_owned();
        }
        let out = out.trim_end();
        if english { out.to_owned() } else { format!("{out}{}", notes.replace('\n', "\n  ")) }
    }
}

/// The bytes of the word at a place, for the caret.
fn span(text: &str, line: usize, column: usize) -> (usize, usize) {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let row = rest.split('\n').next().unwrap_or_default();
    let skip: usize = row.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
    let word = &row[skip..];
    let len: usize = word.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
    (start + skip, len.max(word.chars().next().map_or(0, char::len_utf8)))
}
