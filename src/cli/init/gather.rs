//! What is needed for a configuration: from the environment, from the services, and from whoever is there.

use std::path::Path;
use std::sync::Arc;

use super::PBH_URL;
use super::ask::Ask;
use super::document::{Document, Downloader, Source, Vps};
use super::survey::{Client, Machine, Survey};
use crate::config::KIWIVM_URL;
use crate::error::{Kind, Result};
use crate::fleet::discovery;

/// How often a wrong token or key may be typed.
const TRIES: usize = 5;

/// What the questions came to.
pub(super) struct Gathered {
    pub document: Document,
    /// Files below the folder, and what nobody else may read in them.
    pub secrets: Vec<(String, String)>,
}

/// From the environment, from the services, and from whoever is there.
///
/// # Errors
/// `internal` where the system gives no threads.
pub(super) fn gather(dir: &Path, ask: &Ask) -> Result<Gathered> {
    let survey = Survey { runtime: ask.session.runtime()?, env: Arc::clone(&ask.session.env) };
    let mut secrets = Vec::new();
    let mut keep = |name: &str, secret: String| {
        let names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}-{n}")));
        let free = names.map(|name| format!("secrets/{name}")).find(|path| !dir.join(path).exists());
        let path = free.unwrap_or_default();
        secrets.push((path.clone(), secret));
        Source::File(path)
    };
    let (pbh_url, token, clients) = pbh(ask, &survey, &mut keep);
    let mut machines = machines(ask, &survey, &mut keep);
    let downloaders = link(ask, &survey, &pbh_url, &clients, &mut machines);
    let vps = machines.into_iter().map(|(vps, _)| vps).collect();
    survey.runtime.shutdown_background();
    Ok(Gathered { document: Document { vps, pbh_url, token, downloaders }, secrets })
}

/// The address of PBH, where its token is, and its clients.
fn pbh(ask: &Ask, survey: &Survey, keep: &mut dyn FnMut(&str, String) -> Source) -> (String, Source, Vec<Client>) {
    let given = ask.session.var("PBH_URL").filter(|url| url.starts_with("http"));
    let url = given.unwrap_or_else(|| {
        if let Some(version) = survey.glance(PBH_URL) {
            ask.say(
                &format!("PeerBanHelper {version} answers at {PBH_URL}."),
                &format!("PeerBanHelper {version} 在 {PBH_URL} 应答。"),
            );
        }
        let answer = ask.text(
            &format!("The address of PeerBanHelper (Enter for {PBH_URL}):"),
            &format!("PeerBanHelper 的地址（直接回车为 {PBH_URL}）："),
        );
        answer.filter(|url| url.starts_with("http")).unwrap_or_else(|| PBH_URL.into())
    });
    if let Some(token) = ask.session.var("PBH_TOKEN") {
        let clients = accepted(ask, survey.pbh(&url, &token)).ok().flatten();
        return (url, Source::Env("PBH_TOKEN"), clients.unwrap_or_default());
    }
    for _ in 0..TRIES {
        let Some(token) = ask.text(
            "Its token (WebUI > settings, or server.token in its config.yml; Enter to fill it in later):",
            "它的令牌（WebUI 的设置，或其 config.yml 中的 server.token；直接回车以后再填）：",
        ) else {
            break;
        };
        // A wrong token is asked for again; a PBH that is not there now may be there later.
        if let Ok(clients) = accepted(ask, survey.pbh(&url, &token)) {
            return (url, keep("pbh-home", token), clients.unwrap_or_default());
        }
    }
    (url, Source::Env("PBH_TOKEN"), Vec::new())
}

/// Says what became of trying a token. An error where it was refused.
fn accepted(ask: &Ask, tried: Result<(String, Vec<Client>)>) -> Result<Option<Vec<Client>>, ()> {
    match tried {
        Ok((version, clients)) => {
            let names: Vec<_> = clients.iter().map(|client| client.name.as_str()).collect();
            let names = if names.is_empty() { "-".to_owned() } else { names.join(", ") };
            ask.say(
                &format!("PeerBanHelper {version} accepts the token. Its torrent clients: {names}"),
                &format!("PeerBanHelper {version} 接受了令牌。它的下载器：{names}"),
            );
            Ok(Some(clients))
        }
        Err(error) => {
            ask.session.explain(&error, None);
            if matches!(error.kind, Kind::Auth | Kind::Config) { Err(()) } else { Ok(None) }
        }
    }
}

