//! A run on tape, with everything that it asked and was answered: played back it is a test.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::adhoc::Ended;
use super::history::timeline;
use super::saved::{document, lines};
use super::{Exit, Session, adhoc, check, exec};
use crate::call::Call;
use crate::clock::VirtualClock;
use crate::config::{Config, Mode, SecretSource, Setting as ChannelSetting};
use crate::error::{Error, Kind, Result};
use crate::host::{Host, Setting, Storage};
use crate::http::Exchange;
use crate::journal::{Journal, Silent};
use crate::permission::Effect;
use crate::script::{self, Reader, Record};
use crate::secret::Secret;
use crate::text::count;
use crate::time::Time;
use crate::vault::Env;

/// The one form there is.
const FORMAT: u32 = 1;

/// The file of `exec --record`.
#[derive(Deserialize, Serialize)]
pub struct Recording {
    /// Of this form.
    format: u32,
    script: String,
    trigger: String,
    /// Of the script.
    version: String,
    at: Time,
    dry: bool,
    /// What was kept when it began: scope, key and value.
    state: Vec<(String, String, Value)>,
    exchanges: Vec<Exchange>,
    calls: Vec<Call>,
    would: Vec<Call>,
    outcome: Value,
}

/// A run that is being recorded.
pub struct Take {
    at: Time,
    state: Vec<(String, String, Value)>,
}

impl Take {
    /// From now on everything that is exchanged is kept.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin(host: &Host) -> Result<Self> {
        host.http.record(&host.masker);
        let kept = host.store.list(None, "").await?;
        let state = kept.into_iter().map(|kept| (kept.scope, kept.key, host.masker.mask_json(kept.value)));
        Ok(Self { at: host.clock.now(), state: state.collect() })
    }

    /// The run is over.
    pub fn end(
        self,
        host: &Host,
        script: &script::Loaded,
        trigger: &str,
        mode: Mode,
        (ended, record): &(Ended<Value>, Record),
    ) -> Recording {
        Recording {
            format: FORMAT,
            script: script.name.clone(),
            trigger: trigger.to_owned(),
            version: script.version.clone(),
            at: self.at,
            dry: mode == Mode::Watch,
            state: self.state,
            exchanges: host.http.recorded(),
            calls: record.calls.clone(),
            would: record.would.clone(),
            outcome: outcome(&ended.result),
        }
    }
}

/// What a run came to, without the place of an error, which moves with every edit.
fn outcome(result: &Result<Value>) -> Value {
    match result {
        Ok(value) => json!({ "value": value }),
        Err(error) => json!({"error": error.kind, "message": error.message}),
    }
}

impl Recording {
    /// # Errors
    /// `argument` where the file cannot be read or is none.
    pub fn read(file: &Path) -> Result<Self> {
        let wrong = |why: String| {
            Error::new(Kind::Argument, format!("`{}` is no recorded run: {why}", file.display()))
                .hint("`tidegate exec SCRIPT TRIGGER --record FILE` makes one")
        };
        let recording: Self = document(file).map_err(wrong)?;
        if recording.format == FORMAT { Ok(recording) } else { Err(wrong("another version wrote it".into())) }
    }

    /// # Errors
    /// `argument` where the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::internal(error.to_string()))?;
        std::fs::write(file, text + "\n")
            .map_err(|error| Error::new(Kind::Argument, format!("`{}` cannot be written: {error}", file.display())))
    }

    /// What it did, a line each.
    fn told(calls: &[Call], would: &[Call], outcome: &Value) -> String {
        let mut told = lines(&settled(calls));
        for line in lines(&settled(would)).lines() {
            told += &format!("would {line}\n");
        }
        told += &format!("gives {outcome}\n");
        told
    }

    /// `script/trigger`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.script, self.trigger)
    }

    /// Services that answer as they did, at the time of then and with the state of then; nothing is sent, and what
    /// is kept goes with `data`.
    ///
    /// # Errors
    /// `config` where a host cannot be opened.
    pub async fn stage(
        &self,
        env: Env,
        mut config: Config,
        data: &Path,
        journal: Arc<dyn Journal>,
    ) -> Result<Arc<Host>> {
        data.clone_into(&mut config.data);
        seal(&mut config);
        let setting = Setting {
            clock: VirtualClock::new(self.at),
            env,
            journal,
            storage: Storage::Memory,
            accepts_any_instance: false,
        };
        let host = Host::open(config, setting).await?;
        host.http.play(&host.masker, self.exchanges.clone());
        for (scope, key, value) in &self.state {
            host.store.set(scope, key, value, None).await?;
        }
        Ok(host)
    }

    /// Runs the trigger as the script is now, at the time and with the answers of then.
    async fn play(&self, session: &Session, config: Config) -> Result<(Ended<Value>, Record)> {
        let folder = temporary()?;
        let path = exec::find(&self.script, &config)?;
        let source = check::read(&path)
            .map_err(|finding| Error::new(Kind::Argument, format!("`{}`: {}", path.display(), finding.message)))?;
        let grants = config.settings(&source.name).grants;
        let host = self.stage(Arc::clone(&session.env), config, folder.path(), Arc::new(Silent)).await?;
        let (at, from, granted) = (Arc::clone(&host), source.clone(), grants.clone());
        let loaded = tokio::task::spawn_blocking(move || script::load_granted(&at, &from, granted))
            .await
            .map_err(|panic| Error::internal(format!("loading panicked: {panic}")))?
            .map_err(|findings| exec::does_not_load(&findings, &path))?;
        let (spec, handler) = exec::choose(&loaded, Some(&self.trigger))?;
        let mode = if self.dry { Mode::Watch } else { Mode::Live };
        let context = adhoc::context(&host, &loaded.name, Some(&spec), mode, grants);
        let ended = adhoc::foreground(&context, move |run| handler.fire(run)).await?;
        Ok((ended, context.record()))
    }
}

