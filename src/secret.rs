//! Values that must not be seen, and the masker that keeps them out of every text.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

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
    /// Shorter ones are not masked by value: they would blot out ordinary words.
    const SHORTEST: usize = 4;

    pub fn add(&self, secret: &Secret) {
        let text = secret.expose();
        if text.chars().count() < Self::SHORTEST {
            return;
        }
        let json = serde_json::Value::from(text).to_string();
        let forms = [
            text.to_owned(),
            json[1..json.len() - 1].to_owned(),
            utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
            BASE64_STANDARD.encode(text),
            BASE64_STANDARD_NO_PAD.encode(text),
            BASE64_URL_SAFE.encode(text),
        ];
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
    }
}
