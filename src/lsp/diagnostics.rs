//! Findings of the checker as an editor shows them.

use std::path::Path;
use std::sync::Arc;

use lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location, NumberOrString,
};

use crate::host::Host;
use crate::script::complete::{self, World};
use crate::script::{self, Finding, Severity, Source};

use super::lines::Lines;
use super::uri::uri_of;

/// What is wrong with a text, as `check` says it. A file in a folder below the scripts folder is a library, which
/// registers nothing and whose functions others call.
pub(super) fn of(host: &Arc<Host>, path: &Path, text: &str) -> Vec<Diagnostic> {
    let name = path.file_name().unwrap_or_default();
    if path.to_string_lossy().ends_with(".d.rhai") {
        return Vec::new();
    }
    let scripts = &host.config.scripts;
    let library = path.starts_with(scripts) && path.parent() != Some(scripts.as_path());
    let findings = if library {
        // Imports are relative to the scripts folder, wherever they stand.
        let source = Source::new(&scripts.join(name), text.to_owned());
        let mut findings = script::analyse(host, &source).findings;
        findings.retain(|finding| !matches!(finding.code, "unused-function" | "no-trigger"));
        findings
    } else {
        match script::load(host, &Source::new(path, text.to_owned())) {
            Ok(loaded) => loaded.findings,
            Err(findings) => findings,
        }
    };
    let lines = Lines::new(text);
    let world = World::of_file(host, path);
    findings.iter().map(|finding| diagnostic(finding, text, &lines, &world)).collect()
}

/// For a text that the checker stumbles over: that nothing is shown must not look like that nothing is wrong.
pub(super) fn none_to_be_had() -> Diagnostic {
    Diagnostic {
        severity: Some(DiagnosticSeverity::WARNING),
        source: Some("tidegate".into()),
        message: "this text cannot be checked: a bug in tidegate, please report it".into(),
        ..Diagnostic::default()
    }
}

fn diagnostic(finding: &Finding, text: &str, lines: &Lines, world: &World) -> Diagnostic {
    let message = match &finding.hint {
        Some(hint) => format!("{}\n{hint}", finding.message),
        None => finding.message.clone(),
    };
    let (range, related) = match &finding.file {
        None => (complete::place(text, finding.line, finding.column), None),
        // It stands in another file, and shows here where that is imported.
        Some(file) => {
            let related = uri_of(Path::new(file)).map(|uri| {
                let other = std::fs::read_to_string(file).unwrap_or_default();
                let place = complete::place(&other, finding.line, finding.column);
                let location = Location { uri, range: Lines::new(&other).range(&place) };
                vec![DiagnosticRelatedInformation { location, message: finding.message.clone() }]
            });
            (complete::import_of(text, Path::new(file), world).unwrap_or(0..0), related)
        }
    };
    let unused = matches!(finding.code, "unused-variable" | "unused-function" | "unreachable");
    Diagnostic {
        range: lines.range(&range),
        severity: Some(match finding.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(finding.code.into())),
        source: Some("tidegate".into()),
        message,
        related_information: related,
        tags: unused.then(|| vec![DiagnosticTag::UNNECESSARY]),
        ..Diagnostic::default()
    }
}
