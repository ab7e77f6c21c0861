//! The simulated qBittorrent Web API, 4.x and 5.x.

use serde_json::{Value, json};

use super::net::{Answer, Ask};
use super::programs::Visit;
use super::seedbox::Seedbox;
use crate::time::Time;

mod sync;
mod torrents;
mod transfer;

/// A request that was let in.
struct Call<'a> {
    seedbox: &'a mut Seedbox,
    ask: &'a Ask,
    form: Vec<(String, String)>,
    now: Time,
    /// When the world began.
    started: Time,
    /// What another part of the world must hear of.
    restless: bool,
}

impl Call<'_> {
    /// A parameter, from the form or the query.
    fn param(&self, name: &str) -> Option<&str> {
        self.form.iter().chain(&self.ask.query).find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> &str {
        self.param(name).unwrap_or("")
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.param(name)?.parse().ok()
    }
}

type Handler = fn(&mut Call<'_>) -> Answer;

/// Path below `/api/v2/`, whether it must be a `POST`, and what it does.
const ROUTES: &[(&str, bool, Handler)] = &[
    ("auth/logout", true, logout),
    ("app/version", false, |call| text(&format!("v{}", call.seedbox.version))),
    ("app/webapiVersion", false, |call| text(if call.seedbox.pauses() { "2.8.19" } else { "2.11.4" })),
    ("app/buildInfo", false, |_| {
        send(&json!({
            "bitness": 64, "boost": "1.86.0", "libtorrent": "2.0.11.0", "openssl": "3.5.0", "platform": "linux", "qt": "6.9.1",
            "zlib": "1.3.1",
        }))
    }),
    ("app/processInfo", false, |call| {
        send(&json!({"launch_time": call.started.seconds() + i64::try_from(call.seedbox.starts).unwrap_or(0)}))
    }),
    ("app/defaultSavePath", false, |_| text("/data/torrents")),
    ("app/getFreeSpaceAtPath", false, |call| match call.text("path") {
        path if path.starts_with("/data") => text(&call.seedbox.free_space().to_string()),
        _ => bad(),
    }),
    ("app/preferences", false, transfer::preferences),
    ("app/setPreferences", true, transfer::set_preferences),
    ("transfer/info", false, transfer::info),
    ("transfer/uploadLimit", false, |call| text(&call.seedbox.up_limit.to_string())),
    ("transfer/downloadLimit", false, |call| text(&call.seedbox.down_limit.to_string())),
    ("transfer/setUploadLimit", true, transfer::set_upload_limit),
    ("transfer/setDownloadLimit", true, transfer::set_download_limit),
    ("transfer/speedLimitsMode", false, |call| text(if call.seedbox.slow { "1" } else { "0" })),
    ("transfer/setSpeedLimitsMode", true, transfer::set_speed_limits_mode),
    ("transfer/toggleSpeedLimitsMode", true, transfer::toggle_speed_limits_mode),
    ("transfer/banPeers", true, transfer::ban_peers),
    ("sync/maindata", false, sync::maindata),
    ("sync/torrentPeers", false, sync::torrent_peers),
    ("torrents/info", false, torrents::info),
    ("torrents/count", false, |call| text(&call.seedbox.torrents.len().to_string())),
    ("torrents/properties", false, torrents::properties),
    ("torrents/trackers", false, torrents::trackers),
    ("torrents/files", false, torrents::files),
    ("torrents/categories", false, torrents::categories),
    ("torrents/createCategory", true, torrents::create_category),
    ("torrents/tags", false, torrents::tags),
    ("torrents/stop", true, torrents::stop),
    ("torrents/start", true, torrents::start),
    ("torrents/pause", true, torrents::stop),
    ("torrents/resume", true, torrents::start),
    ("torrents/setForceStart", true, torrents::set_force_start),
    ("torrents/uploadLimit", true, torrents::upload_limit),
    ("torrents/downloadLimit", true, torrents::download_limit),
    ("torrents/setUploadLimit", true, torrents::set_upload_limit),
    ("torrents/setDownloadLimit", true, torrents::set_download_limit),
    ("torrents/setShareLimits", true, torrents::set_share_limits),
    ("torrents/addTags", true, torrents::add_tags),
    ("torrents/removeTags", true, torrents::remove_tags),
    ("torrents/setCategory", true, torrents::set_category),
    ("torrents/setLocation", true, torrents::set_location),
    ("torrents/delete", true, torrents::delete),
    ("torrents/add", true, torrents::add),
    ("torrents/recheck", true, torrents::nothing),
    ("torrents/reannounce", true, torrents::nothing),
];

/// What came with 5.2.
const SINCE_5_2: [&str; 2] = ["app/processInfo", "app/getFreeSpaceAtPath"];

/// Logins that fail before the address is locked out.
const PATIENCE: u32 = 5;

pub(super) fn answer(visit: &mut Visit<'_>) -> Answer {
    let path = visit.ask.path.strip_prefix("/api/v2/").unwrap_or("");
    if path == "auth/login" && visit.ask.method == "POST" {
        return login(visit);
    }
    let (seedbox, ask) = (&mut *visit.seedbox, visit.ask);
    if !ask.cookie("SID").is_some_and(|sid| seedbox.sessions.iter().any(|session| session == sid)) {
        return Answer::text(403, "Forbidden");
    }
    let newest = crate::api::version(&seedbox.version) >= (5, 2, 0);
    // `pause` and `resume` became `stop` and `start` with 5.0.
    let other =
        if seedbox.pauses() { ["torrents/stop", "torrents/start"] } else { ["torrents/pause", "torrents/resume"] };
    let there = |route: &&str| !other.contains(route) && (newest || !SINCE_5_2.contains(route));
    let Some((_, post, handler)) = ROUTES.iter().find(|(route, ..)| *route == path && there(route)) else {
        return Answer::text(404, "Not Found");
    };
    if *post && ask.method != "POST" {
        return Answer::text(405, "Method Not Allowed");
    }
    let mut call = Call { seedbox, ask, form: ask.form(), now: visit.now, started: visit.started, restless: false };
    let answer = handler(&mut call);
    visit.restless = call.restless;
    answer
}

fn login(visit: &mut Visit<'_>) -> Answer {
    let (seedbox, form) = (&mut *visit.seedbox, visit.ask.form());
    let given = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    if seedbox.failures >= PATIENCE {
        return Answer::text(403, "Your IP address has been banned after too many failed authentication attempts.");
    }
    let right = given("username") == seedbox.username && given("password") == seedbox.password;
    if !right || visit.expired {
        seedbox.failures += 1;
        return text("Fails.");
    }
    let sid = seedbox.let_in(32);
    text("Ok.").with("set-cookie", format!("SID={sid}; HttpOnly; path=/; SameSite=Strict"))
}

fn logout(call: &mut Call<'_>) -> Answer {
    let sid = call.ask.cookie("SID").map(ToOwned::to_owned);
    call.seedbox.sessions.retain(|session| Some(session) != sid.as_ref());
    done()
}

fn text(text: &str) -> Answer {
    Answer::new(200, "text/plain; charset=UTF-8", text)
}

fn send(value: &Value) -> Answer {
    Answer::json(200, value)
}

/// A 200 without a body, as most changes answer.
fn done() -> Answer {
    text("")
}

fn bad() -> Answer {
    Answer::text(400, "Bad Request")
}
