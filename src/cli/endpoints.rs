//! `tidegate endpoints`: the tables, for people and for programs.

use serde::Serialize;

use super::{Exit, Session};
use crate::api::{Place, Row, Service};
use crate::error::Result;
use crate::permission::Effect;
use crate::reference::{groups, releases};
use crate::script::Reader;
use crate::text::{count, list};

/// Lists what scripts can call, and what it costs.
#[derive(clap::Args)]
#[command(after_help = "Example: `tidegate endpoints snapshot` shows every endpoint that has to do with snapshots.")]
pub struct Endpoints {
    /// A part of a name, path, sentence or original title; upper and lower case are the same.
    pattern: Option<String>,
    /// One JSON array on standard output.
    #[arg(long)]
    json: bool,
}

impl Endpoints {
    /// # Errors
    /// Where standard output is gone.
    pub fn run(self, session: &Session) -> Result<Exit> {
        // Whatever else is wrong with the configuration, it may say the language.
        let _ = session.configuration();
        let rows = matching(self.pattern.as_deref());
        if self.json {
            session.json(&rows.iter().map(|row| Listed::new(row)).collect::<Vec<_>>())?;
        } else if !rows.is_empty() {
            session.line(&text(&rows, session.reader()))?;
        }
        if !rows.is_empty() {
            return Ok(Exit::Ok);
        }
        let pattern = self.pattern.unwrap_or_default();
        session.tell(&format!("error: no endpoint matches `{pattern}`"));
        let near = nearest(&pattern);
        if near.is_empty() {
            session.tell("hint: `tidegate endpoints` lists them all");
        } else {
            session.tell(&format!("hint: there is {}", list(near, "and")));
        }
        Ok(Exit::Bad)
    }
}

fn all() -> impl Iterator<Item = &'static Row> {
    Service::ALL.into_iter().flat_map(Service::rows)
}

fn matching(pattern: Option<&str>) -> Vec<&'static Row> {
    let pattern = pattern.unwrap_or_default().to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&pattern);
    let says = |row: &Row| has(row.doc) || has(row.chinese()) || row.extra.title.is_some_and(has);
    all().filter(|row| has(row.id) || has(row.path) || says(row)).collect()
}

/// Up to three names that look most like the pattern, as a whole or by one of their words.
fn nearest(pattern: &str) -> Vec<&'static str> {
    const ENOUGH: f64 = 0.8;
    let pattern = pattern.to_lowercase();
    let likeness = |id: &'static str| {
        let words = id.split('_').filter(|word| word.len() > 2);
        words.chain([id]).map(|word| strsim::jaro_winkler(word, &pattern)).fold(0.0, f64::max)
    };
    let mut names: Vec<_> = all().map(|row| (likeness(row.id), row.id)).filter(|(like, _)| *like >= ENOUGH).collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0));
    names.into_iter().take(3).map(|(_, id)| id).collect()
}

