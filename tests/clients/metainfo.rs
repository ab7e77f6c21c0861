//! Torrent files made on the spot, so that nothing has to be fetched.

use std::fmt::Write as _;

use sha1::{Digest as _, Sha1};

const PIECE: usize = 1 << 16;

/// A torrent of one file, and that file.
pub struct Torrent {
    pub name: String,
    pub hash: String,
    /// The `.torrent` file.
    pub file: Vec<u8>,
    pub content: Vec<u8>,
}

impl Torrent {
    /// `size` bytes that no two names share.
    pub fn new(name: &str, size: usize, private: bool) -> Self {
        let mut seed = name
            .bytes()
            .fold(0x9e37_79b9_7f4a_7c15_u64, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let content: Vec<u8> = std::iter::repeat_with(|| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed.to_le_bytes()
        })
        .flatten()
        .take(size)
        .collect();
        let pieces: Vec<u8> = content.chunks(PIECE).flat_map(|piece| Sha1::digest(piece).to_vec()).collect();
        let mut info =
            format!("d6:lengthi{size}e4:name{}:{name}12:piece lengthi{PIECE}e6:pieces{}:", name.len(), pieces.len())
                .into_bytes();
        info.extend(&pieces);
        if private {
            info.extend(b"7:privatei1e");
        }
        info.push(b'e');
        let mut hash = String::new();
        for byte in Sha1::digest(&info) {
            write!(hash, "{byte:02x}").unwrap();
        }
        let mut file = b"d4:info".to_vec();
        file.extend(&info);
        file.push(b'e');
        Self { name: name.into(), hash, file, content }
    }
}

#[test]
fn a_torrent_file_is_what_it_says() {
    let torrent = Torrent::new("a", PIECE + 1, true);
    assert_eq!((torrent.content.len(), torrent.hash.len()), (PIECE + 1, 40));
    assert_eq!(torrent.content, Torrent::new("a", PIECE + 1, false).content);
    assert_ne!(torrent.hash, Torrent::new("a", PIECE + 1, false).hash);
}
