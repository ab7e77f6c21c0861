//! A value as a person reads it: numbers with their units, laid out as a table or a tree that fits a width.

use nu_ansi_term::{Color, Style};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

mod table;

/// A value whose leaves are texts already.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// `()`.
    Nothing,
    /// A text, as it is.
    Text(String),
    /// Stands to the right in a table. `exact` is what it is rounded from.
    Number {
        text: String,
        exact: Option<String>,
    },
    /// A time, an address, a handle.
    Other(String),
    List(Vec<Shown>),
    /// In the order in which the fields are shown.
    Map(Vec<(String, Shown)>),
}

/// What it is drawn for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Columns of the terminal; as wide as it likes where there is none.
    pub width: Option<usize>,
    pub color: bool,
}

/// Columns that a text beside others may take where nothing limits the width.
const WIDE: usize = 100;
/// Deeper lists and maps stand in one line.
const DEEPEST: usize = 8;
/// Lines of a text inside a map.
const LINES: usize = 20;
/// Items of a list that are not rows.
const ITEMS: usize = 500;

impl Shown {
    /// Whether there is nothing to look at.
    pub const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// The same with each text, keys included, put through `change`.
    #[must_use]
    pub fn with_texts(self, change: &impl Fn(&str) -> String) -> Self {
        match self {
            Self::Nothing => self,
            Self::Text(text) => Self::Text(change(&text)),
            Self::Number { text, exact } => Self::Number { text, exact },
            Self::Other(text) => Self::Other(change(&text)),
            Self::List(items) => Self::List(items.into_iter().map(|item| item.with_texts(change)).collect()),
            Self::Map(entries) => {
                let entry = |(key, item): (String, Self)| (change(&key), item.with_texts(change));
                Self::Map(entries.into_iter().map(entry).collect())
            }
        }
    }

    /// Lines without a line break at the end.
    pub fn draw(&self, look: Look) -> String {
        match self {
            Self::Number { text, exact: Some(exact) } => format!("{text} ({exact})"),
            Self::List(_) | Self::Map(_) => self.block(look, 0).join("\n"),
            leaf => leaf.plain(),
        }
    }

    /// The lines of a list or a map; of anything else, itself.
    fn block(&self, look: Look, depth: usize) -> Vec<String> {
        match self {
            Self::List(items) if items.is_empty() => vec!["[]".into()],
            Self::Map(entries) if entries.is_empty() => vec!["#{}".into()],
            _ if depth >= DEEPEST => vec![self.inline(look.width.unwrap_or(WIDE))],
            Self::List(items) if items.iter().all(|item| matches!(item, Self::Map(_))) => table::draw(items, look),
            Self::List(items) => list(items, look, depth),
            Self::Map(entries) => tree(entries, look, depth),
            leaf => leaf.plain().lines().map(ToOwned::to_owned).collect(),
        }
    }

    fn plain(&self) -> String {
        match self {
            Self::Nothing => "()".into(),
            Self::Text(text) | Self::Number { text, .. } | Self::Other(text) => text.clone(),
            Self::List(_) | Self::Map(_) => self.inline(usize::MAX),
        }
    }

    /// In one line of at most `width` columns.
    fn inline(&self, width: usize) -> String {
        let mut text = String::new();
        self.write(&mut text, width);
        clip(&text, width)
    }

    /// Stops a little after `most` bytes: whoever asked will clip it.
    fn write(&self, out: &mut String, most: usize) {
        match self {
            Self::Text(text) => *out += &format!("{text:?}"),
            Self::List(items) => {
                *out += "[";
                for (n, item) in items.iter().enumerate() {
                    if out.len() / 4 > most {
                        break;
                    }
                    *out += if n > 0 { ", " } else { "" };
                    item.write(out, most);
                }
                *out += "]";
            }
            Self::Map(entries) => {
                *out += "#{";
                for (n, (key, item)) in entries.iter().enumerate() {
                    if out.len() / 4 > most {
                        break;
                    }
                    *out += &format!("{}{key}: ", if n > 0 { ", " } else { "" });
                    item.write(out, most);
                }
                *out += "}";
            }
            leaf => *out += &leaf.plain(),
        }
    }

    const fn is_leaf(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Map(_))
    }
}

/// JSON of which nothing else is known.
impl From<&Value> for Shown {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(_) => Self::Other(value.to_string()),
            Value::Number(_) => Self::Number { text: value.to_string(), exact: None },
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(map) => Self::Map(map.iter().map(|(key, item)| (key.clone(), Self::from(item))).collect()),
        }
    }
}

/// Items that are no rows: beside each other where they fit, else one below the other.
fn list(items: &[Shown], look: Look, depth: usize) -> Vec<String> {
    let width = look.width.unwrap_or(WIDE);
    if items.iter().all(Shown::is_leaf) {
        let line = Shown::List(items.to_vec()).inline(usize::MAX);
        if line.width() <= width {
            return vec![line];
        }
    }
    let mut lines = Vec::new();
    for item in items.iter().take(ITEMS) {
        let inner = Look { width: look.width.map(|width| width.saturating_sub(2)), ..look };
        let own =
            if item.is_leaf() { vec![item.inline(inner.width.unwrap_or(WIDE))] } else { item.block(inner, depth + 1) };
        for (n, line) in own.into_iter().enumerate() {
            lines.push(format!("{}{line}", if n == 0 { "- " } else { "  " }));
        }
    }
    if items.len() > ITEMS {
        lines.push(format!("… {} more", items.len() - ITEMS));
    }
    lines
}

