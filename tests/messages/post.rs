//! A server that plays a provider: it keeps what it is sent and answers what a test tells it to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use serde_json::Value;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Letter {
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: HeaderMap,
    pub text: String,
}

impl Letter {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A field of a form.
    pub fn field(&self, name: &str) -> String {
        let found = url::form_urlencoded::parse(self.text.as_bytes()).find(|(key, _)| key == name);
        found.unwrap_or_else(|| panic!("no `{name}` in {}", self.text)).1.into_owned()
    }

    /// A part of the query.
    pub fn query(&self, name: &str) -> String {
        let (_, query) = self.path.split_once('?').unwrap_or_default();
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
        found.unwrap_or_else(|| panic!("no `{name}` in {}", self.path)).1.into_owned()
    }
}

#[derive(Default)]
struct Desk {
    letters: Vec<Letter>,
    /// The next answers; the last one stays.
    answers: VecDeque<(u16, String)>,
}

#[derive(Clone, Default)]
pub struct Post(Arc<Mutex<Desk>>);

impl Post {
    /// Answers with 200 and that.
    pub fn answering(answer: &Value) -> Self {
        let post = Self::default();
        post.answer(200, answer);
        post
    }

    /// From now on.
    pub fn answer(&self, status: u16, answer: &Value) {
        self.0.lock().unwrap().answers = [(status, answer.to_string())].into();
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Letter> {
        std::mem::take(&mut self.0.lock().unwrap().letters)
    }

    /// The one thing that came.
    pub fn only(&self) -> Letter {
        let mut letters = self.take();
        assert_eq!(letters.len(), 1, "{letters:?}");
        letters.remove(0)
    }

    /// The address of a server of its own. Needs a runtime.
    pub fn listen(&self) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let router = Router::new().fallback(take).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }
}

async fn take(
    State(post): State<Post>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let mut desk = post.0.lock().unwrap();
    let text = String::from_utf8(body.to_vec()).expect("UTF-8 text");
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    desk.letters.push(Letter { method: method.to_string(), path, headers, text });
    let (status, answer) =
        if desk.answers.len() > 1 { desk.answers.pop_front() } else { desk.answers.front().cloned() }
            .unwrap_or((200, String::new()));
    (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], answer)
}
