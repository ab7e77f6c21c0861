//! Whether the services answer.

use std::sync::Arc;

use futures::future::{join, join_all};
use serde::Serialize;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::holds::limits;
use crate::host::Host;
use crate::http::Path;
use crate::language::Language;
use crate::recorder::{self, Talk};
use crate::script::said;
use crate::time::Duration;

/// What became of asking one instance.
#[derive(Serialize)]
pub struct Probe {
    pub service: &'static str,
    pub instance: String,
    pub ok: bool,
    /// Which way its requests go, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Path>,
    /// What it answered, or why it did not.
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(skip)]
    error: Option<Error>,
}

impl Probe {
    fn new(service: &'static str, instance: &str, path: Option<Path>, outcome: Result<String>) -> Self {
        let ok = outcome.is_ok();
        let (detail, error) = match outcome {
            Ok(detail) => (detail, None),
            Err(error) => (error.to_string(), Some(error)),
        };
        let hint = error.as_ref().and_then(|error| error.hint.clone());
        Self { service, instance: instance.into(), ok, path, detail, hint, error }
    }

    pub fn line(&self, language: Language) -> String {
        let mark = if self.ok { language.pick("answers", "应答正常") } else { language.pick("FAILS", "失败") };
        let hint = self.hint.as_ref().map(|hint| format!("\n    {}", language.say(hint))).unwrap_or_default();
        let path = self.path.as_ref().map(|path| format!(" ({})", language.say(&path.to_string()))).unwrap_or_default();
        let detail = match &self.error {
            Some(error) => said(error, language),
            None => language.say(&self.detail).into_owned(),
        };
        let colon = language.pick(": ", "：");
        format!("{} {} {mark}{path}{colon}{detail}{hint}", self.service, self.instance)
    }
}

/// How long one instance may take.
const PATIENCE: Duration = Duration::from_seconds(20);

/// Asks every instance one harmless question, all of them at once, so that none takes another's time.
pub async fn probe(host: &Arc<Host>) -> Vec<Probe> {
    let talk = Talk::silent(Arc::clone(&host.clock), host.clock.now() + PATIENCE);
    let vpses = join_all(host.fleet.vps_all().into_iter().map(|vps| vps_probe(vps, &talk)));
    let pbhs = join_all(host.fleet.pbh_all().into_iter().map(|pbh| pbh_probes(host, pbh, &talk)));
    let (vpses, pbhs) = join(vpses, pbhs).await;
    vpses.into_iter().chain(pbhs.into_iter().flatten()).collect()
}

async fn vps_probe(vps: Arc<Client>, talk: &Talk) -> Probe {
    let outcome = recorder::call(&vps, "get_service_info", Vec::new(), serde_json::Map::new(), talk).await;
    let detail = outcome.map(|info| format!("{}, plan {}", vps.url(), info["plan"].as_str().unwrap_or("unknown")));
    Probe::new("kiwivm", vps.name(), vps.path().ok(), detail)
}

async fn pbh_probes(host: &Host, pbh: Arc<Client>, talk: &Talk) -> Vec<Probe> {
    let outcome = async {
        let version = pbh.server_version(talk).await?;
        // The version is open to everybody; this one needs the token.
        recorder::call(&pbh, "statistic_counter", Vec::new(), serde_json::Map::new(), talk).await?;
        let also = limits::other_limiter(&pbh, talk).await.ok().flatten();
        let also = also.map(|notice| format!("; {notice}")).unwrap_or_default();
        Ok::<_, Error>(format!("{}, version {version}{also}", pbh.url()))
    };
    let outcome = outcome.await;
    let reachable = outcome.is_ok();
    let mut probes = vec![Probe::new("pbh", pbh.name(), pbh.path().ok(), outcome)];
    if !reachable {
        return probes;
    }
    match host.fleet.downloaders_of(pbh.name(), talk).await {
        Ok(members) => {
            let asked = members.into_iter().map(|member| async move {
                let version = member.client.version(talk).await;
                let detail = version.map(|version| format!("{}, {} {version}", member.link.url, member.client.kind()));
                Probe::new("downloader", member.name(), member.path.clone(), detail)
            });
            probes.extend(join_all(asked).await);
        }
        Err(error) => probes.push(Probe::new("pbh", pbh.name(), pbh.path().ok(), Err(error))),
    }
    probes
}