/// The VPSes, each with its addresses.
fn machines(ask: &Ask, survey: &Survey, keep: &mut dyn FnMut(&str, String) -> Source) -> Vec<(Vps, Vec<String>)> {
    let url = ask.session.var("KIWIVM_URL").filter(|url| url.trim_end_matches('/') != KIWIVM_URL);
    let mut found: Vec<(Vps, Vec<String>)> = Vec::new();
    let number = |text: String| text.trim().parse::<u64>().ok().filter(|veid| *veid > 0);
    if let Some(veid) = ask.session.var("KIWIVM_VEID").and_then(number) {
        let tried = ask.session.var("KIWIVM_API_KEY").map(|key| survey.vps(veid, &key, url.as_deref()));
        let addresses = tried.and_then(|tried| works(ask, tried).ok().flatten()).unwrap_or_default();
        let key = Source::Env("KIWIVM_API_KEY");
        found.push((Vps { name: "main".into(), veid, key, url: url.clone(), downloaders: Vec::new() }, addresses));
    }
    loop {
        let (english, chinese) = if found.is_empty() {
            (
                "The VEID of your VPS (KiwiVM panel > API; Enter to fill it in later):",
                "VPS 的 VEID（KiwiVM 面板的 API 页；直接回车以后再填）：",
            )
        } else {
            ("The VEID of another VPS (Enter when there is none):", "另一台 VPS 的 VEID（没有则直接回车）：")
        };
        let Some(answer) = ask.text(english, chinese) else { return found };
        let Some(veid) = number(answer) else {
            ask.say("A VEID is a number.", "VEID 是一个数字。");
            continue;
        };
        let usual = if found.is_empty() { "main".to_owned() } else { format!("vps{}", found.len() + 1) };
        let (key, addresses) =
            api_key(ask, survey, veid, url.as_deref(), &mut |key| keep(&format!("kiwivm-{veid}"), key));
        let name = ask
            .text(
                &format!("A name for it, by which scripts call it (Enter for {usual}):"),
                &format!("给它起个名字，脚本里用它（直接回车为 {usual}）："),
            )
            .filter(|name| !found.iter().any(|(vps, _)| vps.name == *name))
            .unwrap_or(usual);
        found.push((Vps { name, veid, key, url: url.clone(), downloaders: Vec::new() }, addresses));
    }
}

/// Where the key of a VPS is, and the addresses that it has.
fn api_key(
    ask: &Ask,
    survey: &Survey,
    veid: u64,
    url: Option<&str>,
    keep: &mut dyn FnMut(String) -> Source,
) -> (Source, Vec<String>) {
    for _ in 0..TRIES {
        let Some(key) = ask.text(
            "Its API key (begins with private_; Enter to fill it in later):",
            "它的 API 密钥（以 private_ 开头；直接回车以后再填）：",
        ) else {
            break;
        };
        if let Ok(addresses) = works(ask, survey.vps(veid, &key, url)) {
            return (keep(key), addresses.unwrap_or_default());
        }
    }
    (Source::Env("KIWIVM_API_KEY"), Vec::new())
}

/// Says what became of trying a key. An error where it was refused.
fn works(ask: &Ask, tried: Result<Machine>) -> Result<Option<Vec<String>>, ()> {
    match tried {
        Ok(Machine { plan, location, addresses }) => {
            let list = addresses.join(", ");
            ask.say(
                &format!("KiwiVM accepts the key: {plan}, {location}, {list}"),
                &format!("KiwiVM 接受了密钥：{plan}，{location}，{list}"),
            );
            Ok(Some(addresses))
        }
        Err(error) => {
            ask.session.explain(&error, None);
            if matches!(error.kind, Kind::Auth | Kind::Config) { Err(()) } else { Ok(None) }
        }
    }
}

/// Says of each torrent client which VPS it runs on, and how it is reached from here where PBH's way means nothing.
fn link(
    ask: &Ask,
    survey: &Survey,
    pbh_url: &str,
    clients: &[Client],
    machines: &mut [(Vps, Vec<String>)],
) -> Vec<Downloader> {
    let mut others = Vec::new();
    for client in clients {
        let (name, theirs) = (client.name.as_str(), client.url.as_str());
        let far = discovery::means_nothing_here(theirs, pbh_url);
        let mut place = theirs.to_owned();
        if far {
            let answer = ask.text(
                &format!("PBH reaches `{name}` at {theirs}, which means nothing here. Its address from here (Enter to fill it in later):"),
                &format!("PBH 通过 {theirs} 访问 `{name}`，该地址在这里无意义。从这里访问它的地址（直接回车以后再填）："),
            );
            let url = answer.filter(|url| url.starts_with("http"));
            // What only PBH's host understands runs there, unless somebody knows better.
            place = url.clone().unwrap_or_else(|| pbh_url.to_owned());
            others.push(Downloader { name: name.into(), url, theirs: theirs.into() });
        }
        let at = machines.iter().position(|(_, addresses)| survey.is_at(&place, addresses));
        let at = at.or_else(|| match &*machines {
            [] => None,
            [(vps, _)] => {
                let vps = &vps.name;
                let yes = ask.yes(
                    &format!("Does `{name}` run on `{vps}`?"),
                    &format!("`{name}` 运行在 `{vps}` 上吗？"),
                    true,
                );
                yes.then_some(0)
            }
            several => {
                let names: Vec<_> = several.iter().map(|(vps, _)| vps.name.as_str()).collect();
                let list = names.join(", ");
                let answer = ask.text(
                    &format!("On which VPS does `{name}` run? {list} (Enter for none of them):"),
                    &format!("`{name}` 运行在哪台 VPS 上？{list}（都不是则直接回车）："),
                )?;
                names.iter().position(|name| *name == answer)
            }
        });
        if let Some(at) = at {
            let vps = &mut machines[at].0;
            ask.say(&format!("`{name}` runs on `{}`.", vps.name), &format!("`{name}` 运行在 `{}` 上。", vps.name));
            vps.downloaders.push(name.to_owned());
        }
    }
    others
}
