//! The log: its last lines, and the next ones as they are written.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::asked::{Answer, Asked, Place, Reply, to_json};
use crate::error::{Error, Kind, Result};
use crate::journal::{Level, Line};
use crate::server::Gate;
use crate::text::suggestion;
use crate::time::Duration;

/// So long a stream is silent before a comment shows that it is still there.
const SILENCE: Duration = Duration::from_seconds(15);

/// Which lines are wanted.
struct Wanted {
    script: Option<String>,
    trigger: Option<String>,
    run: Option<String>,
    level: Level,
}

impl Wanted {
    fn of(asked: &Asked) -> Result<Self> {
        let levels = [Level::Debug, Level::Info, Level::Warn, Level::Error];
        let level = match asked.text("level") {
            None => Level::Info,
            Some(word) => levels.into_iter().find(|level| level.word() == word).ok_or_else(|| {
                let mut error = Error::new(Kind::Argument, format!("`{word}` is no level"));
                error.hint = suggestion(word, levels.map(Level::word));
                error
            })?,
        };
        let text = |name| asked.text(name).map(Into::into);
        Ok(Self { script: text("script"), trigger: text("trigger"), run: text("run"), level })
    }

    fn takes(&self, line: &Line) -> bool {
        let of = |wanted: &Option<String>, own: &Option<String>| wanted.is_none() || wanted == own;
        line.level >= self.level
            && of(&self.script, &line.script)
            && of(&self.trigger, &line.trigger)
            && of(&self.run, &line.run)
    }

    /// The last `n` of those that are wanted.
    fn last(&self, lines: Vec<Arc<Line>>, n: Option<u64>) -> Vec<Arc<Line>> {
        let mut lines: Vec<_> = lines.into_iter().filter(|line| self.takes(line)).collect();
        let n = n.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        lines.drain(..lines.len().saturating_sub(n));
        lines
    }
}

#[expect(clippy::unused_async, reason = "an operation is a future")]
pub(super) async fn last(asked: Asked) -> Answer {
    let wanted = Wanted::of(&asked)?;
    let (lines, _) = asked.host.live.since();
    let lines = wanted.last(lines, asked.number("n"));
    Ok(Reply::Json(lines.iter().map(|line| to_json(&**line)).collect::<Result<Vec<_>>>()?.into()))
}

#[expect(clippy::unused_async, reason = "an operation is a future")]
pub(super) async fn follow(asked: Asked) -> Answer {
    let wanted = Wanted::of(&asked)?;
    let place = Place::take(&asked.gate.followers)?;
    let (lines, receiver) = asked.host.live.since();
    let ready = wanted.last(lines, asked.number("n").or(Some(0)));
    let ready: String = ready.iter().map(|line| event(line)).collect();
    let followed = Followed { wanted, receiver, gate: asked.gate, first: Some(ready), _place: place };
    let events = stream::unfold(followed, async |mut followed| {
        let text = followed.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), followed))
    });
    Ok(Reply::Stream(Body::from_stream(events)))
}

/// The log, followed.
struct Followed {
    wanted: Wanted,
    receiver: Receiver<Arc<Line>>,
    gate: Gate,
    /// What was written before; sent at once even where that is nothing, so that the reply begins.
    first: Option<String>,
    _place: Place,
}

impl Followed {
    /// The next event, or a comment; nothing once the daemon ends.
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(if first.is_empty() { ": here\n\n".into() } else { first });
        }
        let clock = Arc::clone(&self.gate.host.clock);
        let silent = clock.now() + SILENCE;
        loop {
            tokio::select! {
                line = self.receiver.recv() => match line {
                    Ok(line) if self.wanted.takes(&line) => return Some(event(&line)),
                    Ok(_) => {}
                    Err(RecvError::Lagged(n)) => {
                        let message = format!("{n} lines were lost on the way");
                        return Some(event(&Line::new(clock.now(), Level::Warn, "lost", message).with("lines", n)));
                    }
                    Err(RecvError::Closed) => return None,
                },
                () = clock.sleep_until(silent) => return Some(": still here\n\n".into()),
                () = self.gate.stop.cancelled() => return self.rest(),
            }
        }
    }

    /// What was written before the end and not told yet.
    fn rest(&mut self) -> Option<String> {
        let mut text = String::new();
        while let Ok(line) = self.receiver.try_recv() {
            if self.wanted.takes(&line) {
                text += &event(&line);
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

fn event(line: &Line) -> String {
    match serde_json::to_string(line) {
        Ok(text) => format!("data: {text}\n\n"),
        Err(error) => format!(": a line that is no JSON: {error}\n\n"),
    }
}
