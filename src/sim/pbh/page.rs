//! Pages of a list, with the server's two ways of taking odd numbers.

use serde_json::{Value, json};

use super::Call;
use crate::sim::net::Answer;

/// Where a list is kept decides what an odd page number means.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kept {
    /// In memory: page 0 is a 400, page sizes are not capped.
    Memory,
    /// In the database: page 0 is the first, 9.5.0 gives at most 1000 rows.
    Database,
}

impl Call<'_> {
    /// `{page, size, total, results}` of the whole list, by `page` and `pageSize`.
    pub(super) fn page(&self, kept: Kept, all: impl ExactSizeIterator<Item = Value>) -> Result<Value, Answer> {
        let page = self.number("page")?.unwrap_or(1);
        let size = self.number("pageSize")?.unwrap_or(10);
        let total = all.len();
        if kept == Kept::Memory {
            let skip = (page - 1) * size;
            if skip < 0 {
                return Err(self.bad(&skip.to_string()));
            }
            if size < 0 {
                return Err(self.bad(&size.to_string()));
            }
            return Ok(cut(page, size, total, skip, size, all));
        }
        let (old, shown) = (self.old(), page.max(1));
        if size < 0 {
            // Nothing limits it, and nothing counts.
            let size = if old { size } else { 1000 };
            return Ok(cut(shown, size, 0, 0, if old { 0 } else { 1000 }, all));
        }
        let size = if old { size } else { size.min(1000) };
        Ok(cut(if old { page } else { shown }, size, total, (shown - 1) * size, size, all))
    }

    /// A page of a list that the database keeps, sorted by `orderBy` if that names a column.
    ///
    /// `columns` are the names it takes and the keys of the rows they mean. Another name is a 500.
    pub(super) fn sorted(&self, rows: Vec<Value>, columns: &[(&str, &str)]) -> Result<Value, Answer> {
        self.ordered(rows.into_iter().map(|row| (row.clone(), row)).collect(), columns)
    }

    /// The same where what is sorted by is not what is shown: pairs of both.
    pub(super) fn ordered(&self, mut rows: Vec<(Value, Value)>, columns: &[(&str, &str)]) -> Result<Value, Answer> {
        // Sorted by the last name first, so that the first name decides.
        for (name, order) in self.ask.query.iter().rev().filter(|(name, _)| name == "orderBy") {
            let _ = name;
            let (field, direction) = order.split_once('|').unwrap_or((order, "asc"));
            let Some((_, key)) = columns.iter().find(|(column, _)| *column == field) else {
                return Err(self.broken());
            };
            let down = matches!(direction.to_lowercase().as_str(), "desc" | "descend");
            rows.sort_by(|(a, _), (b, _)| {
                let order = compare(&a[*key], &b[*key]);
                if down { order.reverse() } else { order }
            });
        }
        self.page(Kept::Database, rows.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>().into_iter())
    }
}

fn compare(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.as_str().unwrap_or("").cmp(b.as_str().unwrap_or("")),
    }
}

fn cut(page: i64, size: i64, total: usize, skip: i64, take: i64, all: impl Iterator<Item = Value>) -> Value {
    let count = |n: i64| usize::try_from(n).unwrap_or(0);
    let results: Vec<Value> = all.skip(count(skip)).take(count(take)).collect();
    json!({"page": page, "size": size, "total": total, "results": results})
}
