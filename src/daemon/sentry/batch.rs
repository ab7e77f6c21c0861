//! Lists of a PBH that only grow: what is new since the last time, each row told of once.

use serde_json::{Map, Value, json};

use super::Sentry;
use crate::client::Client;
use crate::error::Result;
use crate::journal::{Level, Line};
use crate::text::count;
use crate::time::{Duration, Time};

/// One such list.
pub(super) struct List {
    event: &'static str,
    /// Its endpoint.
    id: &'static str,
    /// The field that says when.
    at: &'static str,
    /// The fields that tell one row from another of the same moment.
    identity: &'static [&'static str],
    options: fn(i64) -> Value,
    /// Whether there are further pages.
    paged: bool,
}

pub(super) const BANS: List = List {
    event: "ban",
    id: "bans_logs",
    at: "banAt",
    identity: &["peerIp", "peerPort", "torrentInfoHash", "downloader"],
    options: |page| json!({"page": page, "pageSize": PAGE, "orderBy": "banAt|desc"}),
    paged: true,
};

pub(super) const ALERTS: List = List {
    event: "alert",
    id: "alerts_list",
    at: "createAt",
    identity: &["id"],
    options: |_| json!({"unread": true}),
    paged: false,
};

const PAGE: usize = 200;
/// Rows of one batch.
const MOST: usize = 1000;
/// A row may be written so much after the moment that it names.
const LOOKBACK: Duration = Duration::from_seconds(120);
/// What is older is not worth a run any more.
const OLDEST: Duration = Duration::from_seconds(12 * 3600);

/// How far a list was told.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
struct Cursor {
    /// The newest row's moment, in milliseconds; `None` before the first look.
    at: Option<i64>,
    /// The rows shortly before it.
    ids: Vec<String>,
    /// A batch that may not have been told yet.
    batch: Vec<Value>,
}

struct Row {
    at: i64,
    id: String,
    value: Value,
}

impl List {
    fn row(&self, mut value: Value, pbh: &str) -> Option<Row> {
        let at = Time::parse(value[self.at].as_str()?, chrono_tz::Tz::UTC)?.millis();
        let id: Vec<_> = self.identity.iter().map(|field| value[*field].to_string()).collect();
        value.as_object_mut()?.insert("pbh".into(), pbh.into());
        Some(Row { at, id: format!("{at} {}", id.join(" ")), value })
    }
}

impl Cursor {
    /// Takes up what is new of `rows`, oldest first; what is too old is only counted.
    fn advance(&mut self, mut rows: Vec<Row>, now: Time) -> usize {
        let since = self.at.unwrap_or(i64::MIN).saturating_sub(LOOKBACK.millis());
        rows.retain(|row| row.at > since);
        rows.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        let newest = rows.last().map(|row| row.at).max(self.at);
        let first = self.at.is_none();
        let known = std::mem::take(&mut self.ids);
        let recent = |at: i64| newest.is_some_and(|newest| at > newest - LOOKBACK.millis());
        self.ids = rows.iter().filter(|row| recent(row.at)).map(|row| row.id.clone()).collect();
        // At the first look there is nothing new. An empty list has a beginning too.
        self.at = Some(newest.unwrap_or(0));
        if first {
            return 0;
        }
        rows.retain(|row| !known.contains(&row.id));
        let all = rows.len();
        rows.retain(|row| now - Time::from_millis(row.at) <= OLDEST);
        let kept = rows.len().min(MOST);
        self.batch = rows.drain(rows.len() - kept..).map(|row| row.value).collect();
        all - kept
    }

    /// By what the batch is told from any other.
    fn key(&self, pbh: &str) -> String {
        format!("{pbh}/{}/{}", self.at.unwrap_or(0), crate::script::version(&[self.ids.join("\n").as_bytes()]))
    }
}

