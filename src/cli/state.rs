//! `tidegate state`: what scripts remember, to look at and to put right.

use serde_json::{Value, json};

use super::table::{drawn, headed};
use super::{Exit, Session};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::store::{self, Kept, OWN, SHARED, Store};
use crate::text::clip;

/// Shows and changes what scripts keep in `state` and `shared_state`, also while the daemon runs.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate state list --script quota-guard")]
pub struct State {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Every key, of all scripts or of one.
    #[command(after_help = "Example: tidegate state list --json")]
    List {
        /// Only keys that begin like this.
        #[arg(value_name = "PREFIX", default_value = "")]
        prefix: String,
        #[command(flatten)]
        of: Of,
        /// One JSON array.
        #[arg(long)]
        json: bool,
    },
    /// One value, as JSON.
    #[command(after_help = "Example: tidegate state get percent --script quota-guard")]
    Get {
        key: String,
        #[command(flatten)]
        of: Of,
        /// One JSON object with the value and when it was set.
        #[arg(long)]
        json: bool,
    },
    /// Keeps a value under a key.
    #[command(after_help = "Example: tidegate state set limit 90 --script quota-guard")]
    Set {
        key: String,
        /// JSON; what is none is a text.
        #[arg(value_name = "VALUE", allow_hyphen_values = true)]
        value: String,
        #[command(flatten)]
        of: Of,
        /// Forget it after that time: `2h`.
        #[arg(long, value_name = "DURATION")]
        ttl: Option<String>,
        /// One JSON object with what is kept now.
        #[arg(long)]
        json: bool,
    },
    /// Forgets a key.
    #[command(after_help = "Example: tidegate state delete percent --script quota-guard")]
    Delete {
        key: String,
        #[command(flatten)]
        of: Of,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Whose state.
#[derive(clap::Args)]
struct Of {
    /// The `state` of this script.
    #[arg(long, value_name = "NAME", conflicts_with = "shared")]
    script: Option<String>,
    /// `shared_state`.
    #[arg(long)]
    shared: bool,
}

impl Of {
    fn scope(&self) -> Option<String> {
        let shared = self.shared.then(|| SHARED.to_owned());
        shared.or_else(|| self.script.as_deref().map(|name| store::scope_of(name.trim_end_matches(".rhai"))))
    }

    fn one(&self) -> Result<String> {
        self.scope().ok_or_else(|| {
            Error::new(Kind::Argument, "whose state is meant?")
                .hint("add `--script NAME` for `state` of that script, or `--shared` for `shared_state`")
        })
    }
}

impl State {
    /// # Errors
    /// Those of the configuration and of the database; `argument` where it is not said whose state is meant.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let runtime = session.runtime()?;
        runtime.block_on(self.action.perform(session, &config))
    }
}

impl Action {
    async fn perform(self, session: &Session, config: &Config) -> Result<Exit> {
        let database = match self {
            // What only looks creates nothing.
            Self::List { .. } | Self::Get { .. } | Self::Delete { .. } => {
                Database::existing(&config.data, SystemClock::new()).await?
            }
            Self::Set { .. } => Some(Database::open(&config.data, SystemClock::new()).await?),
        };
        let store = database.as_ref().map(Store::new);
        let exit = match self {
            Self::List { prefix, of, json } => list(session, config, store.as_ref(), &prefix, &of, json).await,
            Self::Get { key, of, json } => get(session, store.as_ref(), &key, &of, json).await,
            Self::Set { key, value, of, ttl, json } => {
                let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
                let ttl = ttl.as_deref().map(store::life).transpose()?;
                let scope = of.one()?;
                if let Some(store) = &store {
                    store.set(&scope, &key, &value, ttl).await?;
                    if json {
                        get(session, Some(store), &key, &of, true).await?;
                    } else {
                        session.tell(&format!("`{key}` of {} is set", whose(&scope)));
                    }
                }
                Ok(Exit::Ok)
            }
            Self::Delete { key, of, json } => delete(session, store.as_ref(), &key, &of, json).await,
        };
        if let Some(database) = database {
            database.close().await;
        }
        exit
    }
}

async fn list(
    session: &Session,
    config: &Config,
    store: Option<&Store>,
    prefix: &str,
    of: &Of,
    json: bool,
) -> Result<Exit> {
    let scope = of.scope();
    let kept = match store {
        Some(store) => store.list(scope.as_deref(), prefix).await?,
        None => Vec::new(),
    };
    // Holds and bans have commands of their own.
    let kept: Vec<_> = kept.into_iter().filter(|kept| kept.scope != OWN).collect();
    if json {
        session.json(&kept.iter().map(Kept::to_json).collect::<Vec<_>>())?;
    } else if kept.is_empty() {
        session.tell("nothing is kept there");
    } else {
        let mut table = headed(["script", "key", "value", "changed", "expires"], session.reader());
        for kept in &kept {
            let time = |time: crate::time::Time| time.display(config.timezone);
            table.add_row([
                store::script_of(&kept.scope).unwrap_or(session.language.get().pick("(shared)", "（共享）")).to_owned(),
                kept.key.clone(),
                clip(&store::plain(&kept.value).to_string(), 60).into_owned(),
                time(kept.changed),
                kept.expires.map(time).unwrap_or_default(),
            ]);
        }
        session.line(&drawn(table, &[3, 4]))?;
    }
    Ok(Exit::Ok)
}

async fn get(session: &Session, store: Option<&Store>, key: &str, of: &Of, json: bool) -> Result<Exit> {
    let scope = of.one()?;
    let kept = match store {
        Some(store) => store.list(Some(&scope), key).await?.into_iter().find(|kept| kept.key == key),
        None => None,
    };
    let Some(kept) = kept else { return Err(missing(key, &scope)) };
    let value = if json { kept.to_json() } else { store::plain(&kept.value) };
    session.json(&value)?;
    Ok(Exit::Ok)
}

async fn delete(session: &Session, store: Option<&Store>, key: &str, of: &Of, json: bool) -> Result<Exit> {
    let scope = of.one()?;
    let there = match store {
        Some(store) => store.delete(&scope, key).await?,
        None => false,
    };
    if !there {
        return Err(missing(key, &scope));
    }
    if json {
        session.json(&json!({"script": store::script_of(&scope), "key": key, "deleted": true}))?;
    } else {
        session.tell(&format!("`{key}` of {} is deleted", whose(&scope)));
    }
    Ok(Exit::Ok)
}

/// The work was done, and the answer is that there is nothing: not a wrong request.
fn missing(key: &str, scope: &str) -> Error {
    Error::new(Kind::Field, format!("{} keeps nothing under `{key}`", whose(scope)))
        .hint("`tidegate state list` shows every key")
}

fn whose(scope: &str) -> String {
    store::script_of(scope).map_or_else(|| "`shared_state`".into(), |script| format!("the script `{script}`"))
}
