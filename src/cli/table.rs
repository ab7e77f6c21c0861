//! The one look of tables that commands print.

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};

use crate::script::Reader;

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