/// Field by field, what is inside a field below it.
fn tree(entries: &[(String, Shown)], look: Look, depth: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let longest = entries.iter().map(|(key, _)| key.width()).filter(|width| *width <= 32).max().unwrap_or(0);
    let width = look.width.map_or(WIDE, |width| width.saturating_sub(longest + 2)).max(12);
    for (key, item) in entries {
        let head = paint(&pad(key, longest), Color::Cyan.normal(), look.color);
        let line = match item {
            Shown::Nothing => Some("()".to_owned()),
            Shown::Text(text) if text.contains('\n') => None,
            Shown::Text(text) => Some(clip(text, width)),
            Shown::List(items) if items.is_empty() => Some("[]".into()),
            Shown::List(items) if !items.iter().all(Shown::is_leaf) => None,
            Shown::Map(inner) if inner.len() > 3 || !inner.iter().all(|(_, item)| item.is_leaf()) => None,
            Shown::List(_) | Shown::Map(_) => Some(item.inline(usize::MAX)).filter(|line| line.width() <= width),
            leaf => Some(clip(&leaf.plain(), width)),
        };
        if let Some(line) = line {
            lines.push(format!("{head}  {line}").trim_end().to_owned());
            continue;
        }
        let inner = Look { width: look.width.map(|width| width.saturating_sub(2)), ..look };
        lines.push(paint(key, Color::Cyan.normal(), look.color));
        let all = match item {
            Shown::Text(text) => {
                let mut all: Vec<_> =
                    text.lines().take(LINES).map(|line| clip(line, inner.width.unwrap_or(WIDE))).collect();
                let more = text.lines().count().saturating_sub(LINES);
                all.extend((more > 0).then(|| format!("… {more} more lines")));
                all
            }
            item => item.block(inner, depth + 1),
        };
        lines.extend(all.into_iter().map(|line| format!("  {line}").trim_end().to_owned()));
    }
    lines
}

fn paint(text: &str, style: Style, color: bool) -> String {
    if color { style.paint(text).to_string() } else { text.to_owned() }
}

/// With spaces up to a width.
fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// At most so many columns, an ellipsis at the end of what was cut.
pub fn clip(text: &str, width: usize) -> String {
    let flat = |c: char| if c.is_control() { ' ' } else { c };
    if text.width() <= width {
        return text.chars().map(flat).collect();
    }
    let mut used = 1;
    let mut kept = String::new();
    for c in text.chars().map(flat) {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

/// Each line broken between words where it is too wide, what goes on as far in as the line began. Wide characters
/// need no space between them.
pub fn wrap(text: &str, width: Option<usize>) -> String {
    let Some(width) = width.map(|width| width.max(20)) else { return text.to_owned() };
    let mut out = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let mut rest = line.to_owned();
        while rest.width() > width {
            let mut used = 0;
            let (mut last, mut broken) = (0, None);
            for (at, c) in rest.char_indices() {
                if c == ' ' && at > indent {
                    broken = Some(at);
                }
                used += c.width().unwrap_or(0);
                if used > width {
                    break;
                }
                last = at + c.len_utf8();
                if c.width() == Some(2) {
                    broken = Some(last);
                }
            }
            let at = broken.unwrap_or(last);
            out.push(rest[..at].trim_end().to_owned());
            rest = format!("{}{}", " ".repeat(indent), rest[at..].trim_start());
        }
        out.push(rest);
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drawn(value: &Value, width: usize) -> String {
        Shown::from(value).draw(Look { width: Some(width), color: false })
    }

    #[test]
    fn a_map_is_a_tree_and_what_is_short_stays_in_its_line() {
        let value = json!({"percent": 93.5, "name": "tokyo", "ips": ["203.0.113.7"], "none": null,
            "plan": {"name": "1 TB", "monthly": 1, "sticky": false, "ends": "2026"}, "rows": [{"a": 1, "b": "x"}]});
        let tree = "percent  93.5\nname     tokyo\nips      [\"203.0.113.7\"]\nnone     ()\nplan\n  name     1 TB\n  \
                    monthly  1\n  sticky   false\n  ends     2026\nrows\n  a  b\n  1  x";
        assert_eq!(drawn(&value, 40), tree);
    }

    #[test]
    fn nothing_is_wider_than_the_terminal() {
        let row = json!({"name": "流量".repeat(40), "text": "x".repeat(300), "list": [[1, 2], {"a": "b".repeat(90)}]});
        for value in [row.clone(), json!([row, {"name": "y", "other": 1}]), json!([1, "x".repeat(200)])] {
            for width in [20, 40, 80] {
                let text = drawn(&value, width);
                assert!(text.lines().all(|line| line.width() <= width), "{width}:\n{text}");
            }
        }
    }

    #[test]
    fn leaves_are_themselves_and_a_rounded_one_says_from_what() {
        assert_eq!(drawn(&json!("a\nb"), 10), "a\nb");
        let size = Shown::Number { text: "1.5 GiB".into(), exact: Some("1610612736".into()) };
        assert_eq!(size.draw(Look::default()), "1.5 GiB (1610612736)");
        assert_eq!(Shown::List(vec![size]).draw(Look::default()), "[1.5 GiB]");
        assert_eq!(drawn(&json!([]), 10), "[]");
    }

    #[test]
    fn long_sentences_are_broken_between_words() {
        let text = "head\n  one two three four five six\n  流量流量流量流量流量流量";
        assert_eq!(wrap(text, Some(20)), "head\n  one two three four\n  five six\n  流量流量流量流量流\n  量流量");
        assert_eq!(wrap(&"x".repeat(45), Some(20)).lines().count(), 3);
        assert_eq!(wrap(text, None), text);
    }

    #[test]
    fn what_is_cut_says_so_in_columns() {
        assert_eq!(clip("流量流量", 5), "流量…");
        assert_eq!(clip("流量流量", 8), "流量流量");
        assert_eq!(clip("a\tb", 8), "a b");
    }
}
