//! Comments that silence a finding on their line: `// tidegate: allow(code) reason`.

use std::collections::HashSet;

use crate::script::diagnostic::{Finding, Severity};
use crate::text::nearest;

use super::codes::{self, CODES};
use super::text::{Comment, Text};

/// A comment that silences.
struct Silence<'a> {
    comment: &'a Comment,
    codes: Vec<&'a str>,
    reason: &'a str,
    /// The line that it is about.
    line: usize,
}

/// Takes away what comments of the script silence, and says which of them silence nothing.
pub(super) fn apply(text: &Text, findings: &mut Vec<Finding>) {
    let silences: Vec<_> = text.comments.iter().filter_map(|comment| read(text, comment)).collect();
    let mut used: HashSet<(usize, &str)> = HashSet::new();
    let mut own = Vec::new();
    for (i, silence) in silences.iter().enumerate() {
        let at = |message: String, hint: &str| Finding {
            severity: Severity::Warning,
            code: "silence",
            message,
            hint: Some(hint.into()),
            file: None,
            line: silence.comment.line,
            column: silence.comment.column,
        };
        let example = "write `// tidegate: allow(unused-result) the reply is slow on purpose`";
        if silence.codes.is_empty() {
            own.push(at("the comment silences nothing: it names no code".into(), example));
        }
        for code in &silence.codes {
            if codes::find(code).is_none() {
                let near = nearest(code, CODES.iter().map(|code| code.id));
                let hint = near.map_or_else(|| example.to_owned(), |near| format!("did you mean `{near}`?"));
                own.push(at(format!("there is no finding `{code}`"), &hint));
                used.insert((i, code));
            }
        }
        if silence.reason.is_empty() && !silence.codes.is_empty() {
            own.push(at("the comment gives no reason, so it silences nothing".into(), example));
            used.extend(silence.codes.iter().map(|code| (i, *code)));
        }
    }
    findings.retain(|finding| {
        let silenced = silences.iter().enumerate().find(|(_, silence)| {
            finding.file.is_none()
                && finding.line == silence.line
                && !silence.reason.is_empty()
                && silence.codes.contains(&finding.code)
        });
        match silenced {
            Some((i, silence)) => {
                used.extend(silence.codes.iter().find(|code| **code == finding.code).map(|code| (i, *code)));
                false
            }
            None => true,
        }
    });
    for (i, silence) in silences.iter().enumerate() {
        for code in silence.codes.iter().filter(|code| !used.contains(&(i, **code))) {
            own.push(Finding {
                severity: Severity::Warning,
                code: "silence",
                message: format!("there is no finding `{code}` on this line"),
                hint: Some("take the comment away".into()),
                file: None,
                line: silence.comment.line,
                column: silence.comment.column,
            });
        }
    }
    findings.extend(own);
}

/// A comment of the form `tidegate: allow(code, code) reason`. Alone on its line it is about the next line of code.
fn read<'a>(text: &'a Text, comment: &'a Comment) -> Option<Silence<'a>> {
    let rest = comment.text.trim().strip_prefix("tidegate:")?.trim_start().strip_prefix("allow")?.trim_start();
    // What stands behind another `//` is another comment.
    let rest = rest.split("//").next().unwrap_or_default();
    let (codes, reason) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).unwrap_or(("", rest));
    let line = if comment.alone {
        text.tokens.iter().find(|token| token.line > comment.line).map_or(comment.line, |token| token.line)
    } else {
        comment.line
    };
    Some(Silence {
        comment,
        codes: codes.split(',').map(str::trim).filter(|code| !code.is_empty()).collect(),
        reason: reason.trim().trim_start_matches([':', '-', '–']).trim(),
        line,
    })
}
