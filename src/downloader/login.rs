//! The one login that everyone who asks a client shares.

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use crate::clock::within;
use crate::downloader::Talk;
use crate::error::{Error, Kind, Result};

/// What logging in gave, kept until the client no longer takes it.
pub(super) struct Login<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    pass: Option<Pass<T>>,
    logins: u64,
    /// The login was refused. Clients lock an address out after a few of those, so there is no second one.
    refused: Option<Error>,
}

/// What one request goes out with.
#[derive(Clone)]
pub(super) struct Pass<T> {
    pub value: T,
    /// Which login gave it: tells whether somebody else has renewed it meanwhile.
    pub number: u64,
}

impl<T> Default for Login<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { pass: None, logins: 0, refused: None }) }
    }
}

impl Login<()> {
    /// Sends where there is no session, only a token. `knock` tries it before anything else does, so that a wrong one is
    /// sent once however many ask; one that is refused later is not sent again either.
    pub async fn guard<R>(
        &self,
        name: &str,
        talk: &Talk,
        knock: BoxFuture<'_, Result<()>>,
        send: BoxFuture<'_, Result<R>>,
    ) -> Result<R> {
        self.pass(None, name, talk, knock).await?;
        let answer = send.await;
        if let Err(error) = &answer
            && error.kind == Kind::Auth
        {
            self.refuse(error).await;
        }
        answer
    }
}

impl<T: Clone> Login<T> {
    /// How many logins there were.
    pub async fn number(&self) -> u64 {
        self.state.lock().await.logins
    }

    /// The login was refused after all; there is no second one.
    pub async fn refuse(&self, error: &Error) {
        let mut state = self.state.lock().await;
        state.pass = None;
        state.refused = Some(error.clone());
    }

    /// The pass in force, after `login` where there is none or where `stale` is the number of one that was not taken.
    pub async fn pass(
        &self,
        stale: Option<u64>,
        name: &str,
        talk: &Talk,
        login: impl Future<Output = Result<T>>,
    ) -> Result<Pass<T>> {
        let mut state = within(talk.clock.as_ref(), talk.deadline, self.state.lock())
            .await
            .map_err(|_| Error::new(Kind::Timeout, format!("the login at `{name}` takes too long")))?;
        if let Some(pass) = &state.pass
            && stale != Some(pass.number)
        {
            return Ok(pass.clone());
        }
        if let Some(error) = &state.refused {
            return Err(error.clone());
        }
        match login.await {
            Ok(value) => {
                state.logins += 1;
                let pass = Pass { value, number: state.logins };
                state.pass = Some(pass.clone());
                Ok(pass)
            }
            Err(error) => {
                if error.kind == Kind::Auth {
                    state.refused = Some(error.clone());
                }
                Err(error)
            }
        }
    }
}
