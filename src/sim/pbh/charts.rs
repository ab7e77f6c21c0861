//! Charts and counts over time. Days are days of UTC, the simulated server's zone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::history::{Seen, seen};
use super::page::Kept;
use super::{Call, Handler, Outcome, succeeded};
use crate::sim::hub::Banned;
use crate::sim::net::Answer;
use crate::time::Time;

pub(super) const HANDLERS: &[(&str, Handler)] = &[
    ("analysis_ban_trends", ban_trends),
    ("analysis_field", field),
    ("analysis_date", date),
    ("chart_geoip", geo),
    ("chart_trend", trend),
    ("chart_traffic", traffic),
    ("chart_session_between", sessions_between),
    ("chart_session_day_bucket", sessions_by_day),
    ("chart_session_analyse", session_flags),
    ("chart_client_analyse", clients),
];

const DAY: i64 = 86_400_000;

/// `startAt` and `endAt`, and the downloader that is asked for.
struct Range {
    from: i64,
    to: i64,
    downloader: Option<String>,
}

impl Range {
    fn of(call: &Call<'_>) -> Result<Self, Answer> {
        let from = call.number("startAt")?.ok_or_else(|| call.bad("startAt cannot be null"))?;
        let to = call.number("endAt")?.ok_or_else(|| call.bad("endAt cannot be null"))?;
        let downloader = call.ask.query("downloader").filter(|id| !id.is_empty() && *id != "%");
        Ok(Self { from, to, downloader: downloader.map(ToOwned::to_owned) })
    }

    fn has(&self, at: i64) -> bool {
        self.from <= at && at <= self.to
    }

    fn asks(&self, id: &str) -> bool {
        self.downloader.as_deref().is_none_or(|wanted| wanted == id)
    }

    fn ban(&self, entry: &Banned) -> bool {
        self.has(entry.ban.from.millis()) && self.asks(entry.ban.downloader["id"].as_str().unwrap_or(""))
    }

    fn seen(&self, row: &Seen<'_>) -> bool {
        self.has(row.peer.since.millis()) && self.asks(&row.client.id)
    }
}

fn day(at: i64) -> i64 {
    at.div_euclid(DAY) * DAY
}

fn counted(days: impl Iterator<Item = i64>) -> BTreeMap<i64, u64> {
    let mut counts = BTreeMap::new();
    for at in days {
        *counts.entry(day(at)).or_default() += 1;
    }
    counts
}

