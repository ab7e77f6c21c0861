//! Handing a torrent to qBittorrent, and what it says to that.

use super::session::path;
use super::wire::Added;
use crate::downloader::line::Ask;
use crate::downloader::{Addition, Source};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Part, Reply};

pub(super) fn ask(source: &Source, how: &Addition) -> Ask {
    let text = |name: &str, value: &str| Part { name: name.into(), file: None, content: value.as_bytes().to_vec() };
    let mut parts = match source {
        Source::Link(link) => vec![text("urls", link)],
        Source::File { name, content } => {
            vec![Part { name: "torrents".into(), file: Some(name.clone()), content: content.clone() }]
        }
    };
    if let Some(category) = &how.category {
        parts.push(text("category", category));
    }
    if !how.tags.is_empty() {
        parts.push(text("tags", &how.tags.join(",")));
    }
    if let Some(folder) = &how.save_path {
        // Automatic management would put it elsewhere.
        parts.extend([text("savepath", folder), text("autoTMM", "false")]);
    }
    // 5.0 renamed it, and each version passes over the other's word.
    let stopped = if how.stopped { "true" } else { "false" };
    parts.extend([text("stopped", stopped), text("paused", stopped)]);
    Ask::post(path("torrents/add"), Body::Parts(parts))
}

/// Before 5.2 a refusal is a success with the word `Fails.`.
pub(super) fn judge(name: &str, reply: &Reply) -> Result<()> {
    let fails = match serde_json::from_slice::<Added>(&reply.body) {
        Ok(added) => added.success_count + added.pending_count == 0,
        Err(_) => reply.body.starts_with(b"Fails"),
    };
    if !fails {
        return Ok(());
    }
    Err(Error::new(Kind::Api, format!("`{name}` does not take the torrent"))
        .hint("it has it already, or cannot read it")
        .status(reply.status)
        .from_call("downloader", &ask_endpoint()))
}

fn ask_endpoint() -> String {
    format!("POST {}", path("torrents/add"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &str) -> Reply {
        Reply { status: 200, headers: reqwest::header::HeaderMap::default(), body: body.into() }
    }

    #[test]
    fn every_version_says_no_in_its_own_way() {
        for body in ["Ok.", "", r#"{"success_count":1,"failure_count":0}"#, r#"{"pending_count":1}"#] {
            assert!(judge("nas", &reply(body)).is_ok(), "{body}");
        }
        for body in ["Fails.", r#"{"success_count":0,"pending_count":0,"failure_count":1}"#] {
            assert_eq!(judge("nas", &reply(body)).unwrap_err().kind, Kind::Api, "{body}");
        }
    }

    #[test]
    fn both_words_for_stopped_go_out() {
        let how = Addition { stopped: true, save_path: Some("/srv".into()), ..Addition::default() };
        let Body::Parts(parts) = ask(&Source::Link("magnet:?xt=urn:btih:ab".into()), &how).body else { panic!() };
        let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["urls", "savepath", "autoTMM", "stopped", "paused"]);
    }
}
