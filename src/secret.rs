//! Values that must not be seen, and the masker that keeps them out of every text.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded;

use crate::error::Error;

/// What is printed in place of a secret.
pub const MASK: &str = "***";

/// A password, key or token. It cannot be printed or serialised; [`Secret::expose`] is the only way to it.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Secret(Arc<str>);

impl Secret {
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().into())
    }

    /// The text itself, for the wire and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Knows every secret of the process and replaces them in texts, in each encoding that we send.
#[derive(Clone, Default)]
pub struct Masker(Arc<RwLock<Vec<String>>>);

impl Masker {
    /// What is left as it is in a path or a query (RFC 3986).
    const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    /// From so many bytes on, what Base64 makes of it inside a longer text is told from ordinary words.
    const EMBEDDED: usize = 8;
    /// Shorter ones are not masked by value: they would blot out ordinary words.
    const SHORTEST: usize = 4;

    pub fn add(&self, secret: &Secret) {
        let text = secret.expose();
        if text.chars().count() < Self::SHORTEST {
            return;
        }
        let forms = forms(text);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for form in forms {
            if !known.contains(&form) {
                known.push(form);
            }
        }
        // Longest first, so that a secret that contains another is masked whole.
        known.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// The text with every known secret replaced by [`MASK`].
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut masked = Cow::Borrowed(text);
        for form in known.iter() {
            if masked.contains(form.as_str()) {
                masked = Cow::Owned(masked.replace(form.as_str(), MASK));
            }
        }
        masked
    }

    /// The same error without secrets in its words.
    #[must_use]
    pub fn mask_error(&self, mut error: Error) -> Error {
        error.message = self.mask(&error.message).into_owned();
        error.hint = error.hint.take().map(|hint| self.mask(&hint).into_owned());
        error.endpoint = error.endpoint.take().map(|endpoint| self.mask(&endpoint).into_owned());
        error
    }

    /// What was given to a call, for a record of it: every text masked, and whatever stands under a name that says
    /// that it is a secret.
    pub fn mask_args(&self, args: serde_json::Value) -> serde_json::Value {
        hide_named(self.mask_json(args))
    }

    /// Every text inside a JSON value masked; keys too, since a map may be keyed by a token.
    pub fn mask_json(&self, value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::String(text) => Value::String(self.mask(&text).into_owned()),
            Value::Array(items) => items.into_iter().map(|item| self.mask_json(item)).collect(),
            Value::Object(map) => {
                map.into_iter().map(|(key, item)| (self.mask(&key).into_owned(), self.mask_json(item))).collect()
            }
            other => other,
        }
    }
}

/// Whether a key says that its value is a secret: `api_key`, `web_ui_password`, `Authorization`.
pub fn names_secret(key: &str) -> bool {
    const NAMES: [&str; 10] = [
        "token",
        "apikey",
        "secret",
        "password",
        "passwd",
        "authorization",
        "accesskey",
        "sendkey",
        "devicekey",
        "pushkey",
    ];
    let key = key.to_ascii_lowercase().replace(['-', '_'], "");
    NAMES.iter().any(|name| key.ends_with(name))
}

fn hide_named(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Array(items) => items.into_iter().map(hide_named).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| {
                let hidden = value.as_str().is_some_and(|text| !text.is_empty()) && names_secret(&key);
                let value = if hidden { MASK.into() } else { hide_named(value) };
                (key, value)
            })
            .collect(),
        other => other,
    }
}

/// Two lower-case digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + format!("{byte:02x}").as_str())
}

/// A text in every encoding that it may be sent or printed in.
fn forms(text: &str) -> Vec<String> {
    let json = serde_json::Value::from(text).to_string();
    let percent = [NON_ALPHANUMERIC, &Masker::UNRESERVED].map(|set| utf8_percent_encode(text, set).to_string());
    let form: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let mut forms = vec![
        text.to_owned(),
        json[1..json.len() - 1].to_owned(),
        text.escape_debug().to_string(),
        BASE64_STANDARD.encode(text),
        BASE64_STANDARD_NO_PAD.encode(text),
        BASE64_URL_SAFE.encode(text),
        hex(text.as_bytes()),
    ];
    for encoded in percent.into_iter().chain([form]) {
        forms.push(lower_hex(&encoded));
        forms.push(encoded);
    }
    if text.len() >= Masker::EMBEDDED {
        // As `user:password` of a login, or inside a longer text: only the characters that it alone decides.
        for before in 0..3 {
            let whole = [vec![0; before], text.as_bytes().to_vec()].concat();
            let (first, last) = ((before * 8).div_ceil(6), whole.len() * 8 / 6);
            forms.push(BASE64_STANDARD_NO_PAD.encode(&whole)[first..last].to_owned());
            forms.push(BASE64_URL_SAFE.encode(&whole)[first..last].to_owned());
        }
    }
    forms
}

/// `%2F` as `%2f`.
fn lower_hex(encoded: &str) -> String {
    let mut left = 0;
    let mut lower = |c: char| {
        let hex = left > 0;
        left = if c == '%' {
            2
        } else if hex {
            left - 1
        } else {
            0
        };
        if hex { c.to_ascii_lowercase() } else { c }
    };
    encoded.chars().map(&mut lower).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_cannot_be_printed() {
        let secret = Secret::new("private_abc");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
    }

    #[test]
    fn every_encoding_is_masked() {
        let masker = Masker::default();
        masker.add(&Secret::new("p\"ss/wörd"));
        for text in ["p\"ss/wörd", r#"p\"ss/wörd"#, "p%22ss%2Fw%C3%B6rd", &BASE64_STANDARD.encode("p\"ss/wörd")] {
            assert_eq!(masker.mask(&format!("a {text} b")), "a *** b", "{text}");
        }
        let (standard, url_safe) = (BASE64_STANDARD, BASE64_URL_SAFE);
        for before in ["", "u", "us", "user:"] {
            let login = format!("{before}p\"ss/wörd and more");
            for encoded in [standard.encode(&login), url_safe.encode(&login)] {
                let masked = masker.mask(&encoded).into_owned();
                assert!(masked.contains(MASK), "{before}: {encoded}");
            }
        }
    }

    #[test]
    fn what_stands_under_a_telling_name_is_masked_in_arguments() {
        let args = serde_json::json!({"web_ui_password": "a", "body": [{"sendKey": "b", "key": "c"}], "token": ""});
        let masked = Masker::default().mask_args(args);
        let expected =
            serde_json::json!({"web_ui_password": MASK, "body": [{"sendKey": MASK, "key": "c"}], "token": ""});
        assert_eq!(masked, expected);
    }

    #[test]
    fn what_a_query_or_a_form_makes_of_it_is_masked() {
        let masker = Masker::default();
        masker.add(&Secret::new("a_b/c d~e"));
        let sent = ["a_b%2Fc%20d~e", "a_b%2fc%20d~e", "a_b%2Fc+d%7Ee", "a%5Fb%2Fc%20d%7Ee", "615f622f6320647e65"];
        for text in sent {
            assert_eq!(masker.mask(&format!("?token={text}&n=1")), "?token=***&n=1", "{text}");
        }
        let error = Error::new(crate::error::Kind::Api, "no a_b/c d~e").hint("not `a_b/c d~e`");
        let masked = masker.mask_error(error);
        assert_eq!((masked.message.as_str(), masked.hint.as_deref()), ("no ***", Some("not `***`")));
    }
}
