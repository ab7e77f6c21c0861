//! The scripts folder as a value: what is in it, which version of each script runs, and what is wrong.
//!
//! A script is replaced only by a version that loads; until then the last good one stays.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::error::{Error, Kind};
use crate::language::Language;
use crate::script::{Finding, Loaded, Reader, Severity, Source};

mod folder;

use folder::{Content, Digest, Known, Step, canonical, changes, look};
pub use folder::{files, is_test, read, tests};

/// How a script stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Loaded,
    /// The file on disk is broken and the last good version runs.
    Stale,
    /// The file on disk is broken and there was no good version before.
    Broken,
    /// Switched off in the configuration.
    Disabled,
}

/// One script of the folder.
#[derive(Clone)]
pub struct Script {
    pub path: PathBuf,
    pub state: State,
    /// The version that runs.
    pub loaded: Option<Arc<Loaded>>,
    /// What was found when the file was last loaded: errors where it is stale or broken, else warnings.
    pub findings: Vec<Finding>,
    /// The text that `findings` are about, where it could be read.
    pub text: Option<Arc<str>>,
    known: Known,
}

impl Script {
    /// The version that runs.
    pub fn version(&self) -> Option<String> {
        self.loaded.as_ref().map(|loaded| loaded.version.clone())
    }

    /// Whether a person would see no difference to `new`.
    fn registers_as(&self, new: &Loaded) -> bool {
        let names = |loaded: &Loaded| loaded.triggers.iter().map(|(spec, _)| spec.name.clone()).collect::<Vec<_>>();
        self.findings == new.findings
            && self.loaded.as_ref().is_some_and(|old| old.version == new.version && names(old) == names(new))
    }

    /// Why the file on disk does not load.
    pub fn error(&self) -> Option<Error> {
        let finding = self.findings.iter().find(|finding| finding.severity == Severity::Error)?;
        let file = finding.file.clone().unwrap_or_else(|| self.path.display().to_string());
        let mut error = Error::new(Kind::Syntax, finding.message.clone());
        error.hint.clone_from(&finding.hint);
        Some(error.at(Some(&file), Some(finding.line), Some(finding.column)))
    }

    /// A finding with its line and a caret, for people.
    pub fn excerpt(&self, finding: &Finding, language: Language) -> String {
        finding.excerpt(&self.path.display().to_string(), self.text.as_deref(), Reader::plain(language))
    }
}

/// What became of a script in one look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// A new version runs.
    Loaded,
    /// The same version was loaded again and registered the same.
    Renewed,
    /// What is on disk now does not load.
    Failed,
    /// Switched off in the configuration.
    Disabled,
    /// The file is gone for good.
    Unloaded,
}

/// What one look at the folder brought.
#[derive(Debug, Default)]
pub struct Reload {
    pub changes: BTreeMap<String, Change>,
    /// Something vanished or was emptied, which is how some editors begin to save: look again soon.
    pub again: bool,
    /// Why the folder could not be read; then nothing changed.
    pub fault: Option<String>,
}

pub struct Library {
    folder: PathBuf,
    /// Everything that lay there at the last look, by canonical path.
    files: Arc<BTreeMap<PathBuf, Digest>>,
    scripts: BTreeMap<String, Script>,
}

impl Library {
    /// Looks elsewhere from now on. What is not there too is unloaded by the next [`Self::reload`].
    pub fn move_to(&mut self, folder: PathBuf) {
        self.folder = folder;
        self.scripts.values_mut().for_each(|script| script.known.gone = true);
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The files that only links lead to: nobody hears of their changes who watches the folder alone.
    pub fn linked(&self) -> BTreeSet<PathBuf> {
        let folder = canonical(&self.folder);
        self.files.keys().filter(|file| !file.starts_with(&folder)).cloned().collect()
    }

    /// Empty until the first [`Self::reload`]; the folder need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), files: Arc::default(), scripts: BTreeMap::new() }
    }

    /// By name.
    pub fn scripts(&self) -> &BTreeMap<String, Script> {
        &self.scripts
    }

