//! What a simulated client reads of a torrent file.

use sha1::{Digest as _, Sha1};

use crate::secret::hex;

pub(super) struct Metainfo {
    pub hash: String,
    pub name: String,
    pub size: u64,
    pub private: bool,
}

/// Maps within maps; no torrent file goes deeper.
const DEEPEST: usize = 16;

/// A value of a torrent file.
enum Value<'a> {
    Number(i64),
    Text(&'a [u8]),
    List(Vec<Self>),
    /// Each value also as it is written.
    Map(Vec<(&'a [u8], Self, &'a [u8])>),
}

impl Metainfo {
    /// `None` where that is no torrent file.
    pub fn read(file: &[u8]) -> Option<Self> {
        let whole = value(&mut &*file, DEEPEST)?;
        let (info, written) = whole.entry("info")?;
        let name = String::from_utf8_lossy(info.text("name")?).into_owned();
        let size = match (info.number("length"), info.entry("files")) {
            (Some(length), _) => length,
            (None, Some((Value::List(files), _))) => files.iter().filter_map(|file| file.number("length")).sum(),
            _ => return None,
        };
        let private = info.number("private") == Some(1);
        Some(Self { hash: hex(&Sha1::digest(written)), name, size: u64::try_from(size).ok()?, private })
    }
}

impl<'a> Value<'a> {
    fn entry(&self, key: &str) -> Option<(&Self, &'a [u8])> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(name, ..)| *name == key.as_bytes()).map(|(_, value, written)| (value, *written))
    }

    fn number(&self, key: &str) -> Option<i64> {
        match self.entry(key) {
            Some((Self::Number(number), _)) => Some(*number),
            _ => None,
        }
    }

    fn text(&self, key: &str) -> Option<&'a [u8]> {
        match self.entry(key) {
            Some((Self::Text(text), _)) => Some(text),
            _ => None,
        }
    }
}

/// Reads a value off the front.
fn value<'a>(rest: &mut &'a [u8], depth: usize) -> Option<Value<'a>> {
    let (&first, after) = rest.split_first()?;
    let depth = depth.checked_sub(1)?;
    match first {
        b'i' => {
            *rest = after;
            Some(Value::Number(number(rest, b'e')?))
        }
        b'l' => {
            *rest = after;
            let mut items = Vec::new();
            while !ends(rest)? {
                items.push(value(rest, depth)?);
            }
            Some(Value::List(items))
        }
        b'd' => {
            *rest = after;
            let mut entries = Vec::new();
            while !ends(rest)? {
                let key = text(rest)?;
                let before = *rest;
                let item = value(rest, depth)?;
                entries.push((key, item, &before[..before.len() - rest.len()]));
            }
            Some(Value::Map(entries))
        }
        _ => text(rest).map(Value::Text),
    }
}

/// Whether a list or a map is over here.
fn ends(rest: &mut &[u8]) -> Option<bool> {
    let (&first, after) = rest.split_first()?;
    if first == b'e' {
        *rest = after;
    }
    Some(first == b'e')
}

fn number(rest: &mut &[u8], end: u8) -> Option<i64> {
    let length = rest.iter().position(|byte| *byte == end)?;
    let number = std::str::from_utf8(&rest[..length]).ok()?.parse().ok()?;
    *rest = &rest[length + 1..];
    Some(number)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(rest, b':')?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_what_it_is_for() {
        let one = Metainfo::read(b"d8:announce1:x4:infod6:lengthi5e4:name1:a7:privatei1eee").unwrap();
        let written = b"d6:lengthi5e4:name1:a7:privatei1ee";
        assert_eq!((one.name.as_str(), one.size, one.private, one.hash), ("a", 5, true, hex(&Sha1::digest(written))));
        let many = Metainfo::read(b"d4:infod5:filesld6:lengthi5eed6:lengthi7eee4:name1:bee").unwrap();
        assert_eq!((many.size, many.private), (12, false));
    }

    #[test]
    fn what_is_no_torrent_file_is_none() {
        let deep = [b"l".repeat(100_000), b"e".repeat(100_000)].concat();
        for text in [&b""[..], b"magnet:?xt=urn:btih:ab", b"d4:infode", b"d4:info99:xe", b"d4:infoi-5ee", &deep] {
            assert!(Metainfo::read(text).is_none());
        }
    }
}
