//! Replies that go to a file, never into memory.

use std::path::{Path, PathBuf};

use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt as _;

use super::exchange::Answer;
use super::talk::Answered;
use super::{Args, Client, Talk};
use crate::api::Row;
use crate::error::{Error, Kind, Result};
use crate::http::{Incoming, Next};
use crate::time::Time;

/// A reply on disk.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Saved {
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    pub content_type: Option<String>,
    #[serde(skip)]
    pub status: u16,
    #[serde(skip)]
    pub ms: u64,
}

impl Saved {
    /// What is written down of it.
    pub(crate) fn answered(&self) -> Answered {
        Answered { status: self.status, bytes: Some(self.size) }
    }
}

impl Client {
    /// More than the memory dump of any server, and less than what one gone mad can send.
    const LARGEST: u64 = 16 << 30;

    /// Writes a row's reply to a new file in `folder`, which is made where it is missing. A reply that
    /// breaks off leaves nothing behind.
    ///
    /// # Errors
    /// As [`Client::call`]; `config` where the file cannot be written.
    pub async fn download(&self, row: &'static Row, args: &Args, folder: &Path, talk: &Talk) -> Result<Saved> {
        let downloaded = async {
            self.owns(row)?;
            let exchange = self.prepare(row, args, talk).await?;
            let started = self.clock.now();
            let Answer::Live(mut incoming) = self.answer(&exchange, talk).await? else {
                return Err(Error::new(Kind::Protocol, "the server answers, but not with a file"));
            };
            let path = folder.join(format!("{}-{}.bin", row.id, started.utc().format("%Y%m%dT%H%M%S%.3f")));
            let partial = path.with_extension("part");
            let written = self.save(&mut incoming, &partial, &path, talk.deadline).await;
            if written.is_err() {
                // It may not even have been made.
                let _busy = self.clock.busy();
                let _ = fs::remove_file(&partial).await;
            }
            let content_type = incoming.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(Into::into);
            Ok(Saved { size: written?, path, content_type, status: incoming.status, ms: self.since(started) })
        };
        downloaded.await.map_err(|error| self.named(error, row.id))
    }

    /// Gives the number of bytes. The file gets its name once it is whole. The disk is work in progress to
    /// the clock, the wire only while something comes.
    async fn save(&self, incoming: &mut Incoming, partial: &Path, path: &Path, by: Time) -> Result<u64> {
        let mut busy = self.clock.busy();
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).await.map_err(|error| unwritable(folder, &error))?;
        }
        let mut file = File::create_new(partial).await.map_err(|error| unwritable(partial, &error))?;
        let mut size = 0;
        loop {
            drop(busy);
            let next = incoming.next(by).await?;
            busy = self.clock.busy();
            match next {
                Next::Part(part) => {
                    size += part.len() as u64;
                    if size > Self::LARGEST {
                        return Err(incoming.too_large(Self::LARGEST));
                    }
                    file.write_all(&part).await.map_err(|error| unwritable(partial, &error))?;
                }
                Next::End => break,
                Next::Late => return Err(incoming.late()),
            }
        }
        file.flush().await.map_err(|error| unwritable(partial, &error))?;
        fs::rename(partial, path).await.map_err(|error| unwritable(path, &error))?;
        drop(busy);
        Ok(size)
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Kind::Config, format!("`{}` cannot be written: {error}", path.display()))
        .hint("is the data folder writable, and is there room on the disk?")
}