impl Sentry {
    /// Tells of what is new on a list.
    pub(super) async fn batch(&self, pbh: &Client, list: &List) -> Result<()> {
        let place = format!("event/{}/{}", list.event, pbh.name());
        let mut cursor: Cursor = self.recall(&place).await?;
        if !cursor.batch.is_empty() {
            // The daemon ended between keeping and telling; the key says whether it was told.
            self.deliver(pbh, list, &place, &mut cursor).await?;
        }
        let rows = self.fetch(pbh, list, &cursor).await?;
        let before = cursor.clone();
        let left_out = cursor.advance(rows, self.host.clock.now());
        if left_out > 0 {
            let message =
                format!("`{}`: {} of `{}` left out: too old, or too many", pbh.name(), count(left_out, "row"), list.id);
            self.host.journal.write(&Line::new(self.host.clock.now(), Level::Warn, "warning", message));
        }
        self.remember(&place, &before, &cursor).await?;
        if cursor.batch.is_empty() {
            return Ok(());
        }
        self.deliver(pbh, list, &place, &mut cursor).await
    }

    async fn deliver(&self, pbh: &Client, list: &List, place: &str, cursor: &mut Cursor) -> Result<()> {
        self.tell(list.event, cursor.batch.clone().into(), cursor.key(pbh.name())).await?;
        let before = cursor.clone();
        cursor.batch.clear();
        self.remember(place, &before, cursor).await
    }

    /// The rows since the cursor, newest first, and some before it.
    async fn fetch(&self, pbh: &Client, list: &List, cursor: &Cursor) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for page in 1.. {
            let options = match (list.options)(page) {
                Value::Object(options) => options,
                _ => Map::new(),
            };
            let answer = self.ask(pbh, list.id, Vec::new(), options).await?;
            let found = match answer {
                Value::Array(found) => found,
                mut page => match page["results"].take() {
                    Value::Array(found) => found,
                    _ => Vec::new(),
                },
            };
            let full = found.len() >= PAGE;
            let found: Vec<_> = found.into_iter().filter_map(|value| list.row(value, pbh.name())).collect();
            let reached = found.last().is_none_or(|row| cursor.at.is_none_or(|at| row.at <= at - LOOKBACK.millis()));
            rows.extend(found);
            if !list.paged || !full || reached || rows.len() > MOST + PAGE {
                break;
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_seconds(1_783_065_600);

    fn row(seconds: i64, id: &str) -> Row {
        let at = (NOW + Duration::from_seconds(seconds)).millis();
        Row { at, id: format!("{at} {id}"), value: json!(id) }
    }

    fn told(cursor: &mut Cursor, rows: Vec<Row>) -> Vec<Value> {
        cursor.advance(rows, NOW);
        std::mem::take(&mut cursor.batch)
    }

    #[test]
    fn each_row_is_told_once_also_where_it_comes_late() {
        let mut cursor = Cursor::default();
        assert!(told(&mut cursor, vec![row(-50, "a")]).is_empty(), "what was there before is no news");
        assert_eq!(told(&mut cursor, vec![row(-10, "c"), row(-20, "b"), row(-50, "a")]), ["b", "c"]);
        assert!(told(&mut cursor, vec![row(-10, "c"), row(-20, "b"), row(-50, "a")]).is_empty());
        assert_eq!(
            told(&mut cursor, vec![row(-10, "d"), row(-10, "c"), row(-20, "b"), row(-30, "late")]),
            ["late", "d"]
        );
        assert!(told(&mut cursor, Vec::new()).is_empty(), "an empty answer is no news");
    }

    #[test]
    fn an_empty_list_has_a_beginning_too() {
        let mut cursor = Cursor::default();
        assert!(told(&mut cursor, Vec::new()).is_empty());
        assert_eq!(told(&mut cursor, vec![row(-1, "first")]), ["first"]);
    }

    #[test]
    fn what_is_too_old_is_counted_and_not_told() {
        let mut cursor = Cursor { at: Some((NOW - Duration::from_seconds(3 * 86_400)).millis()), ..Cursor::default() };
        let left_out = cursor.advance(vec![row(-86_400, "old"), row(-60, "new")], NOW);
        assert_eq!((left_out, cursor.batch.len()), (1, 1));
    }
}
