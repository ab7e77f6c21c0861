//! What is needed for a configuration: from the environment, from the services, and from whoever is there.

use std::path::Path;
use std::sync::Arc;

use super::PBH_URL;
use super::ask::Ask;
use super::document::{Document, Downloader, Source, Vps};
use super::survey::{Client, GLANCE, Machine, PATIENCE, Survey};
use crate::config::KIWIVM_URL;
use crate::error::{Error, Kind, Result};
use crate::fleet::discovery;

/// How often a wrong token or key may be typed.
const TRIES: usize = 5;

/// The variable of the one API key.
const KEY: &str = "KIWIVM_API_KEY";

/// What the questions came to.
pub(super) struct Gathered {
    pub document: Document,
    /// Files below the folder, and what nobody else may read in them.
    pub secrets: Vec<(String, String)>,
}

/// From the environment, from the services, and from whoever is there.
///
/// # Errors
/// `config` where a variable is wrong and nobody can be asked, and where whoever was asked has gone.
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
    let (pbh_url, token, clients) = pbh(ask, &survey, &mut keep)?;
    let mut machines = machines(ask, &survey, &mut keep)?;
    let downloaders = link(ask, &survey, &pbh_url, &clients, &mut machines)?;
    let vps = machines.into_iter().map(|(vps, _)| vps).collect();
    survey.runtime.shutdown_background();
    Ok(Gathered { document: Document { language: ask.language, vps, pbh_url, token, downloaders }, secrets })
}

/// Says what is wrong with a variable to whoever can give another answer.
fn told<T>(ask: &Ask, given: Result<T>) -> Result<Option<T>> {
    match given {
        Err(error) if ask.person => {
            ask.session.explain(&error, None);
            Ok(None)
        }
        given => given.map(Some),
    }
}

/// The address of PBH. The token goes nowhere that nobody confirmed.
fn address(ask: &Ask, survey: &Survey) -> Result<String> {
    let given = ask.session.var("PBH_URL").map(|url| told(ask, survey.address("PBH_URL", &url))).transpose()?.flatten();
    if !ask.person {
        return Ok(given.unwrap_or_else(|| PBH_URL.into()));
    }
    if given.is_none()
        && let Ok(version) = survey.version(PBH_URL, GLANCE)
    {
        ask.say(
            &format!("PeerBanHelper {version} answers at {PBH_URL}."),
            &format!("PeerBanHelper {version} 在 {PBH_URL} 应答。"),
        );
    }
    let mut tried = None;
    let mut wanted = given;
    loop {
        if let Some(url) = wanted {
            match survey.version(&url, PATIENCE) {
                Ok(_) => return Ok(url),
                Err(error) => ask.session.explain(&error, None),
            }
            tried = Some(url);
        }
        let answer = match &tried {
            None => ask.text(
                &format!("The address of PeerBanHelper (Enter for {PBH_URL}):"),
                &format!("PeerBanHelper 的地址（直接回车为 {PBH_URL}）："),
            )?,
            // What is not there now may be there later.
            Some(url) => {
                let answer = ask.text(
                    &format!("Another address of PeerBanHelper (Enter to keep {url}):"),
                    &format!("PeerBanHelper 的另一个地址（直接回车则保留 {url}）："),
                )?;
                if answer.is_none() {
                    return Ok(url.clone());
                }
                answer
            }
        };
        let called = ask.pick("the address", "地址");
        wanted = told(ask, survey.address(called, answer.as_deref().unwrap_or(PBH_URL)))?;
    }
}

/// The address of PBH, where its token is, and its clients.
fn pbh(
    ask: &Ask,
    survey: &Survey,
    keep: &mut dyn FnMut(&str, String) -> Source,
) -> Result<(String, Source, Vec<Client>)> {
    let url = address(ask, survey)?;
    if let Some(token) = ask.session.var("PBH_TOKEN") {
        let clients = accepted(ask, survey.pbh(&url, &token)).ok().flatten();
        return Ok((url, Source::Env("PBH_TOKEN".into()), clients.unwrap_or_default()));
    }
    for _ in 0..TRIES {
        let Some(token) = ask.secret(
            "Its token (WebUI > settings, or server.token in its config.yml; not shown; Enter to fill it in later):",
            "它的令牌（WebUI 的设置，或其 config.yml 中的 server.token；输入不显示；直接回车以后再填）：",
        )?
        else {
            break;
        };
        // A wrong token is asked for again; a PBH that is not there now may be there later.
        if let Ok(clients) = accepted(ask, survey.pbh(&url, &token)) {
            return Ok((url, keep("pbh-home", token), clients.unwrap_or_default()));
        }
    }
    Ok((url, Source::Env("PBH_TOKEN".into()), Vec::new()))
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
            // The address was looked at before.
            if error.kind == Kind::Auth { Err(()) } else { Ok(None) }
        }
    }
}