/// A row as programs read it.
#[derive(Serialize)]
struct Listed {
    service: &'static str,
    group: &'static str,
    id: &'static str,
    method: &'static str,
    path: &'static str,
    effect: Effect,
    since: Option<&'static str>,
    until: Option<&'static str>,
    params: Vec<ListedParam>,
    returns: String,
    signature: String,
    doc: &'static str,
    title: Option<&'static str>,
    note: &'static str,
    source: &'static str,
    callable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct ListedParam {
    name: &'static str,
    #[serde(rename = "in")]
    place: Place,
    /// The JSON type on the wire.
    r#type: &'static str,
    /// What a script gives: `Time`, `Bytes`.
    value: String,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<serde_json::Value>,
}

impl Listed {
    fn new(row: &Row) -> Self {
        let param = |param: &crate::api::Param| ListedParam {
            name: param.name,
            place: param.place,
            r#type: param.ty.json(),
            value: param.ty.to_string(),
            required: param.required,
            default: param.default.and_then(|text| serde_json::from_str(text).ok()),
        };
        Self {
            service: row.service.name(),
            group: row.extra.group,
            id: row.id,
            method: row.method,
            path: row.path,
            effect: row.effect,
            since: row.extra.since,
            until: row.extra.until,
            params: row.params.iter().map(param).collect(),
            returns: row.returns.to_string(),
            signature: row.signature(),
            doc: row.doc,
            title: row.extra.title,
            note: row.extra.note,
            source: row.extra.source,
            callable: row.extra.uncallable.is_none(),
            reason: row.extra.uncallable,
        }
    }
}

/// The rows as people read them: by service and group, three lines each.
fn text(rows: &[&Row], reader: Reader) -> String {
    let Reader { color, language } = reader;
    let paint = |code: &str, text: &str| if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let mut lines = Vec::new();
    for service in Service::ALL {
        for (group, rows) in groups(rows.iter().copied().filter(|row| row.service == service)) {
            lines.push(paint("4", &format!("{} · {group}", service.name())));
            lines.push(String::new());
            for row in rows {
                let tint = match row.effect {
                    Effect::Read => "32",
                    Effect::Write => "33",
                    Effect::Destructive => "31",
                };
                let effect = paint(tint, language.word(&row.effect.to_string()));
                let mut facts = vec![effect, format!("{} {}", row.method, row.path)];
                facts.extend(releases(language, row.extra.since, row.extra.until));
                facts.extend(
                    row.extra.uncallable.map(|reason| language.say(&format!("no function: {reason}")).into_owned()),
                );
                lines.push(format!("  {}", paint("1", &row.signature())));
                lines.push(format!("    {}", language.pick(row.doc, row.chinese())));
                lines.push(format!("    {}", facts.join(" · ")));
                lines.push(String::new());
            }
        }
    }
    lines.push(language.say(&count(rows.len(), "endpoint")).into_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(pattern: &str) -> Vec<&'static str> {
        matching(Some(pattern)).iter().map(|row| row.id).collect()
    }

    #[test]
    fn a_pattern_looks_at_name_path_sentence_and_title() {
        assert!(ids("SNAPSHOT_").contains(&"snapshot_create"));
        assert_eq!(ids("/blocklist/ip"), ["blocklist_ip"]);
        assert_eq!(ids("in the format of eMule"), ["blocklist_dat"]);
        assert_eq!(ids("解除封禁"), ["bans_delete"]);
        assert_eq!(ids("no such thing"), Vec::<&str>::new());
        assert_eq!(matching(None).len(), 184);
    }

    #[test]
    fn a_typo_gets_the_nearest_names() {
        assert!(nearest("snapshto_create").contains(&"snapshot_create"));
        assert!(nearest("downlaoders").iter().all(|id| id.contains("downloader")));
        assert!(nearest("downlaoders").len() == 3);
        assert!(nearest("zzzz").is_empty());
    }

    #[test]
    fn programs_get_what_is_promised() {
        let json = serde_json::to_value(Listed::new(Service::Pbh.row("alert_dismiss").unwrap())).unwrap();
        assert_eq!(json["service"], "pbh");
        assert_eq!(json["method"], "PATCH");
        assert_eq!(json["effect"], "write");
        assert_eq!(json["since"], serde_json::Value::Null);
        assert_eq!(
            json["params"],
            serde_json::json!([{"name": "id", "in": "path", "type": "integer", "value": "Int", "required": true}])
        );
        assert_eq!(json["callable"], true);
        assert_eq!(json.get("reason"), None);

        let json = serde_json::to_value(Listed::new(Service::Pbh.row("bans_add").unwrap())).unwrap();
        assert_eq!(json["params"][0]["name"], "body");
        assert_eq!(json["params"][0]["in"], "body");
        let json = serde_json::to_value(Listed::new(Service::Pbh.row("cors_preflight").unwrap())).unwrap();
        assert_eq!(json["callable"], false);
        assert!(json["reason"].is_string());
    }

    #[test]
    fn people_get_three_lines_a_row() {
        let text = text(&matching(Some("bans_add")), Reader::default());
        assert_eq!(
            text,
            "pbh · bans\n\n  bans_add(body: [Cidr]) -> Count\n    Bans addresses and networks for a hundred years.\n    \
             write · PUT /api/bans · since 9.0.0\n\n1 endpoint"
        );
    }
}
