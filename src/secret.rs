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

/// Whether a name may be that of a secret. Where nothing is lost by a name too many: what is not remembered, not what is
/// masked or warned of.
pub fn may_name_secret(name: &str) -> bool {
    const PARTS: [&str; 12] = [
        "password",
        "passwd",
        "passphrase",
        "token",
        "secret",
        "apikey",
        "api_key",
        "authorization",
        "cookie",
        "credential",
        "login",
        "bearer",
    ];
    const WORDS: [&str; 8] = ["pass", "pw", "pwd", "key", "auth", "otp", "pin", "sid"];
    let lower = name.to_lowercase();
    let words = || lower.split(|c: char| !c.is_alphanumeric());
    names_secret(name)
        || PARTS.iter().any(|part| lower.contains(part))
        || ["key", "pass"].iter().any(|end| lower.ends_with(end))
        || words().any(|word| WORDS.contains(&word))
}

/// Whether a text may hold a secret, in the same sense.
pub fn may_give_away(text: &str) -> bool {
    let lower = text.to_lowercase();
    let has_user = |(_, rest): (&str, &str)| rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@'));
    gives_away(text).is_some()
        || ["private_", "bearer ", "basic "].iter().any(|mark| lower.contains(mark))
        || text.split_once("://").is_some_and(has_user)
}

/// What a text gives away that stands in a script, if anything.
pub fn gives_away(text: &str) -> Option<&'static str> {
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    let word = |rest: &str| -> String {
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "_-.~+=".contains(*c)).collect()
    };
    if after("private_").is_some_and(|rest| word(rest).len() >= 16) {
        return Some("a key of KiwiVM");
    }
    if ["Bearer ", "bearer ", "Basic ", "token "]
        .iter()
        .filter_map(|mark| after(mark))
        .any(|rest| word(rest).len() >= 12 && rest.len() == word(rest).len())
    {
        return Some("a token");
    }
    if let Some(rest) = after("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.split_once('@').is_some_and(|(user, _)| {
            user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && password != "password")
        }) {
            return Some("a password");
        }
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = key.to_ascii_lowercase();
            if ["token", "key", "apikey", "api_key", "secret", "password", "passkey", "access_token", "sign", "sckey"]
                .contains(&key.as_str())
                && value.len() >= 8
                && !value.contains("${")
            {
                return Some("a token");
            }
        }
        return rest.split(['/', '?', '&', '=', '#']).any(is_token).then_some("a token");
    }
    if text.starts_with(['/', '.']) || text.contains(' ') || text.contains(',') {
        return None;
    }
    is_token(text).then_some("what looks like a token")
}

/// Long, of letters of both cases and digits, and no hash or UUID.
fn is_token(word: &str) -> bool {
    let allowed = word.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:+=~".contains(c));
    if word.len() < 24 || !allowed {
        return false;
    }
    let known = ["sk-", "sk_", "ghp_", "gho_", "github_pat_", "xoxb-", "xoxp-", "glpat-", "AKIA", "eyJ", "SCT"];
    if known.iter().any(|prefix| word.starts_with(prefix)) {
        return true;
    }
    let has = |test: fn(&char) -> bool| word.chars().any(|c| test(&c));
    let digits = word.chars().filter(char::is_ascii_digit).count();
    // Names of releases and of files: a key has no words in it that dots and dashes hold together.
    let parts = word.split(['-', '.', '_', '+', ':']).filter(|part| !part.is_empty());
    if parts.clone().count() >= 3 && parts.clone().all(|part| part.len() < 16) {
        return false;
    }
    has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && digits >= 3 && !word.contains("..")
        // A bot's token: digits, a colon, and what is behind it.
        || word.split_once(':').is_some_and(|(id, key)| id.len() >= 6 && id.chars().all(|c| c.is_ascii_digit()) && key.len() >= 24)
        // Hexadecimal, of no length that a hash of a torrent or a file has.
        || word.len() >= 32 && word.chars().all(|c| c.is_ascii_hexdigit()) && digits >= 4 && ![40, 64].contains(&word.len())
        || word.len() >= 32 && has(char::is_ascii_lowercase) && digits >= 6 && word.chars().all(|c| c.is_ascii_alphanumeric()) && !word.chars().all(|c| c.is_ascii_hexdigit())
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

    #[test]
    fn keys_are_told_from_hashes_and_words() {
        for text in [
            "private_abcdefghijklmnop1234",
            "Bearer abcdefghij1234567890",
            "https://push.example.org/send?token=abcdefgh12345",
            "https://user:hunter22@example.org/",
            "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc",
            "https://api.telegram.org/bot123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc/sendMessage",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "d41d8cd98f00b204e9800998ecf8427e",
        ] {
            assert!(gives_away(text).is_some(), "{text}");
        }
        for text in [
            "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
            "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0",
            "https://api.example.org/v1/status?page=1",
            "the daily report of all instances",
            "quota-guard-tokyo",
            "/data/torrents/linux/iso/debian-12.5.0-amd64.iso",
            "%Y-%m-%d %H:%M",
            "Europe/Berlin",
            "private_tracker",
        ] {
            assert_eq!(gives_away(text), None, "{text}");
        }
    }
}
