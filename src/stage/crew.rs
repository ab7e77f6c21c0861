//! What a test of scripts has for a crew: the daemon on its stage.

use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::Stage;
use crate::config::ScriptSettings;
use crate::daemon::{Handle, TriggerStatus};
use crate::error::{Error, Kind, Result};
use crate::script::{Crew, Fired};
use crate::text::{list, suggestion};

/// The stage of one test.
pub struct Company {
    pub stage: Arc<Stage>,
    /// Where the file of tests is.
    pub near: PathBuf,
    /// The scripts folder of the configuration.
    pub scripts: PathBuf,
}

impl Crew for Company {
    fn load(&self, name: &str, change: &mut dyn FnMut(&mut ScriptSettings)) -> Result<()> {
        let path = self.find(name)?;
        self.stage.cast(&path, change).map_err(Error::from)
    }

    fn begin(&self) -> BoxFuture<'_, Result<()>> {
        async { self.stage.begin().await.map(drop) }.boxed()
    }

    fn fire<'a>(&'a self, trigger: &'a str, data: Value) -> BoxFuture<'a, Result<Fired>> {
        async move {
            let handle = self.stage.begin().await?;
            let (script, trigger) = choose(&handle, trigger).await?;
            let data = if trigger.kind == "webhook" { request(&trigger, data) } else { data };
            let begun = handle.trigger(&script, &trigger.name, data).await.map_err(Error::from)?;
            let outcome = begun.outcome.await.map_err(|_| {
                Error::new(Kind::Cancelled, format!("the run of `{}` was dropped before it began", trigger.name))
            })?;
            Ok(Fired {
                state: outcome.state.name(),
                error: outcome.error,
                value: outcome.returned.value,
                status: outcome.returned.status,
                changed: outcome.changed,
            })
        }
        .boxed()
    }
}

impl Company {
    /// A script by its path from the file of tests, or by its name: in the scripts folder, beside that file, or one folder
    /// above it.
    fn find(&self, name: &str) -> Result<PathBuf> {
        let plain = name.strip_suffix(".rhai").unwrap_or(name);
        let file = format!("{plain}.rhai");
        let above = self.near.join("..");
        let places = [self.near.join(name), self.scripts.join(&file), self.near.join(&file), above.join(&file)];
        let found = places.iter().find(|path| path.is_file()).and_then(|path| path.canonicalize().ok());
        found.ok_or_else(|| {
            let known = crate::library::files(&self.scripts);
            let names: Vec<_> = known.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
            let mut error =
                Error::new(Kind::Argument, format!("there is no script `{plain}` in `{}`", self.scripts.display()));
            error.hint = suggestion(plain, names)
                .or_else(|| Some("give its path from the file of tests, or set `scripts` in tidegate.toml".into()));
            error
        })
    }
}

/// The trigger that `NAME` or `SCRIPT/NAME` means.
async fn choose(handle: &Handle, name: &str) -> Result<(String, TriggerStatus)> {
    let status = handle.status().await.ok_or_else(|| Error::new(Kind::Cancelled, "the daemon has ended"))?;
    let all = status.scripts.into_iter().flat_map(|script| {
        let named = move |trigger| (script.name.clone(), trigger);
        script.triggers.into_iter().map(named)
    });
    let all: Vec<_> = all.collect();
    let is = |(script, trigger): &&(String, TriggerStatus)| {
        trigger.name == name || name == format!("{script}/{}", trigger.name)
    };
    let mut found: Vec<_> = all.iter().filter(is).collect();
    match (found.pop(), found.is_empty()) {
        (Some(found), true) => Ok(found.clone()),
        (Some(_), false) => Err(Error::new(Kind::Argument, format!("several scripts have a trigger `{name}`"))
            .hint(format!("write `SCRIPT/{name}`"))),
        (None, _) => {
            let names: Vec<_> = all.iter().map(|(_, trigger)| trigger.name.as_str()).collect();
            let mut error = Error::new(Kind::Argument, format!("no script on this stage has a trigger `{name}`"));
            error.hint = suggestion(name, names.iter().copied()).or_else(|| {
                let many = format!("there is {}", list(names.iter().copied(), "and"));
                Some(if names.is_empty() { "load the script first: `load(\"quota-guard\")`".into() } else { many })
            });
            Err(error)
        }
    }
}

/// The request that a webhook's handler is told, with what was not said of it.
fn request(trigger: &TriggerStatus, data: Value) -> Value {
    let mut request: Map<String, Value> = Map::new();
    request.insert("method".into(), "POST".into());
    request.insert("path".into(), json!(trigger.expression));
    request.insert("query".into(), json!({}));
    request.insert("headers".into(), json!({}));
    request.insert("body".into(), "".into());
    request.insert("json".into(), Value::Null);
    request.insert("form".into(), Value::Null);
    match data {
        Value::Object(given) => request.extend(given),
        Value::Null => {}
        other => drop(request.insert("json".into(), other)),
    }
    Value::Object(request)
}
