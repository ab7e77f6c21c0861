//! Any HTTP address, with a body of the user's making.

use reqwest::Method;
use serde_json::{Value, json};

use super::message::Message;
use super::provider::{Outgoing, Provider, Settings};
use crate::error::{Error, Kind, Result};
use crate::http::Body;

pub(super) struct Webhook;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

impl Provider for Webhook {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        let words = Words::of(settings, message);
        let method = settings.text("method")?.unwrap_or_else(|| "POST".into());
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Error::new(Kind::Config, format!("`{method}` is no method of HTTP")))?;
        // Braces of a placeholder were escaped when the address was checked.
        let url = settings.link()?.replace("%7B", "{").replace("%7D", "}");
        let url = words.fill(&url, percent);
        let mut headers = settings.pairs("headers")?;
        let body = match settings.text("body")? {
            Some(template) => {
                let own = headers.iter().position(|(name, _)| name.eq_ignore_ascii_case("content-type"));
                let own = own.map(|at| headers.remove(at).1);
                let kind = settings.text("content_type")?.or(own).unwrap_or_else(|| guess(&template).to_owned());
                let escape = match kind.split(';').next().unwrap_or_default().trim() {
                    JSON => json_part,
                    FORM => percent,
                    _ => str::to_owned,
                };
                Body::Typed(kind, words.fill(&template, escape))
            }
            None if method == Method::GET => Body::None,
            None => Body::Json(whole(message)),
        };
        Ok(Outgoing { method, url, headers, query: Vec::new(), body })
    }
}

/// What a template may ask for.
struct Words([(&'static str, String); 6]);

impl Words {
    fn of(settings: &Settings, message: &Message) -> Self {
        Self([
            ("title", message.heading().to_owned()),
            ("text", message.text.clone()),
            // What PBH calls it in its own templates.
            ("content", message.text.clone()),
            ("level", message.level.word().to_owned()),
            ("script", message.script.clone().unwrap_or_default()),
            ("time", settings.now.rfc3339(settings.zone)),
        ])
    }

    /// The template with `{title}` and `{{title}}` replaced in one pass, so that nothing in a message is
    /// taken for a placeholder.
    fn fill(&self, template: &str, escape: impl Fn(&str) -> String) -> String {
        let mut filled = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            filled += &rest[..at];
            rest = &rest[at..];
            let found = self.0.iter().find_map(|(name, value)| {
                [format!("{{{{{name}}}}}"), format!("{{{name}}}")]
                    .into_iter()
                    .find_map(|mark| rest.strip_prefix(&mark))
                    .map(|after| (after, value))
            });
            if let Some((after, value)) = found {
                filled += &escape(value);
                rest = after;
            } else {
                filled.push('{');
                rest = &rest[1..];
            }
        }
        filled + rest
    }
}

/// What is sent without a template.
fn whole(message: &Message) -> Value {
    json!({
        "title": message.title,
        "text": message.text,
        "level": message.level,
        "script": message.script,
        "silent": message.silent,
    })
}

fn guess(template: &str) -> &'static str {
    let form = |text: &str| text.split('&').all(|pair| pair.contains('=') && !pair.contains(char::is_whitespace));
    match template.trim_start() {
        text if text.starts_with(['{', '[']) && !text.starts_with("{text}") && !text.starts_with("{title}") => JSON,
        text if form(text) => FORM,
        _ => "text/plain; charset=utf-8",
    }
}

/// Inside the quotes of a JSON text.
fn json_part(text: &str) -> String {
    let json = Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in_one_pass() {
        let words = Words([
            ("title", "A {text}".into()),
            ("text", "say \"流量\"\n".into()),
            ("content", "c".into()),
            ("level", "warn".into()),
            ("script", String::new()),
            ("time", "now".into()),
        ]);
        assert_eq!(words.fill("{title}|{{content}}|{x}|{level", str::to_owned), "A {text}|c|{x}|{level");
        let json = words.fill(r#"{"t": "{title}", "c": "{text}"}"#, json_part);
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["c"], "say \"流量\"\n");
        assert_eq!(words.fill("t={title}", percent), "t=A%20%7Btext%7D");
        for (template, kind) in [
            (r#" {"a": 1}"#, JSON),
            ("[{text}]", JSON),
            ("text={text}&x=1", FORM),
            ("{title}: {text}", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(guess(template), kind, "{template}");
        }
    }
}
