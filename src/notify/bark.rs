//! Bark. <https://bark.day.app>

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockCipherEncrypt, BlockModeEncrypt as _, KeyInit, KeyIvInit as _};
use aes::{Aes128, Aes192, Aes256};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rand::Rng as _;
use serde_json::{Value, json};

use super::message::Message;
use super::provider::{Answer, Outgoing, Provider, Refusal, Settings};
use crate::error::{Error, Kind, Result};
use crate::level::Level;

pub(super) struct Bark;

impl Provider for Bark {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        let server = settings.server()?;
        // Some write the address with the path that it needs.
        let url = if server.ends_with("/push") { server } else { format!("{server}/push") };
        let title = settings.heading(message);
        let mut body = json!({
            "title": title,
            "body": settings.beside(message, &title),
            "level": level(message, settings.flag("critical")),
        });
        for key in ["group", "sound"] {
            if let Some(value) = settings.text(key)? {
                body[key] = value.into();
            }
        }
        let device = settings.need("key")?;
        if let Some(key) = settings.text("encryption_key")? {
            let iv: String = rand::rng().sample_iter(rand::distr::Alphanumeric).take(16).map(char::from).collect();
            body = json!({"device_key": device, "ciphertext": encrypt(&key, &iv, &body)?, "iv": iv});
        } else {
            body["device_key"] = device.into();
        }
        Ok(Outgoing::post(url, body))
    }

    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        answer.by_code("code", 200, &["message"]).map_err(|refusal| {
            if refusal.error.code == Some(400) { refusal.hint("is `key` the device's key?") } else { refusal }
        })
    }
}

fn level(message: &Message, critical: bool) -> &'static str {
    match message.level {
        _ if message.silent => "passive",
        Level::Error if critical && message.urgent() => "critical",
        Level::Warn | Level::Error => "timeSensitive",
        _ => "active",
    }
}

/// AES in the mode CBC, by the length of the key.
fn encrypt(key: &str, iv: &str, body: &Value) -> Result<String> {
    fn cbc<C: BlockCipherEncrypt + KeyInit>(key: &str, iv: &str, text: &str) -> Option<String> {
        let encryptor = cbc::Encryptor::<C>::new_from_slices(key.as_bytes(), iv.as_bytes()).ok()?;
        Some(BASE64_STANDARD.encode(encryptor.encrypt_padded_vec::<Pkcs7>(text.as_bytes())))
    }
    let text = body.to_string();
    let encrypted = match key.len() {
        16 => cbc::<Aes128>(key, iv, &text),
        24 => cbc::<Aes192>(key, iv, &text),
        32 => cbc::<Aes256>(key, iv, &text),
        _ => None,
    };
    encrypted.ok_or_else(|| {
        Error::new(Kind::Config, format!("`encryption_key` has {} bytes", key.len()))
            .hint("it has 16, 24 or 32, as the app shows it; the mode there must be CBC")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_that_of_the_documentation() {
        // The example of its page, whose JSON has a blank after each colon and comma.
        let text = r#"{"body": "test", "sound": "birdsong"}"#;
        let key = "1234567890123456";
        let encryptor = cbc::Encryptor::<Aes128>::new_from_slices(key.as_bytes(), key.as_bytes()).unwrap();
        let encrypted = BASE64_STANDARD.encode(encryptor.encrypt_padded_vec::<Pkcs7>(text.as_bytes()));
        assert_eq!(encrypted, "+aPt5cwN9GbTLLSFri60l3h1X00u/9j1FENfWiTxhNHVLGU+XoJ15JJG5W/d/yf0");
        for length in [16, 24, 32] {
            assert!(encrypt(&"k".repeat(length), key, &json!({})).is_ok());
        }
        assert_eq!(encrypt("short", key, &json!({})).unwrap_err().kind, Kind::Config);
    }
}