fn pairs(counts: BTreeMap<i64, u64>) -> Value {
    counts.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

fn bans_by_day(call: &Call<'_>, range: &Range) -> Value {
    let bans = call.state.hub.history.iter().filter(|entry| range.ban(entry));
    pairs(counted(bans.map(|entry| entry.ban.from.millis())))
}

fn ban_trends(call: &mut Call<'_>) -> Outcome {
    let range = Range::of(call)?;
    Ok(call.ok(bans_by_day(call, &range)))
}

fn trend(call: &mut Call<'_>) -> Outcome {
    let range = Range::of(call)?;
    let people = seen(call);
    let connected = counted(people.iter().filter(|row| range.seen(row)).map(|row| row.peer.since.millis()));
    Ok(call.ok(json!({"connectedPeersTrend": pairs(connected), "bannedPeersTrend": bans_by_day(call, &range)})))
}

/// Oldest first.
fn traffic(call: &mut Call<'_>) -> Outcome {
    let range = Range::of(call)?;
    let mut days: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for client in call.state.hub.clients.iter().filter(|client| range.asks(&client.id)) {
        let Some(seedbox) = client.seedbox(&call.state.boxes) else { continue };
        for (day, (up, down)) in &seedbox.days {
            let sum = days.entry(day * DAY).or_default();
            sum.0 += up.bytes();
            sum.1 += down.bytes();
        }
    }
    let rows: Vec<Value> = days
        .into_iter()
        .filter(|(at, _)| *at + DAY > range.from && *at <= range.to)
        .map(|(at, (up, down))| json!({"timestamp": at, "dataOverallUploaded": up, "dataOverallDownloaded": down}))
        .collect();
    Ok(call.ok(json!(rows)))
}

/// Where peers, or banned ones, come from.
///
/// Recorded in 9.5.0 only without an IP database, which is then found missing before the range is read.
fn geo(call: &mut Call<'_>) -> Outcome {
    if !call.old() {
        return Ok(succeeded(false, 200, false, json!("The IP database is not ready yet"), Value::Null));
    }
    let range = Range::of(call)?;
    let banned = call.ask.query("bannedOnly") == Some("true");
    let people = seen(call);
    let places: Vec<_> = if banned {
        call.state.hub.history.iter().filter(|entry| range.ban(entry)).filter_map(|entry| entry.ban.place).collect()
    } else {
        people.iter().filter(|row| range.seen(row)).map(|row| row.peer.guest.place).collect()
    };
    let by = |of: fn(&&'static crate::sim::swarm::Place) -> &'static str| {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for place in &places {
            *counts.entry(of(place)).or_default() += 1;
        }
        let mut rows: Vec<_> = counts.into_iter().collect();
        rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        rows.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect::<Vec<_>>()
    };
    Ok(call.ok(json!({
        "city": by(|place| place.city), "region": by(|place| place.country), "isp": by(|place| place.isp),
        "province": by(|_| "N/A"),
    })))
}

/// A 500 for every valid range, as in the real one.
fn sessions_between(call: &mut Call<'_>) -> Outcome {
    Range::of(call)?;
    Err(call.broken())
}

fn incoming(row: &Seen<'_>) -> bool {
    row.peer.flags().split(' ').any(|flag| flag == "I")
}

fn by_day<'a, 'b>(people: &'b [Seen<'a>], range: &Range) -> BTreeMap<i64, Vec<&'b Seen<'a>>> {
    let mut days: BTreeMap<i64, Vec<&Seen<'_>>> = BTreeMap::new();
    for row in people.iter().filter(|row| range.seen(row)) {
        days.entry(day(row.peer.since.millis())).or_default().push(row);
    }
    days
}

fn sessions_by_day(call: &mut Call<'_>) -> Outcome {
    let range = Range::of(call)?;
    let people = seen(call);
    let rows: Vec<Value> = by_day(&people, &range)
        .into_iter()
        .map(|(key, rows)| {
            json!({"key": key, "total": rows.len(), "incoming": rows.iter().filter(|row| incoming(row)).count()})
        })
        .collect();
    Ok(call.ok(json!(rows)))
}

fn session_flags(call: &mut Call<'_>) -> Outcome {
    let range = Range::of(call)?;
    let people = seen(call);
    let rows: Vec<Value> = by_day(&people, &range)
        .into_iter()
        .map(|(key, rows)| {
            let count = |flag: &str| rows.iter().filter(|row| row.peer.flags().split(' ').any(|f| f == flag)).count();
            let total = rows.len();
            json!({
                "key": key, "totalConnections": total, "incomingConnections": count("I"),
                "remoteRefuseTransferToClient": count("d"), "remoteAcceptTransferToClient": count("D"),
                "localRefuseTransferToPeer": count("u"), "localAcceptTransferToPeer": count("U"),
                "localNotInterested": count("K"), "questionStatus": count("?"), "optimisticUnchoke": count("O"),
                "fromDHT": count("H"), "fromPEX": count("X"), "fromLSD": count("L"),
                "fromTrackerOrOther": total - count("H") - count("X") - count("L"), "rc4Encrypted": count("E"),
                "plainTextEncrypted": count("e"), "utpSocket": count("P"), "tcpSocket": total - count("P"),
            })
        })
        .collect();
    Ok(call.ok(json!(rows)))
}

/// All clients in one row without a name, as in the real one.
fn clients(call: &mut Call<'_>) -> Outcome {
    let range = Range::of(call)?;
    let sorted = call.ask.query("orderBy").map(|order| order.split('|').next().unwrap_or(order));
    let columns = ["uploaded", "downloaded", "count", "ct", "peerId", "clientName", "peer_id", "client_name"];
    if sorted.is_some_and(|column| !columns.contains(&column)) {
        return Err(call.broken());
    }
    let people = seen(call);
    let mine: Vec<_> = people.iter().filter(|row| range.seen(row)).collect();
    let rows: Vec<Value> = if mine.is_empty() {
        Vec::new()
    } else {
        vec![json!({
            "peerId": null, "clientName": null,
            "uploaded": mine.iter().map(|row| row.peer.uploaded.bytes()).sum::<u64>(),
            "downloaded": mine.iter().map(|row| row.peer.downloaded.bytes()).sum::<u64>(), "count": mine.len(),
        })]
    };
    Ok(call.ok(call.page(Kept::Database, rows.into_iter())?))
}

/// The value of a column of the ban history as text; `None` where there is no such column.
fn column(entry: &Banned, name: &str, old: bool) -> Option<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let ban = &entry.ban;
    Some(match name {
        "banAt" | "ban_at" => ban.from.millis().to_string(),
        "time" if !old => ban.from.millis().to_string(),
        "unbanAt" | "unban_at" => ban.to.millis().to_string(),
        "ip" | "peer_ip" => entry.ip.clone(),
        "peerIp" if !old => entry.ip.clone(),
        "port" | "peer_port" => entry.port.to_string(),
        "peerId" | "peer_id" => text(&ban.peer["id"]).chars().take(8).collect(),
        "peerClientName" | "peer_client_name" => text(&ban.peer["clientName"]),
        "clientName" if !old => text(&ban.peer["clientName"]),
        "peerUploaded" | "peer_uploaded" => text(&ban.peer["uploaded"]),
        "peerDownloaded" | "peer_downloaded" => text(&ban.peer["downloaded"]),
        "peerProgress" | "peer_progress" => text(&ban.peer["progress"]),
        "module" => ban.by.clone(),
        "module_name" if !old => ban.by.clone(),
        "rule" if old => ban.rule.clone(),
        "rule_name" if !old => ban.rule.clone(),
        "description" => ban.description.clone(),
        "downloader" => text(&ban.downloader["id"]),
        "flags" => text(&ban.peer["flags"]),
        "torrent_id" if !old => text(&ban.torrent["hash"]),
        "torrentName" if old => text(&ban.torrent["name"]),
        "torrentSize" if old => text(&ban.torrent["size"]),
        _ => return None,
    })
}