    /// Looks at the folder and loads what changed, each beside its old version. Blocks.
    /// With `anew` also what did not change, because what scripts see at load may be another fleet now.
    pub fn reload(
        &mut self,
        anew: bool,
        is_enabled: impl Fn(&str) -> bool,
        load: impl Fn(&Source) -> Result<Loaded, Vec<Finding>>,
    ) -> Reload {
        let mut look = match look(&self.folder) {
            Ok(look) => look,
            Err(error) => {
                let fault = format!("the scripts folder `{}` cannot be read: {error}", self.folder.display());
                return Reload { fault: Some(fault), ..Reload::default() };
            }
        };
        self.files = Arc::clone(&look.files);
        let known = self.scripts.iter().map(|(name, script)| (name.clone(), script.known.clone())).collect();
        let mut reload = Reload::default();
        for (name, step) in changes(&known, &look, anew) {
            match step {
                Step::Wait | Step::Back => {
                    let gone = step == Step::Wait;
                    reload.again |= gone;
                    if let Some(script) = self.scripts.get_mut(&name) {
                        script.known.gone = gone;
                    }
                }
                Step::Unload => {
                    self.scripts.remove(&name);
                    reload.changes.insert(name, Change::Unloaded);
                }
                Step::Load => {
                    let Some(seen) = look.scripts.remove(&name) else { continue };
                    let known = Known { text: seen.text, files: Arc::clone(&look.files), imports: None, gone: false };
                    let old = self.scripts.remove(&name);
                    let (script, change) = if is_enabled(&name) {
                        replace(old, seen.path, seen.content, known, &load)
                    } else {
                        let known = Known { imports: Some(Vec::new()), ..known };
                        let script = Script {
                            path: seen.path,
                            state: State::Disabled,
                            loaded: None,
                            findings: Vec::new(),
                            text: None,
                            known,
                        };
                        let news = old.is_none_or(|old| old.state != State::Disabled);
                        (script, news.then_some(Change::Disabled))
                    };
                    self.scripts.insert(name.clone(), script);
                    reload.changes.extend(change.map(|change| (name, change)));
                }
            }
        }
        reload
    }
}

/// Loads a script beside its old version. The change is `None` where nothing new can be said.
fn replace(
    old: Option<Script>,
    path: PathBuf,
    content: Content,
    known: Known,
    load: impl Fn(&Source) -> Result<Loaded, Vec<Finding>>,
) -> (Script, Option<Change>) {
    let text =
        content.map_err(|error| finding("unreadable", format!("cannot be read: {error}"), (1, 1))).and_then(decode);
    let source = text.map(|text| Source::new(&path, text));
    let text = source.as_ref().ok().map(|source| Arc::from(source.text.as_str()));
    match source.map_err(|finding| vec![finding]).and_then(|source| load(&source)) {
        Ok(loaded) => {
            let imports = loaded.imports.iter().map(|path| canonical(path)).collect();
            let findings = loaded.findings.clone();
            let known = Known { imports: Some(imports), ..known };
            let same = old.is_some_and(|old| old.state == State::Loaded && old.registers_as(&loaded));
            let change = if same { Change::Renewed } else { Change::Loaded };
            let loaded = Some(Arc::new(loaded));
            (Script { path, state: State::Loaded, loaded, findings, text, known }, Some(change))
        }
        Err(findings) => {
            // A broken script is tried again when any file it might import changes; the same complaint
            // about the same text is not worth a second report.
            let said = old.as_ref().is_some_and(|old| old.known.text == known.text && old.findings == findings);
            let loaded = old.and_then(|old| old.loaded);
            let state = if loaded.is_some() { State::Stale } else { State::Broken };
            (Script { path, state, loaded, findings, text, known }, (!said).then_some(Change::Failed))
        }
    }
}

fn finding(code: &'static str, message: String, (line, column): (usize, usize)) -> Finding {
    Finding { severity: Severity::Error, code, message, hint: None, file: None, line, column }
}

/// The text of a script: UTF-8, with or without a byte order mark.
///
/// # Errors
/// The finding that says where it is not.
pub fn decode(bytes: Vec<u8>) -> Result<String, Finding> {
    let hint = "save the file as UTF-8";
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let mut finding = finding("encoding", "the file is UTF-16".into(), (1, 1));
        finding.hint = Some(hint.into());
        return Err(finding);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(Into::into).unwrap_or(text)),
        Err(error) => {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let byte = error.as_bytes()[good.len()];
            let good = String::from_utf8_lossy(good);
            let line = good.matches('\n').count() + 1;
            let column = good.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
            let mut finding = finding("encoding", format!("the byte 0x{byte:02x} is not UTF-8"), (line, column));
            finding.hint = Some(hint.into());
            Err(finding)
        }
    }
}
