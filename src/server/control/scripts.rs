//! The daemon, its scripts and their triggers.

use serde_json::{Value, json};
use tokio::sync::broadcast::error::TryRecvError;

use super::asked::{Answer, Asked, No, Reply, to_json};
use crate::daemon::doors::{Manner, Refusal};
use crate::daemon::{ScriptStatus, Status, TriggerStatus};
use crate::error::{Error, Result};
use crate::ledger::Filter;
use crate::text::suggestion;

pub(super) async fn status(asked: Asked) -> Answer {
    Ok(Reply::Json(in_full(&asked).await?))
}

pub(super) async fn reload(asked: Asked) -> Answer {
    let mut lines = asked.host.live.follow();
    if !asked.gate.daemon.reload().await {
        return Err(No::ending());
    }
    let mut news = Vec::new();
    let is_news = |event: &str| matches!(event, "reloaded" | "reload_failed" | "unloaded" | "disabled");
    loop {
        match lines.try_recv() {
            Ok(line) if is_news(&line.event) => news.push(to_json(&*line)?),
            Ok(_) | Err(TryRecvError::Lagged(_)) => {}
            Err(_) => break,
        }
    }
    let mut status = in_full(&asked).await?;
    status["news"] = news.into();
    Ok(Reply::Json(status))
}

#[expect(clippy::unused_async, reason = "an operation is a future")]
pub(super) async fn openapi(_asked: Asked) -> Answer {
    Ok(Reply::Json(super::document()))
}

pub(super) async fn all(asked: Asked) -> Answer {
    Ok(Reply::Json(to_json(&now(&asked).await?.scripts)?))
}

pub(super) async fn one(asked: Asked) -> Answer {
    let status = now(&asked).await?;
    Ok(Reply::Json(to_json(find(&status, asked.need("script"))?)?))
}

pub(super) async fn triggers(asked: Asked) -> Answer {
    let status = now(&asked).await?;
    let scripts = match asked.text("script") {
        Some(name) => vec![find(&status, name)?],
        None => status.scripts.iter().collect(),
    };
    let of = |script: &&ScriptStatus| script.triggers.iter().map(|trigger| of(script, trigger)).collect::<Vec<_>>();
    let triggers = scripts.iter().flat_map(of).collect::<Result<Vec<_>>>()?;
    Ok(Reply::Json(triggers.into()))
}

pub(super) async fn trigger(asked: Asked) -> Answer {
    let status = now(&asked).await?;
    let (script, trigger) = meant(&status, &asked)?;
    Ok(Reply::Json(of(script, trigger)?))
}

pub(super) async fn run(asked: Asked) -> Answer {
    let manner = if asked.flag("guarded") { Manner::Guarded } else { Manner::Now };
    let (script, trigger) = (asked.need("script"), asked.need("trigger"));
    let begun = match asked.gate.daemon.trigger_in(script, trigger, asked.value("data"), manner).await {
        Ok(begun) => begun,
        Err(refusal) => return Err(refused(&asked, refusal).await),
    };
    let filter = Filter { id: Some(begun.run), n: Some(1), ..Filter::default() };
    let entry = asked.host.ledger.list(&filter).await?.pop();
    let entry = entry.ok_or_else(|| Error::internal("the run is not in the history"))?;
    Ok(Reply::Accepted(json!({"run": entry, "guards": begun.guards})))
}

pub(super) async fn off(asked: Asked) -> Answer {
    match asked.gate.daemon.off(asked.need("script"), asked.need("trigger")).await {
        Ok(()) => trigger(asked).await,
        Err(refusal) => Err(refused(&asked, refusal).await),
    }
}

pub(super) async fn on(asked: Asked) -> Answer {
    match asked.gate.daemon.on(asked.need("script"), asked.need("trigger")).await {
        Ok(()) => trigger(asked).await,
        Err(refusal) => Err(refused(&asked, refusal).await),
    }
}

/// A name that is not there is told with those that are.
async fn refused(asked: &Asked, refusal: Refusal) -> No {
    if matches!(refusal, Refusal::Unknown)
        && let Ok(status) = now(asked).await
        && let Err(no) = meant(&status, asked)
    {
        return no;
    }
    refusal.into()
}

async fn now(asked: &Asked) -> Result<Status, No> {
    asked.gate.daemon.status().await.ok_or_else(No::ending)
}

async fn in_full(asked: &Asked) -> Result<Value, No> {
    let mut status = to_json(&now(asked).await?)?;
    status["holds"] = to_json(&asked.host.holds.holds(None).await?)?;
    Ok(status)
}

fn find<'a>(status: &'a Status, name: &str) -> Result<&'a ScriptStatus, No> {
    let names = || status.scripts.iter().map(|script| script.name.as_str());
    let found = status.scripts.iter().find(|script| script.name == name);
    found.ok_or_else(|| No::unknown("script", name, suggestion(name, names().collect::<Vec<_>>())))
}

fn meant<'a>(status: &'a Status, asked: &Asked) -> Result<(&'a ScriptStatus, &'a TriggerStatus), No> {
    let script = find(status, asked.need("script"))?;
    let name = asked.need("trigger");
    let found = script.triggers.iter().find(|trigger| trigger.name == name).ok_or_else(|| {
        let names: Vec<_> = script.triggers.iter().map(|trigger| trigger.name.as_str()).collect();
        No::unknown("trigger", name, suggestion(name, names))
    });
    Ok((script, found?))
}

fn of(script: &ScriptStatus, trigger: &TriggerStatus) -> Result<Value> {
    let mut value = to_json(trigger)?;
    value["script"] = script.name.as_str().into();
    Ok(value)
}