/// Groups the ban history by a column and counts, or adds up that same column.
fn field(call: &mut Call<'_>) -> Outcome {
    let old = call.old();
    let name = call.ask.query("field").map(ToOwned::to_owned);
    let kind = call.ask.query("type").map(ToOwned::to_owned);
    let kind = kind.ok_or_else(|| call.bad("type cannot be null"))?;
    let name = name.ok_or_else(|| if old { call.broken() } else { call.bad("field cannot be null") })?;
    if !matches!(kind.as_str(), "count" | "sum") {
        return Err(call.bad("type invalid"));
    }
    if old && !name.chars().all(char::is_alphanumeric) {
        return Err(call.bad("field is not a name"));
    }
    let least = least(call)?;
    let downloader = call.ask.query("downloader");
    let mut groups: BTreeMap<String, f64> = BTreeMap::new();
    for entry in &call.state.hub.history {
        let value = column(entry, &name, old).ok_or_else(|| call.broken())?;
        if downloader.is_some_and(|id| entry.ban.downloader["id"] != json!(id)) {
            continue;
        }
        // A text is a number as far as its first digits are.
        let amount = if kind == "sum" { leading(&value) } else { 1.0 };
        *groups.entry(value).or_default() += amount;
    }
    let total: f64 = groups.values().sum();
    let mut rows: Vec<_> = groups.into_iter().filter(|(_, amount)| *amount > 0.0 && amount / total >= least).collect();
    rows.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    #[expect(clippy::cast_possible_truncation, reason = "sums of whole numbers")]
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|(data, amount)| json!({"data": data, "count": amount.round() as i64, "percent": amount / total}))
        .collect();
    Ok(call.ok(json!(rows)))
}

/// The smallest share that is shown.
fn least(call: &Call<'_>) -> Result<f64, Answer> {
    call.ask
        .query("filter")
        .map_or(Ok(0.0), |text| text.parse().map_err(|_| call.bad(&format!("For input string: \"{text}\""))))
}

fn leading(text: &str) -> f64 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(0.0)
}

/// The beginning of the bucket that an instant lies in.
fn bucket(at: Time, kind: &str) -> Option<i64> {
    use chrono::{Datelike as _, TimeZone as _, Utc};
    let floor = |size: i64| at.millis().div_euclid(size) * size;
    let first = |month: u32| {
        let year = at.utc().year();
        Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0).single().map(|time| time.timestamp_millis())
    };
    match kind {
        "year" => first(1),
        "month" => first(at.utc().month()),
        "day" => Some(floor(DAY)),
        "hour" => Some(floor(3_600_000)),
        "minute" => Some(floor(60_000)),
        "second" => Some(floor(1000)),
        _ => None,
    }
}

/// When bans began or end, in buckets.
fn date(call: &mut Call<'_>) -> Outcome {
    let missing = |call: &Call<'_>| call.bad("startAt cannot be null");
    let from = call.number("startAt")?.ok_or_else(|| missing(call))?;
    let to = call.number("endAt")?.ok_or_else(|| missing(call))?;
    let kind = call.ask.query("type").unwrap_or("null").to_owned();
    let unexpected = |call: &Call<'_>, what: &str| call.bad(&format!("Unexpected value: {what}"));
    if bucket(call.state.now, &kind).is_none() {
        return Err(unexpected(call, &kind));
    }
    let field = match call.ask.query("field") {
        Some(field @ ("banAt" | "unbanAt")) => field.to_owned(),
        Some(field) => return Err(unexpected(call, field)),
        None => return Err(missing(call)),
    };
    let least = least(call)?;
    let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
    for entry in &call.state.hub.history {
        let (began, ends) = (entry.ban.from, entry.ban.to);
        let at = if field == "banAt" { began } else { ends };
        // 9.0.10 looks whether the instant itself is in the range, 9.5.0 whether the ban began there.
        let judged = if call.old() { at } else { began };
        if (from..=to).contains(&judged.millis())
            && let Some(key) = bucket(at, &kind)
        {
            *counts.entry(key).or_default() += 1;
        }
    }
    let total: f64 = counts.values().map(|count| f64::from(*count)).sum();
    // By day of the beginning the share is 0, as in the real one.
    let share = |count: u32| if field == "banAt" && kind == "day" { 0.0 } else { f64::from(count) / total };
    let rows: Vec<Value> = counts
        .into_iter()
        .filter(|(_, count)| share(*count) >= least)
        .map(|(timestamp, count)| json!({"timestamp": timestamp, "count": count, "percent": share(count)}))
        .collect();
    Ok(call.ok(json!(rows)))
}