/// The VPSes, each with its addresses.
fn machines(
    ask: &Ask,
    survey: &Survey,
    keep: &mut dyn FnMut(&str, String) -> Source,
) -> Result<Vec<(Vps, Vec<String>)>> {
    let url = ask.session.var("KIWIVM_URL").map(|url| survey.address("KIWIVM_URL", &url)).transpose()?;
    let url = url.filter(|url| url.trim_end_matches('/') != KIWIVM_URL);
    let mut found: Vec<(Vps, Vec<String>)> = Vec::new();
    let number = |text: &str| text.trim().parse::<u64>().ok().filter(|veid| *veid > 0);
    let given = ask.session.var("KIWIVM_VEID").map(|text| {
        let wrong = || {
            Error::new(Kind::Config, format!("KIWIVM_VEID: `{text}` is not a VEID"))
                .hint("it is the number that the KiwiVM panel shows beside the API key")
        };
        number(&text).ok_or_else(wrong)
    });
    if let Some(veid) = given.map(|veid| told(ask, veid)).transpose()?.flatten() {
        let tried = ask.session.var("KIWIVM_API_KEY").map(|key| survey.vps(veid, &key, url.as_deref()));
        let addresses = tried.and_then(|tried| works(ask, tried).ok().flatten()).unwrap_or_default();
        let key = Source::Env(KEY.into());
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
        let veid = ask.until(english, chinese, |answer| {
            let Some(answer) = answer else { return Ok(None) };
            let veid = number(answer).ok_or_else(|| ask.pick("A VEID is a number.", "VEID 是一个数字。").to_owned())?;
            match found.iter().find(|(vps, _)| vps.veid == veid) {
                Some((Vps { name, .. }, _)) => {
                    Err(ask.either(format!("That is `{name}` already."), format!("这就是前面的 `{name}`。")))
                }
                None => Ok(Some(veid)),
            }
        })?;
        let Some(veid) = veid else { return Ok(found) };
        // Each VPS has a key of its own, and so a variable.
        let later = if found.is_empty() { KEY.to_owned() } else { format!("{KEY}_{veid}") };
        let mut kept = |key| keep(&format!("kiwivm-{veid}"), key);
        let (key, addresses) = match api_key(ask, survey, veid, url.as_deref())? {
            Some((key, addresses)) => (kept(key), addresses),
            None => (Source::Env(later), Vec::new()),
        };
        let usual = if found.is_empty() { "main".to_owned() } else { format!("vps{}", found.len() + 1) };
        let name = ask.until(
            &format!("A name for it, by which scripts call it (Enter for {usual}):"),
            &format!("给它起个名字，脚本里用它（直接回车为 {usual}）："),
            |answer| {
                let name = answer.unwrap_or(&usual);
                if found.iter().any(|(vps, _)| vps.name == name) {
                    return Err(ask.either(
                        format!("There is a `{name}` already; write another name."),
                        format!("已有名为 `{name}` 的 VPS，请另起一个名字。"),
                    ));
                }
                survey.named(name).map_err(|error| error.message.clone()).map(|()| name.to_owned())
            },
        )?;
        found.push((Vps { name, veid, key, url: url.clone(), downloaders: Vec::new() }, addresses));
    }
}

/// The key of a VPS, and the addresses that it has; nothing where it is filled in later.
fn api_key(ask: &Ask, survey: &Survey, veid: u64, url: Option<&str>) -> Result<Option<(String, Vec<String>)>> {
    for _ in 0..TRIES {
        let Some(key) = ask.secret(
            "Its API key (begins with private_; not shown; Enter to fill it in later):",
            "它的 API 密钥（以 private_ 开头；输入不显示；直接回车以后再填）：",
        )?
        else {
            break;
        };
        if let Ok(addresses) = works(ask, survey.vps(veid, &key, url)) {
            return Ok(Some((key, addresses.unwrap_or_default())));
        }
    }
    Ok(None)
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
            if error.kind == Kind::Auth { Err(()) } else { Ok(None) }
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
) -> Result<Vec<Downloader>> {
    let mut others = Vec::new();
    for client in clients {
        let (name, theirs) = (client.name.as_str(), client.url.as_str());
        let far = discovery::means_nothing_here(theirs, pbh_url);
        let mut place = theirs.to_owned();
        if far {
            let url = ask.until(
                &format!("PBH reaches `{name}` at {theirs}, which means nothing here. Its address from here (Enter to fill it in later):"),
                &format!("PBH 通过 {theirs} 访问 `{name}`，从本机访问不到。从本机访问它的地址（直接回车以后再填）："),
                |answer| {
                    let called = ask.pick("the address", "地址");
                    let url = answer.map(|url| survey.address(called, url)).transpose();
                    url.map_err(|error| error.message.clone())
                },
            )?;
            // What only PBH's host understands runs there, unless somebody knows better.
            place = url.clone().unwrap_or_else(|| pbh_url.to_owned());
            others.push(Downloader { name: name.into(), url, theirs: theirs.into() });
        }
        let at = machines.iter().position(|(_, addresses)| survey.is_at(&place, addresses));
        let at = match &*machines {
            _ if at.is_some() => at,
            [] => None,
            [(vps, _)] => {
                let vps = &vps.name;
                let yes = ask.yes(
                    &format!("Does `{name}` run on `{vps}`?"),
                    &format!("`{name}` 运行在 `{vps}` 上吗？"),
                    true,
                )?;
                yes.then_some(0)
            }
            several => {
                let names: Vec<_> = several.iter().map(|(vps, _)| vps.name.as_str()).collect();
                let list = names.join(", ");
                ask.until(
                    &format!("On which VPS does `{name}` run? {list} (Enter for none of them):"),
                    &format!("`{name}` 运行在哪台 VPS 上？{list}（都不是则直接回车）："),
                    |answer| {
                        let Some(answer) = answer else { return Ok(None) };
                        let at = names.iter().position(|name| *name == answer);
                        at.map(Some).ok_or_else(|| {
                            ask.either(
                                format!("There is no `{answer}` among them: {list}"),
                                format!("其中没有 `{answer}`：{list}"),
                            )
                        })
                    },
                )?
            }
        };
        if let Some(at) = at {
            let vps = &mut machines[at].0;
            ask.say(&format!("`{name}` runs on `{}`.", vps.name), &format!("`{name}` 运行在 `{}` 上。", vps.name));
            vps.downloaders.push(name.to_owned());
        }
    }
    Ok(others)
}
