//! The one look of tables that commands print.

use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};

use crate::script::Reader;

/// Blanks between two columns.
const GAP: u16 = 2;
/// A column that may be broken over lines keeps so much.
const LEAST: u16 = 10;

/// An empty table with a bold header and no lines, as wide as the terminal at most.
pub(super) fn headed<const N: usize>(header: [&str; N], reader: Reader) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if reader.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let cell = |text: &str| Cell::new(reader.language.word(text)).add_attribute(Attribute::Bold);
    table.set_header(header.map(cell));
    table
}

/// The table as text. The columns of ids and times are never broken over lines, where they could be neither read nor
/// copied; what then does not fit the terminal, that breaks itself.
pub(super) fn drawn(mut table: Table, whole: &[usize]) -> String {
    let widths = table.column_max_content_widths();
    for ((n, column), width) in table.column_iter_mut().enumerate().zip(widths) {
        column.set_padding((0, GAP));
        column.set_constraint(if whole.contains(&n) {
            ColumnConstraint::ContentWidth
        } else {
            ColumnConstraint::LowerBoundary(Width::Fixed(width.min(LEAST) + GAP))
        });
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: u16) -> String {
        let mut table = headed(["run", "when", "script", "note"], Reader::default());
        table.set_width(width);
        table.add_row([
            "k3z9q7w2m4x8",
            "2026-07-03 08:00:00",
            "quota-guard-of-tokyo",
            "it went well, and more than that",
        ]);
        drawn(table, &[0, 1])
    }

    #[test]
    fn ids_and_times_stay_whole_on_a_narrow_terminal() {
        let narrow = shown(40);
        assert!(narrow.contains("k3z9q7w2m4x8  2026-07-03 08:00:00  quota"), "{narrow}");
        assert!(narrow.lines().count() > 2, "the rest is broken over lines: {narrow}");
        let wide = "run           when                 script                note\nk3z9q7w2m4x8  2026-07-03 08:00:00  quota-guard-of-tokyo  it went well, and more than that";
        assert_eq!(shown(120), wide);
    }
}
