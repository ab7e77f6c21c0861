//! SHA-1, for what was defined with it long ago: info hashes of torrents and the login of BitComet.

/// Bytes of a block.
const BLOCK: usize = 64;

/// A digest under way, whose state so far can be kept and used again.
#[derive(Clone)]
struct Digest {
    state: [u32; 5],
    length: u64,
    rest: Vec<u8>,
}

impl Digest {
    const START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

    fn new(data: &[u8]) -> Self {
        Self { state: Self::START, length: 0, rest: Vec::new() }.with(data)
    }

    fn with(mut self, data: &[u8]) -> Self {
        self.length += u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.rest.extend_from_slice(data);
        let whole = self.rest.len() / BLOCK * BLOCK;
        for block in self.rest[..whole].chunks_exact(BLOCK) {
            mix(&mut self.state, block);
        }
        self.rest.drain(..whole);
        self
    }

    fn end(self) -> [u8; 20] {
        let bits = (self.length * 8).to_be_bytes();
        let zeros = (2 * BLOCK - 9 - self.rest.len()) % BLOCK;
        let padding: Vec<u8> = std::iter::once(0x80).chain(std::iter::repeat_n(0, zeros)).chain(bits).collect();
        let mut digest = [0; 20];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.with(&padding).state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }
}

/// The compression of FIPS 180-4.
#[expect(clippy::many_single_char_names, reason = "the standard calls them so")]
fn mix(state: &mut [u32; 5], block: &[u8]) {
    let mut words = [0_u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    for at in 16..80 {
        words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (at, word) in words.into_iter().enumerate() {
        let (f, k) = match at / 20 {
            0 => (b & c | !b & d, 0x5a82_7999),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => (b & c | b & d | c & d, 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(word);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    for (sum, value) in state.iter_mut().zip([a, b, c, d, e]) {
        *sum = sum.wrapping_add(value);
    }
}

/// The SHA-1 of some bytes.
pub fn sha1(data: &[u8]) -> [u8; 20] {
    Digest::new(data).end()
}

/// A key of 32 bytes from a password: PBKDF2 of RFC 8018 over HMAC-SHA-1.
pub fn stretch(password: &[u8], salt: &[u8], rounds: u32) -> [u8; 32] {
    let mut key = [0; BLOCK];
    if password.len() > BLOCK {
        key[..20].copy_from_slice(&sha1(password));
    } else {
        key[..password.len()].copy_from_slice(password);
    }
    // Both halves of HMAC begin with the key, which is mixed in once for all rounds.
    let inner = Digest::new(&key.map(|byte| byte ^ 0x36));
    let outer = Digest::new(&key.map(|byte| byte ^ 0x5c));
    let hmac = |data: &[u8]| outer.clone().with(&inner.clone().with(data).end()).end();
    let mut stretched = [0; 32];
    for (number, part) in (1_u32..).zip(stretched.chunks_mut(20)) {
        let mut round = hmac(&[salt, &number.to_be_bytes()].concat());
        let mut sum = round;
        for _ in 1..rounds {
            round = hmac(&round);
            for (sum, byte) in sum.iter_mut().zip(round) {
                *sum ^= byte;
            }
        }
        part.copy_from_slice(&sum[..part.len()]);
    }
    stretched
}

#[cfg(test)]
mod tests {
    use ::sha1::{Digest as _, Sha1};

    use super::*;
    use crate::secret::hex;

    #[test]
    fn digests_are_those_of_the_standard() {
        assert_eq!(hex(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        // Every length around the ends of blocks.
        let data: Vec<u8> = (0..200).collect();
        for length in 0..data.len() {
            assert_eq!(sha1(&data[..length]).as_slice(), Sha1::digest(&data[..length]).as_slice(), "{length}");
        }
    }

    #[test]
    fn keys_are_those_of_rfc_6070() {
        let key = |rounds| hex(&stretch(b"password", b"salt", rounds)[..20]);
        assert_eq!(key(1), "0c60c80f961f0e71f3a9b524af6012062fe037a6");
        assert_eq!(key(4096), "4b007901b765489abead49d926f721d065a429c1");
        let long = stretch(b"passwordPASSWORDpassword", b"saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096);
        assert_eq!(hex(&long[..25]), "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
    }
}
