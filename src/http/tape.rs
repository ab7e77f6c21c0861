//! Exchanges on tape: those of one run as they were, to be played back to another.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::target::Target;
use super::{Body, Reply, Request};
use crate::error::{Error, Kind, Result};
use crate::secret::{Masker, hex};

/// One exchange. Holds no secret that is known as one.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Exchange {
    /// Tells what was asked from anything else: a digest of method, address, query and body.
    asked: String,
    /// For people.
    method: String,
    url: String,
    #[serde(flatten)]
    answer: Answer,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Reply { status: u16, headers: Vec<(String, String)>, body: Content },
    Error(Error),
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    Text(String),
    Base64(String),
}

/// Either records or plays.
pub(super) struct Tape {
    masker: Masker,
    reel: Mutex<Reel>,
}

enum Reel {
    Record(Vec<Exchange>),
    /// What is left of each question.
    Play(HashMap<String, VecDeque<Answer>>),
}

impl Tape {
    pub fn blank(masker: Masker) -> Self {
        Self { masker, reel: Mutex::new(Reel::Record(Vec::new())) }
    }

    pub fn of(masker: Masker, exchanges: Vec<Exchange>) -> Self {
        let mut left: HashMap<String, VecDeque<Answer>> = HashMap::new();
        for Exchange { asked, answer, .. } in exchanges {
            left.entry(asked).or_default().push_back(answer);
        }
        Self { masker, reel: Mutex::new(Reel::Play(left)) }
    }

    /// What was recorded, with what is known as a secret by now masked.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let Reel::Record(exchanges) = &*self.lock() else { return Vec::new() };
        let mask = |text: &str| self.masker.mask(text).into_owned();
        let masked = |exchange: &Exchange| {
            let mut exchange = exchange.clone();
            exchange.url = mask(&exchange.url);
            if let Answer::Reply { headers, body, .. } = &mut exchange.answer {
                for (_, value) in headers.iter_mut() {
                    *value = mask(value);
                }
                if let Content::Text(text) = body {
                    *text = mask(text);
                }
            }
            exchange
        };
        exchanges.iter().map(masked).collect()
    }

    /// The answer from the tape, where it plays. An answer that was given once is given again to who asks oftener.
    pub fn play(&self, request: &Request, target: &Target) -> Option<Result<Reply>> {
        let asked = self.asked(request);
        let mut reel = self.lock();
        let Reel::Play(left) = &mut *reel else { return None };
        let answers = left.get_mut(&asked);
        let answer = answers.and_then(|answers| match answers.len() {
            0 | 1 => answers.front().cloned(),
            _ => answers.pop_front(),
        });
        Some(match answer {
            Some(Answer::Reply { status, headers, body }) => {
                let body = match body {
                    Content::Text(text) => text.into_bytes(),
                    Content::Base64(text) => BASE64_STANDARD.decode(text).unwrap_or_default(),
                };
                Reply::stand_in(status, headers, body)
            }
            Some(Answer::Error(error)) => Err(error),
            None => Err(Error::new(Kind::Transport, format!("the recorded run did not ask `{target}` for this"))
                .hint("the script asks something else than it did when it was recorded")),
        })
    }

    pub fn record(&self, request: &Request, outcome: &Result<Reply>) {
        let asked = self.asked(request);
        let Reel::Record(exchanges) = &mut *self.lock() else { return };
        let answer = match outcome {
            Ok(reply) => {
                let headers = reply
                    .headers
                    .iter()
                    .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
                let body = String::from_utf8(reply.body.clone())
                    .map_or_else(|bytes| Content::Base64(BASE64_STANDARD.encode(bytes.as_bytes())), Content::Text);
                Answer::Reply { status: reply.status, headers: headers.collect(), body }
            }
            Err(error) => Answer::Error(error.clone()),
        };
        let (method, url) = (request.method.to_string(), request.url.clone());
        exchanges.push(Exchange { asked, method, url, answer });
    }

    /// Secrets are not part of it: another key asks the same.
    fn asked(&self, request: &Request) -> String {
        let mut text = format!("{} {}", request.method, request.url);
        let pairs = |pairs: &[(String, String)]| {
            pairs.iter().fold(String::new(), |text, (name, value)| format!("{text}\n{name}={value}"))
        };
        text += &pairs(&request.query);
        text.push('\n');
        match &request.body {
            Body::None => {}
            Body::Json(json) => text += &json.to_string(),
            Body::Form(form) => text += &pairs(form),
            Body::Text(body) | Body::Typed(_, body) => text += body,
            Body::Parts(parts) => {
                text.extend(parts.iter().map(|part| format!("{} {}", part.name, hex(&Sha256::digest(&part.content)))));
            }
        }
        hex(&Sha256::digest(self.masker.mask(&text).as_bytes())[..12])
    }

    fn lock(&self) -> MutexGuard<'_, Reel> {
        self.reel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
