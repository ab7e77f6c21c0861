//! Where triggers listen: paths of the daemon's server, and files.

use std::path::Path;

use crate::config::Config;
use crate::error::{Error, Kind, Result};

/// First parts of paths that are the server's own.
const RESERVED: [&str; 8] = ["", "api", "assets", "health", "healthz", "metrics", "public", "published"];

/// The path of a webhook, with a slash in front.
///
/// # Errors
/// `argument` for what is no path, or the server's own.
pub(super) fn webhook(text: &str) -> Result<String> {
    let wrong = |why: &str| {
        Err(Error::new(Kind::Argument, format!("the path `{text}` {why}")).hint("write `on_webhook(\"/grab\", …)`"))
    };
    let path = format!("/{}", text.trim().trim_start_matches('/'));
    let mut parts = path[1..].split('/');
    let first = parts.clone().next().unwrap_or_default();
    if path.len() > 200 {
        return wrong("is too long");
    }
    if path.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '%' | '\\' | ':')) {
        return wrong("holds something that a path cannot hold");
    }
    if RESERVED.contains(&first) {
        return wrong("is one of the server's own");
    }
    if parts.any(|part| matches!(part, "" | "." | "..")) {
        return wrong("has an empty part");
    }
    Ok(path)
}

/// An absolute pattern of files; relative to the configuration's folder.
///
/// # Errors
/// `argument` for a pattern that says nothing.
pub(super) fn files(text: &str, config: &Config) -> Result<String> {
    let hint = "write `on_file(\"/srv/done/*.torrent\", …)`; `**` stands for folders";
    let wrong = |why: String| Error::new(Kind::Argument, format!("the path `{text}` {why}")).hint(hint);
    if text.trim().is_empty() {
        return Err(wrong("is empty".into()));
    }
    if text.starts_with('~') {
        return Err(wrong("begins with `~`, which stands for nothing here: write the whole path".into()));
    }
    let base = config.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    // A file in the working folder has no folder in its name.
    let base = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let base = std::path::absolute(base).unwrap_or_else(|_| base.into());
    // What is special to a pattern is not meant in the name of a folder above it.
    let joined = if Path::new(text).is_absolute() {
        text.to_owned()
    } else {
        format!("{}/{text}", glob::Pattern::escape(&base.to_string_lossy()))
    };
    glob::Pattern::new(&joined).map_err(|error| wrong(format!("is no pattern: {}", error.msg)))?;
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_begins_at_the_configurations_folder() {
        let config = |file: &str| Config::load("", Path::new(file), &|_| None).unwrap();
        assert_eq!(files("drop/*.txt", &config("/etc/gate/tidegate.toml")).unwrap(), "/etc/gate/drop/*.txt");
        assert_eq!(files("/srv/*.txt", &config("/etc/gate/tidegate.toml")).unwrap(), "/srv/*.txt");
        let here = glob::Pattern::escape(&std::env::current_dir().unwrap().to_string_lossy());
        assert_eq!(files("x.txt", &config("tidegate.toml")).unwrap(), format!("{here}/x.txt"));
    }

    #[test]
    fn paths_of_webhooks_are_plain_and_not_the_servers_own() {
        assert_eq!(webhook("grab").unwrap(), "/grab");
        assert_eq!(webhook("/播放/start").unwrap(), "/播放/start");
        for bad in ["", "/", "/api/x", "metrics", "/a b", "/a?b=1", "/a//b", "/a/../b", "/%61"] {
            assert!(webhook(bad).is_err(), "{bad}");
        }
    }
}
