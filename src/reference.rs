//! The reference pages: pure functions from the tables to Markdown.

use std::fmt::Write as _;

use crate::api::{Envelope, Field, Param, Place, Row, Service, Shape, Type};
use crate::permission::Effect;

/// What the words for types mean.
const TYPES: &[(&str, &str)] = &[
    ("Any", "whatever the service sends"),
    ("Bytes", "a size in bytes"),
    ("Cidr", "an address or a network, as in `203.0.113.0/24`"),
    ("Duration", "a length of time; `30.minutes` or `\"30m\"`"),
    ("Ip", "an address"),
    ("Percent", "0 to 100"),
    ("Ratio", "bytes sent for each byte received"),
    ("Secret", "a text that is never shown"),
    ("Share", "0 to 1"),
    ("Speed", "bytes per second"),
    ("Time", "a point in time; `now() - 2.days` or RFC 3339 text"),
    ("page of …", "`page`, `size`, `total` and `results`"),
];

/// The page of one API, as it is in `docs/reference`.
pub fn page(service: Service) -> String {
    let mut page = String::new();
    head(&mut page, service);
    for (group, rows) in groups(service.rows()) {
        let _ = write!(page, "\n## {group}\n");
        for row in rows {
            endpoint(&mut page, row);
        }
    }
    page += "\n## Shapes\n\nWhat replies are made of, and parameters that are maps.\n";
    let mut shapes = service.shapes().to_vec();
    shapes.sort_by_key(|shape| shape.name);
    for shape in shapes {
        shape_table(&mut page, shape);
    }
    page
}

/// The rows of a table by group, both in the table's order.
pub fn groups<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<(&'static str, Vec<&'a Row>)> {
    let mut groups: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|(group, _)| *group == row.extra.group) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((row.extra.group, vec![row])),
        }
    }
    groups
}

/// `since 9.0.0`, `9.0.0 to 9.1.x`, `up to 9.0.x`; nothing where every release has it.
pub fn releases(since: Option<&str>, until: Option<&str>) -> Option<String> {
    match (since, until) {
        (None, None) => None,
        (Some(since), None) => Some(format!("since {since}")),
        (None, Some(until)) => Some(format!("up to {until}")),
        (Some(since), Some(until)) => Some(format!("{since} to {until}")),
    }
}

fn head(page: &mut String, service: Service) {
    let (title, handle, words) = match service {
        Service::KiwiVm => (
            "KiwiVM",
            "vps",
            "Every call is a `POST` below the service's address, with a form of `veid`, `api_key` and the parameters.",
        ),
        Service::Pbh => (
            "PeerBanHelper",
            "pbh",
            "Parameters travel in the path, the query or a JSON body, as the tables say; replies come without their envelope.",
        ),
    };
    let count = service.rows().len();
    let _ = write!(
        page,
        "<!-- Derived from the tables in src/api. Change those; `cargo test` rewrites this page. -->\n\n\
         # {title}: {count} endpoints\n\n\
         An endpoint is a method of a handle: `{handle}().NAME(…)`, or `{handle}(\"name\").NAME(…)` where there are \
         several. Required parameters come in order; the optional ones, if any, are one map at the end. {words}\n\n\
         **read** changes nothing, **write** is put back by one call, **destructive** needs a grant. A `?` behind a \
         type says that the value may be `()`.\n\n\
         | type | meaning |\n|---|---|\n",
    );
    for (name, meaning) in TYPES {
        let _ = writeln!(page, "| {name} | {meaning} |");
    }
    page.push('\n');
    let links: Vec<_> = groups(service.rows()).iter().map(|(group, _)| format!("[{group}](#{group})")).collect();
    let _ = writeln!(page, "{} · [Shapes](#shapes)", links.join(" · "));
}

fn endpoint(page: &mut String, row: &Row) {
    let _ = write!(page, "\n### `{}`\n\n", row.id);
    if let Some(title) = row.extra.title {
        let _ = write!(page, "*{title}*\n\n");
    }
    let _ = write!(page, "{}\n\n```\n{}\n```\n\n", row.doc, row.signature());
    let _ = writeln!(page, "{}", facts(row).join(" · "));
    if let Some(reason) = row.extra.uncallable {
        let _ = write!(page, "\nThere is no function for it: {reason}.\n");
    }
    if !row.params.is_empty() {
        page.push_str("\n| parameter | in | type | |\n|---|---|---|---|\n");
        for param in row.params {
            let _ = writeln!(page, "| `{}` | {} | {} | {} |", param.name, place(param), linked(&param.ty), need(param));
        }
    }
    let _ = write!(page, "\nGives {}.\n", gives(row));
    if !row.extra.note.is_empty() {
        let _ = write!(page, "\n{}\n", row.extra.note);
    }
    let _ = write!(page, "\nSource: {}.\n", row.extra.source);
}

