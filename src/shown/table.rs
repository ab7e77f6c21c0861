//! Maps with the same keys, one a line.

use indexmap::IndexMap;
use nu_ansi_term::Style;
use unicode_width::UnicodeWidthStr as _;

use super::{Look, Shown, clip, pad, paint, tree};

/// Rows that are drawn; whoever wants more narrows them, or takes them as JSON.
const ROWS: usize = 2000;
/// Up to so many rows that do not fit side by side are drawn as trees.
const FEW: usize = 3;
/// A column of texts is not squeezed below this, its name aside.
const NARROWEST: usize = 10;
/// A column of texts never takes more.
const WIDEST: usize = 60;
const GAP: usize = 2;

struct Column {
    name: String,
    cells: Vec<String>,
    right: bool,
    /// Half an address or a time is none.
    firm: bool,
    width: usize,
}

/// `rows` are maps, at least one.
pub(super) fn draw(rows: &[Shown], look: Look) -> Vec<String> {
    let (mut columns, empty) = columns(&rows[..rows.len().min(ROWS)]);
    let hidden = fit(&mut columns, look.width);
    if !hidden.is_empty() && rows.len() <= FEW {
        return trees(rows, look);
    }
    let count = rows.len().min(ROWS);
    let mut lines = Vec::with_capacity(count + 3);
    let line = |texts: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (column, text) in columns.iter().zip(texts) {
            let text = clip(text, column.width);
            if !line.is_empty() {
                line += &" ".repeat(GAP);
            }
            line += &if column.right {
                format!("{}{text}", " ".repeat(column.width - text.width()))
            } else {
                pad(&text, column.width)
            };
        }
        line.trim_end().to_owned()
    };
    let head = line(&mut columns.iter().map(|column| column.name.as_str()));
    lines.push(paint(&head, Style::new().bold(), look.color));
    for row in 0..count {
        lines.push(line(&mut columns.iter().map(|column| column.cells[row].as_str())));
    }
    if rows.len() > count {
        lines.push(format!("… {} more rows", rows.len() - count));
    }
    let width = look.width.unwrap_or(usize::MAX);
    for (what, names) in [("not shown", &hidden), ("empty", &empty)] {
        if !names.is_empty() {
            lines.push(paint(
                &clip(&format!("… {what}: {}", names.join(", ")), width),
                Style::new().dimmed(),
                look.color,
            ));
        }
    }
    lines
}

/// The columns with something in them, and the names of the others.
fn columns(rows: &[Shown]) -> (Vec<Column>, Vec<String>) {
    let mut found: IndexMap<&str, Vec<Option<&Shown>>> = IndexMap::new();
    for (n, row) in rows.iter().enumerate() {
        let Shown::Map(entries) = row else { continue };
        for (key, value) in entries {
            let cells = found.entry(key).or_default();
            cells.resize(n, None);
            cells.push(Some(value));
        }
    }
    let (mut columns, mut empty) = (Vec::new(), Vec::new());
    for (name, mut cells) in found {
        cells.resize(rows.len(), None);
        if cells.iter().all(|cell| cell.is_none_or(Shown::is_nothing)) {
            empty.push(name.to_owned());
            continue;
        }
        let right = cells.iter().flatten().all(|cell| matches!(cell, Shown::Number { .. } | Shown::Nothing));
        let firm = right || cells.iter().flatten().all(|cell| matches!(cell, Shown::Other(_) | Shown::Nothing));
        let cells: Vec<_> = cells.into_iter().map(|cell| cell.map(text).unwrap_or_default()).collect();
        let width = cells.iter().map(|cell| cell.width()).max().unwrap_or(0).max(name.width());
        columns.push(Column { name: name.to_owned(), cells, right, firm, width });
    }
    if columns.is_empty() {
        // Rows of nothing still are rows.
        let blank = |name: &String| Column {
            name: name.clone(),
            cells: vec![String::new(); rows.len()],
            right: false,
            firm: false,
            width: name.width(),
        };
        return (empty.iter().map(blank).collect(), Vec::new());
    }
    (columns, empty)
}

/// A cell: what is absent is empty.
fn text(cell: &Shown) -> String {
    match cell {
        Shown::Nothing => String::new(),
        Shown::Text(text) | Shown::Other(text) => clip(text, WIDEST),
        nested @ (Shown::List(_) | Shown::Map(_)) => nested.inline(WIDEST / 2),
        leaf => leaf.plain(),
    }
}

/// Squeezes texts until the columns fit, and takes the last ones away where that is not enough: their names.
fn fit(columns: &mut Vec<Column>, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else { return Vec::new() };
    let least = |column: &Column| {
        if column.firm { column.width } else { column.width.min(NARROWEST.max(column.name.width().min(16))) }
    };
    let sum = |columns: &[Column], of: &dyn Fn(&Column) -> usize| {
        columns.iter().map(of).sum::<usize>() + GAP * columns.len().saturating_sub(1)
    };
    let mut kept = columns.len();
    while kept > 1 && sum(&columns[..kept], &least) > width {
        kept -= 1;
    }
    let hidden = columns.drain(kept..).map(|column| column.name).collect();
    while sum(columns, &|column| column.width) > width {
        // The widest text gives a column, down to what it needs.
        let widest = columns.iter().enumerate().filter(|(_, column)| column.width > least(column));
        let Some(n) = widest.max_by_key(|(_, column)| column.width).map(|(n, _)| n) else {
            // Even one column alone is too wide.
            columns[0].width = columns[0].width.min(width).max(1);
            break;
        };
        columns[n].width -= 1;
    }
    hidden
}

/// Each row as a tree, an empty line between them.
fn trees(rows: &[Shown], look: Look) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        if let Shown::Map(entries) = row {
            lines.extend(tree(entries, look, 1));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn drawn(value: &Value, width: Option<usize>) -> String {
        Shown::from(value).draw(Look { width, color: false })
    }

    #[test]
    fn numbers_stand_to_the_right_and_absent_values_are_empty() {
        let rows = json!([{"name": "tokyo", "n": 5, "x": null}, {"name": "流量", "n": 1200, "x": null, "late": true}]);
        assert_eq!(drawn(&rows, None), "name      n  late\ntokyo     5\n流量   1200  true\n… empty: x");
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        let row = json!({"key": "203.0.113.7", "uploaded": 123_456_789, "torrent": "a long name of a torrent", "asn": "AS64500 Example Networks"});
        let rows = Value::Array(vec![row; 5]);
        let text = drawn(&rows, Some(40));
        assert!(text.starts_with("key") && text.ends_with("… not shown: asn"), "{text}");
        assert!(text.contains('…') && text.lines().all(|line| line.width() <= 40), "{text}");
    }

    #[test]
    fn a_few_wide_rows_are_trees() {
        let row =
            json!({"key": "203.0.113.7", "uploaded": 123_456_789, "torrent": "a long name", "asn": "AS64500 Example"});
        let text = drawn(&json!([row, row]), Some(30));
        assert_eq!(text.lines().filter(|line| line.starts_with("uploaded  ")).count(), 2, "{text}");
    }

    #[test]
    fn rows_of_nothing_are_rows() {
        assert_eq!(drawn(&json!([{"a": null}]), Some(30)), "a\n");
    }

    #[test]
    fn rows_without_end_are_cut_and_counted() {
        let rows: Value = (0..3000).map(|n| json!({"n": n})).collect();
        assert!(drawn(&rows, Some(80)).ends_with("… 1000 more rows"));
    }
}
