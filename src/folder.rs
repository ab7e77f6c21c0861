//! The folder that a script may keep files in: its own, and nothing beside it.

use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Kind, Result};

/// A script's folder below the data folder. It is made when something is written to it.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A script must not fill the disk: files of its folder, and bytes of all of them.
    const MOST_FILES: usize = 1000;
    const MOST_BYTES: u64 = 256 << 20;

    pub fn of(data: &Path, script: &str) -> Self {
        let name: String = script.chars().map(|c| if matches!(c, '/' | '\\' | ':') { '_' } else { c }).collect();
        Self(data.join("files").join(if matches!(name.as_str(), "" | "." | "..") { "_" } else { &name }))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The text of a file of at most `most` bytes.
    ///
    /// # Errors
    /// `argument` for a name that leaves the folder, for what is absent or no text; `limit` where it is too large.
    pub fn read(&self, name: &str, most: u64) -> Result<String> {
        let path = self.locate(name)?;
        let wrong = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::new(Kind::Argument, format!("there is no file `{name}`"))
                .hint(format!("it would be `{}`", path.display())),
            std::io::ErrorKind::InvalidData => {
                Error::new(Kind::Argument, format!("the file `{name}` is no UTF-8 text"))
            }
            _ => Error::new(Kind::Argument, format!("the file `{name}` cannot be read: {error}")),
        };
        let real = path.canonicalize().map_err(wrong)?;
        if !self.0.canonicalize().is_ok_and(|root| real.starts_with(root)) {
            return Err(leaves(name));
        }
        let length = std::fs::metadata(&real).map_err(wrong)?.len();
        if length > most {
            return Err(Error::new(Kind::Limit, format!("the file `{name}` has {length} bytes, more than {most}"))
                .hint("raise `[limits] string`"));
        }
        std::fs::read_to_string(&real).map_err(wrong)
    }

    /// Replaces a file as a whole: a reader sees the old text or the new one.
    ///
    /// # Errors
    /// `argument` for a name that leaves the folder, or that cannot be written; `limit` where the folder is full.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.locate(name)?;
        let wrong =
            |error: std::io::Error| Error::new(Kind::Argument, format!("the file `{name}` cannot be written: {error}"));
        let folder = path.parent().unwrap_or(&self.0);
        // Links first: nothing must be made where one leads.
        self.no_link(folder, name)?;
        std::fs::create_dir_all(folder).map_err(wrong)?;
        let (files, bytes) = usage(&self.0).map_err(wrong)?;
        if files >= Self::MOST_FILES || bytes + text.len() as u64 > Self::MOST_BYTES {
            return Err(Error::new(
                Kind::Limit,
                format!("the script's folder is full: {files} files of {bytes} bytes"),
            )
            .hint(format!("delete what is old in `{}`", self.0.display())));
        }
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(wrong)?;
        file.write_all(text.as_bytes()).map_err(wrong)?;
        file.persist(&path).map_err(|error| wrong(error.error)).map(drop)
    }

    /// Whether a file may be called that.
    ///
    /// # Errors
    /// `permission` for a name that leaves the folder.
    pub fn check(&self, name: &str) -> Result<()> {
        self.locate(name).map(drop)
    }

    fn locate(&self, name: &str) -> Result<PathBuf> {
        let path = Path::new(name);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || name.ends_with(['/', '\\']) || name.contains(['\0', '\\', ':']) || !inside {
            return Err(leaves(name));
        }
        Ok(self.0.join(path))
    }

    /// Whether any folder on the way is a link.
    fn no_link(&self, folder: &Path, name: &str) -> Result<()> {
        let on_the_way = folder.ancestors().take_while(|folder| folder.starts_with(&self.0));
        let is_link = |path: &Path| std::fs::symlink_metadata(path).is_ok_and(|data| data.is_symlink());
        if on_the_way.into_iter().any(is_link) { Err(leaves(name)) } else { Ok(()) }
    }
}

fn leaves(name: &str) -> Error {
    Error::new(Kind::Permission, format!("`{name}` is no name of a file in the script's folder"))
        .hint("write a name like `\"banned.txt\"` or `\"lists/banned.txt\"`")
}

/// How many files there are below a folder, and their bytes.
fn usage(folder: &Path) -> std::io::Result<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let data = entry.metadata()?;
        if data.is_dir() {
            let (more, larger) = usage(&entry.path())?;
            (files, bytes) = (files + more, bytes + larger);
        } else {
            (files, bytes) = (files + 1, bytes + data.len());
        }
    }
    Ok((files, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::of(data.path(), "guard");
        folder.write("lists/a.txt", "流量").unwrap();
        folder.write("lists/a.txt", "again").unwrap();
        assert_eq!(folder.read("lists/a.txt", 100).unwrap(), "again");
        assert_eq!(folder.read("lists/a.txt", 2).unwrap_err().kind, Kind::Limit);
        assert_eq!(folder.read("b.txt", 100).unwrap_err().kind, Kind::Argument);
        assert!(folder.path().ends_with("files/guard"));
        assert!(Folder::of(data.path(), "../x").path().ends_with("files/.._x"));
    }

    #[test]
    fn nothing_leads_out() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::of(data.path(), "guard");
        std::fs::write(data.path().join("key"), "hunter22").unwrap();
        for name in ["../key", "/etc/passwd", "a/../../key", "", ".", "..", "a\\..\\b", "c:x", "a/"] {
            assert_eq!(folder.read(name, 100).unwrap_err().kind, Kind::Permission, "{name}");
            assert_eq!(folder.write(name, "x").unwrap_err().kind, Kind::Permission, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn no_link_leads_out() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::of(data.path(), "guard");
        folder.write("a", "x").unwrap();
        std::fs::write(data.path().join("key"), "hunter22").unwrap();
        std::os::unix::fs::symlink(data.path(), folder.path().join("up")).unwrap();
        std::os::unix::fs::symlink(data.path().join("key"), folder.path().join("key")).unwrap();
        assert_eq!(folder.read("up/key", 100).unwrap_err().kind, Kind::Permission);
        assert_eq!(folder.read("key", 100).unwrap_err().kind, Kind::Permission);
        assert_eq!(folder.write("up/key", "y").unwrap_err().kind, Kind::Permission);
        // The link itself is replaced, not what it leads to.
        folder.write("key", "y").unwrap();
        assert_eq!(std::fs::read_to_string(data.path().join("key")).unwrap(), "hunter22");
    }
}