/// Plays a recorded run back to the script as it is now, and says whether it does the same.
///
/// # Errors
/// `argument` for a file that is no recorded run, and those of the script.
pub fn replay(session: &Session, file: &Path, json: bool) -> Result<Exit> {
    let recording = Recording::read(file)?;
    let config = session.configuration()?;
    let runtime = session.runtime()?;
    let (ended, record) = runtime.block_on(recording.play(session, config))?;
    runtime.shutdown_background();
    if let Some(exit) = ended.signal {
        return Ok(exit);
    }
    let before = Recording::told(&recording.calls, &recording.would, &recording.outcome);
    let now = Recording::told(&record.calls, &record.would, &outcome(&ended.result));
    let ok = before == now;
    let reader = if json { Reader::default() } else { session.reader() };
    let difference = (!ok).then(|| timeline::lines_apart(&before, &now, reader));
    let (script, trigger) = (&recording.script, &recording.trigger);
    if json {
        session.json(&json!({"ok": ok, "script": script, "trigger": trigger, "difference": difference}))?;
    } else if let Some(difference) = difference {
        session.print(&format!("{script}/{trigger} does something else: then (-), and now (+)"))?;
        session.line(difference.trim_end())?;
    } else {
        let calls = count(record.calls.len() + record.would.len(), "call");
        session.print(&format!("{script}/{trigger} does the same: {calls}"))?;
    }
    Ok(if ok { Exit::Ok } else { Exit::Bad })
}

/// The calls in an order that does not depend on who answered first. A helper asks several clients at the same time, and
/// what reads changes nothing for what reads beside it; the order of anything else is what the script does.
fn settled(calls: &[Call]) -> Vec<Call> {
    let mut calls = calls.to_vec();
    for step in calls.chunk_by_mut(|a, b| a.via.is_some() && a.via == b.via) {
        step.sort_by(|a, b| (&a.service, &a.instance).cmp(&(&b.service, &b.instance)));
    }
    for reads in calls.chunk_by_mut(|a, b| a.effect == Effect::Read && b.effect == Effect::Read) {
        reads.sort_by_cached_key(|call| {
            (call.service.clone(), call.instance.clone(), call.endpoint.clone(), call.args.to_string())
        });
    }
    calls
}

/// A folder that goes with its owner.
///
/// # Errors
/// `config` where there can be none.
pub fn temporary() -> Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(|error| Error::new(Kind::Config, format!("there is no temporary folder: {error}")))
}

/// Puts something in the place of every secret: none is needed where nothing is sent.
fn seal(config: &mut Config) {
    let mut n = 0;
    let mut seal = |source: &mut SecretSource| {
        n += 1;
        *source = SecretSource::Literal(Secret::new(format!("sealed-secret-{n}")));
    };
    config.vps.values_mut().for_each(|vps| seal(&mut vps.api_key));
    for pbh in config.pbh.values_mut() {
        seal(&mut pbh.token);
        pbh.headers.iter_mut().for_each(|(_, source)| seal(source));
        pbh.basic_auth.iter_mut().for_each(|(_, source)| seal(source));
    }
    for client in config.downloader.values_mut() {
        client.password.iter_mut().chain(client.token.iter_mut()).for_each(&mut seal);
    }
    config.secret.values_mut().for_each(&mut seal);
    for setting in config.notify.values_mut().flat_map(|channel| channel.settings.values_mut()) {
        match setting {
            ChannelSetting::Secret(source) => seal(source),
            ChannelSetting::Pairs(pairs) => pairs.iter_mut().for_each(|(_, source)| seal(source)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(via: Option<&str>, instance: &str, endpoint: &str, effect: Effect) -> Call {
        let call = json!({
            "service": "downloader", "instance": instance, "endpoint": endpoint, "effect": effect, "args": {},
            "status": 200, "ok": true, "ms": 1, "via": via,
        });
        serde_json::from_value(call).unwrap()
    }

    #[test]
    fn who_answers_first_makes_no_difference_and_what_comes_first_does() {
        let read = |instance, endpoint| call(Some("stop_transfers"), instance, endpoint, Effect::Read);
        let stop = |instance| call(Some("stop_transfers"), instance, "stop", Effect::Write);
        let then = [read("a", "info"), read("b", "info"), stop("a"), stop("b"), read("a", "rates"), read("b", "rates")];
        let now = [read("b", "info"), read("a", "info"), stop("b"), read("b", "rates"), stop("a"), read("a", "rates")];
        assert_eq!(lines(&settled(&then)), lines(&settled(&now)));
        let ban = call(Some("ban"), "home", "bans_add", Effect::Write);
        let (before, after) = ([ban.clone(), stop("a")], [stop("a"), ban]);
        assert_ne!(lines(&settled(&before)), lines(&settled(&after)));
    }
}