/// Effect, method, path, releases, and what else sets the row apart.
fn facts(row: &Row) -> Vec<String> {
    let extra = &row.extra;
    let mut facts = vec![format!("**{}**", effect(row.effect)), format!("`{} {}`", row.method, row.path)];
    facts.extend(releases(extra.since, extra.until));
    if let Some((method, until)) = extra.method_until {
        facts.push(format!("`{method}` up to {until}"));
    }
    if let Some(argument) = extra.destructive_if {
        facts.push(format!("**destructive** with `{argument}`"));
    }
    if extra.paged {
        facts.push(format!("all pages: `{}_all()`", row.id));
    }
    if extra.job {
        facts.push("ends later than its reply comes".to_owned());
    }
    if extra.slow > 0 {
        facts.push(format!("may take {} s", extra.slow));
    }
    if extra.open {
        facts.push("sent without credentials".to_owned());
    }
    if let Some(until) = extra.licence_until {
        facts.push(format!("needs a PBH Plus licence up to {until}"));
    }
    facts
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Destructive => "destructive",
    }
}

fn place(param: &Param) -> &'static str {
    match param.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Body => "body",
        Place::Whole => "the whole body",
    }
}

fn need(param: &Param) -> String {
    match param.default {
        _ if param.required => "required".to_owned(),
        // A bar ends a cell even inside code.
        Some(default) => format!("`{}` where left out", default.replace('|', "\\|")),
        None => String::new(),
    }
}

fn gives(row: &Row) -> String {
    match (row.envelope(), &row.returns) {
        (Envelope::Binary, _) => "the path of the file that the reply is written to".to_owned(),
        (Envelope::Events | Envelope::Socket, item) => format!("a stream of {}", linked(item)),
        (_, Type::Null) => "nothing".to_owned(),
        (_, ty @ (Type::List(_) | Type::Map(_) | Type::Page(_))) => format!("a {}", linked(ty)),
        (_, ty) => linked(ty),
    }
}

/// The type with links to shapes, in words that Markdown leaves alone.
fn linked(ty: &Type) -> String {
    match ty {
        Type::List(item) => format!("list of {}", linked(item)),
        Type::Map(item) => format!("map of {}", linked(item)),
        Type::Page(item) => format!("page of {}", linked(item)),
        Type::Null_(inner) => format!("{}?", linked(inner)),
        Type::Shape(shape) => format!("[{}](#shape-{})", shape.name, shape.name.to_lowercase()),
        plain => plain.to_string(),
    }
}

fn shape_table(page: &mut String, shape: &Shape) {
    let _ = write!(page, "\n### Shape `{}`\n\n{}\n\n| field | type | |\n|---|---|---|\n", shape.name, shape.doc);
    for field in shape.fields {
        let _ = writeln!(page, "| `{}` | {}{} | {} |", field.name, linked(&field.ty), optional(field), remark(field));
    }
}

fn optional(field: &Field) -> &'static str {
    if field.null || field.absent { "?" } else { "" }
}

fn remark(field: &Field) -> String {
    let releases = releases(field.since, field.until).map(|text| format!("({text})"));
    let parts = [field.doc.to_owned(), releases.unwrap_or_default()];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Where the page of an API is kept, from the repository's root.
pub fn path(service: Service) -> String {
    format!("docs/reference/{}.md", service.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::list;

    /// Rewrites what differs and then fails, so that the next run passes.
    #[test]
    fn the_pages_are_up_to_date() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut rewritten = Vec::new();
        for service in Service::ALL {
            let file = root.join(path(service));
            let page = page(service);
            if std::fs::read_to_string(&file).ok().as_ref() != Some(&page) {
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, page).unwrap();
                rewritten.push(path(service));
            }
        }
        assert!(
            rewritten.is_empty(),
            "rewrote {}: look at it and commit it",
            list(rewritten.iter().map(String::as_str), "and")
        );
    }

    #[test]
    fn every_link_leads_somewhere() {
        for service in Service::ALL {
            let page = page(service);
            let headings: Vec<_> = page
                .lines()
                .filter_map(|line| line.strip_prefix("##"))
                .map(|line| line.trim_start_matches('#').trim().replace('`', "").replace(' ', "-").to_lowercase())
                .collect();
            for link in page.split("](#").skip(1) {
                let target = &link[..link.find(')').unwrap()];
                assert_eq!(headings.iter().filter(|heading| *heading == target).count(), 1, "#{target}");
            }
        }
    }

    #[test]
    fn tables_have_no_stray_bars() {
        for service in Service::ALL {
            let page = page(service);
            for table in page.split("\n\n").filter(|block| block.starts_with("| ")) {
                let cells = |line: &str| line.replace("\\|", "").matches('|').count();
                let due = cells(table.lines().next().unwrap());
                for line in table.lines() {
                    assert_eq!(cells(line), due, "{line}");
                }
            }
        }
    }

    #[test]
    fn releases_read_as_words() {
        assert_eq!(releases(None, None), None);
        assert_eq!(releases(Some("9.0.0"), None).unwrap(), "since 9.0.0");
        assert_eq!(releases(Some("9.0.0"), Some("9.1.x")).unwrap(), "9.0.0 to 9.1.x");
        assert_eq!(releases(None, Some("9.4.1")).unwrap(), "up to 9.4.1");
    }
}
