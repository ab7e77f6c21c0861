//! The one look of tables that commands print.

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};

/// An empty table with a bold header and no lines, as wide as the terminal at most.
pub(super) fn headed<const N: usize>(header: [&str; N], color: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(header.map(|text| Cell::new(text).add_attribute(Attribute::Bold)));
    table
}
