//! The envelope that BitComet's login is sent in: `RNCryptor` 3. The password to it travels beside it, so that it hides
//! nothing from whoever reads along.

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use pbkdf2::pbkdf2_hmac_array;
use sha1::Sha1;
use sha2::Sha256;

const ROUNDS: u32 = 10_000;
/// The format's version, and that its keys come from a password.
const VERSION: [u8; 2] = [3, 1];
/// Two salts and the vector that the cipher begins with.
const SALT: usize = 8;
const HEAD: usize = VERSION.len() + 2 * SALT + 16;
const SEAL: usize = 32;

/// A text sealed with a password, in Base64.
pub(super) fn seal(text: &str, password: &str) -> String {
    seal_with(text, password, rand::random())
}

fn seal_with(text: &str, password: &str, random: [u8; HEAD - VERSION.len()]) -> String {
    let mut sealed = [&VERSION, &random[..]].concat();
    let (key, seal) = keys(&sealed, password);
    let cipher = cbc::Encryptor::<Aes256>::new_from_slices(&key, &sealed[HEAD - 16..HEAD]);
    let cipher = cipher.expect("a key of 32 bytes and a vector of 16 are what the cipher takes");
    sealed.extend(cipher.encrypt_padded_vec::<Pkcs7>(text.as_bytes()));
    let seal = seal.chain_update(&sealed).finalize().into_bytes();
    sealed.extend(seal);
    BASE64_STANDARD.encode(sealed)
}

/// The text in an envelope; `None` where the password is another one or it has been tampered with.
pub(crate) fn open(sealed: &str, password: &str) -> Option<String> {
    let sealed = BASE64_STANDARD.decode(sealed).ok()?;
    if sealed.len() < HEAD + SEAL || !sealed.starts_with(&VERSION) {
        return None;
    }
    let (body, seal) = sealed.split_at(sealed.len() - SEAL);
    let (key, expected) = keys(body, password);
    expected.chain_update(body).verify_slice(seal).ok()?;
    let cipher = cbc::Decryptor::<Aes256>::new_from_slices(&key, &body[HEAD - 16..HEAD]).ok()?;
    String::from_utf8(cipher.decrypt_padded_vec::<Pkcs7>(&body[HEAD..]).ok()?).ok()
}

/// What encrypts, and what signs, by the salts of an envelope.
fn keys(envelope: &[u8], password: &str) -> ([u8; 32], Hmac<Sha256>) {
    let salts = &envelope[VERSION.len()..];
    let key = |salt: &[u8]| pbkdf2_hmac_array::<Sha1, 32>(password.as_bytes(), salt, ROUNDS);
    let seal = Hmac::<Sha256>::new_from_slice(&key(&salts[SALT..2 * SALT])).expect("an HMAC takes any key");
    (key(&salts[..SALT]), seal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::hex;

    #[test]
    fn envelopes_are_those_of_the_format() {
        // Of the format's own vectors: all fields zero, nothing inside.
        let sealed = BASE64_STANDARD.decode(seal_with("", "a", [0; 32])).unwrap();
        let zeros = "00".repeat(32);
        let rest = "b3039be31cd7ece5e754f5c8da17003666313ae8a89ddcf8e3cb41fdc130b2329dbe07d6f4d32c34e050c8bd7e933b12";
        assert_eq!(hex(&sealed), format!("0301{zeros}{rest}"));
    }

    #[test]
    fn only_the_password_opens_them() {
        let sealed = seal("流量", "a-client");
        assert_eq!(open(&sealed, "a-client").as_deref(), Some("流量"));
        assert_eq!(open(&sealed, "another"), None);
        assert_eq!(open("AwE=", "a-client"), None);
    }
}
