//! What lies in the scripts folder, by content, and what has changed since it was last known.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::script::suite::ENDING;

/// A script is text that people write; what is larger is something else by accident.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Folders inside folders inside the scripts folder; a link to a folder above ends here too.
const DEEPEST: usize = 8;

pub(super) type Digest = [u8; 32];

/// The bytes of a file, or why there are none.
pub(super) type Content = Result<Vec<u8>, String>;

/// What is known of a script from the last time it was loaded, or tried.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub text: Digest,
    pub files: Arc<BTreeMap<PathBuf, Digest>>,
    /// What it imports; `None` where that is not known because it does not load.
    pub imports: Option<Vec<PathBuf>>,
    /// It was not there, or empty, at the last look.
    pub gone: bool,
}

/// One look at the folder.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Scripts by name.
    pub scripts: BTreeMap<String, Seen>,
    /// Everything that can be imported, by canonical path.
    pub files: Arc<BTreeMap<PathBuf, Digest>>,
}

#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub path: PathBuf,
    pub text: Digest,
    pub content: Content,
}

impl Seen {
    fn is_empty(&self) -> bool {
        self.content.as_ref().is_ok_and(|bytes| bytes.iter().all(u8::is_ascii_whitespace))
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Load,
    /// Gone or emptied since the last look: perhaps only for a moment.
    Wait,
    Unload,
    /// It vanished for a moment and is as it was.
    Back,
}

/// What has to be done about each script that is not as it was known.
/// With `anew` everything that is there counts as changed.
pub(super) fn changes(known: &BTreeMap<String, Known>, look: &Look, anew: bool) -> BTreeMap<String, Step> {
    let names: BTreeSet<_> = known.keys().chain(look.scripts.keys()).collect();
    let step = |name: &String| match (known.get(name), look.scripts.get(name)) {
        (None, seen) => seen.map(|_| Step::Load),
        (Some(known), None) => Some(if known.gone { Step::Unload } else { Step::Wait }),
        (Some(known), Some(seen)) => {
            let text = known.text != seen.text;
            let imports = match &known.imports {
                Some(paths) => paths.iter().any(|path| known.files.get(path) != look.files.get(path)),
                None => known.files != look.files,
            };
            if text && seen.is_empty() && !known.gone {
                Some(Step::Wait)
            } else if text || imports || anew {
                Some(Step::Load)
            } else {
                known.gone.then_some(Step::Back)
            }
        }
    };
    names.into_iter().filter_map(|name| Some((name.clone(), step(name)?))).collect()
}

/// Reads every script and library of the folder, once. A folder that is not there is an empty one.
///
/// # Errors
/// Where the folder itself cannot be read.
pub(super) fn look(folder: &Path) -> io::Result<Look> {
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut scripts = BTreeMap::new();
    let mut all = BTreeMap::new();
    for path in files(folder) {
        let content = match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            content => content.map_err(|error| error.to_string()),
        };
        let text: Digest = Sha256::digest(content.as_ref().map_or_else(|error| error.as_bytes(), Vec::as_slice)).into();
        all.insert(canonical(&path), text);
        if path.parent() == Some(folder)
            && let Some(name) = path.file_stem()
        {
            scripts.insert(name.to_string_lossy().into_owned(), Seen { path: path.clone(), text, content });
        }
    }
    Ok(Look { scripts, files: Arc::new(all) })
}

/// One spelling for each file, whatever links lead to it.
pub(super) fn canonical(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The bytes of a script file.
///
/// # Errors
/// Those of the file system, and a file that is too large to be a script.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let size = std::fs::metadata(path)?.len();
    if size > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{size} bytes are too many for a script")));
    }
    std::fs::read(path)
}

/// Every `*.rhai` file below a folder, sorted; none where the folder cannot be read. Hidden files are
/// those of editors, and tests are no scripts.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    all(folder).into_iter().filter(|path| !is_test(path)).collect()
}

/// Every file of tests below a folder, sorted.
pub fn tests(folder: &Path) -> Vec<PathBuf> {
    all(folder).into_iter().filter(|path| is_test(path)).collect()
}

/// Whether a file is one of tests, by its name.
pub fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING))
}

fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(folder, 0, &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // Links are followed: folders of scripts are often linked from a repository.
        let Ok(data) = std::fs::metadata(&path) else { continue };
        if data.is_dir() && depth < DEEPEST {
            collect(&path, depth + 1, found);
        } else if data.is_file() && path.extension().is_some_and(|extension| extension == "rhai") {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a=text` for a script, `lib/a=text` for a library.
    fn seen(files: &[(&str, &str)]) -> Look {
        let digest = |text: &str| -> Digest { Sha256::digest(text).into() };
        let scripts = files.iter().filter(|(path, _)| !path.contains('/')).map(|(path, text)| {
            let seen = Seen { path: path.into(), text: digest(text), content: Ok((*text).into()) };
            ((*path).to_owned(), seen)
        });
        let all = files.iter().map(|(path, text)| (PathBuf::from(path), digest(text)));
        Look { scripts: scripts.collect(), files: Arc::new(all.collect()) }
    }

    fn known(files: &[(&str, &str)], imports: Option<&[&str]>, gone: bool) -> BTreeMap<String, Known> {
        let look = seen(files);
        let known = |seen: &Seen| Known {
            text: seen.text,
            files: Arc::clone(&look.files),
            imports: imports.map(|paths| paths.iter().map(PathBuf::from).collect()),
            gone,
        };
        look.scripts.iter().map(|(name, seen)| (name.clone(), known(seen))).collect()
    }

    #[test]
    fn changes_are_a_pure_difference() {
        use Step::{Back, Load, Unload, Wait};
        type Files = &'static [(&'static str, &'static str)];
        /// What was known, what it imported, whether it was gone; what is there now; what follows.
        type Case =
            (&'static str, Files, Option<&'static [&'static str]>, bool, Files, &'static [(&'static str, Step)]);
        let table: &[Case] = &[
            ("nothing changed", &[("a", "1")], Some(&[]), false, &[("a", "1")], &[]),
            ("a new file", &[("a", "1")], Some(&[]), false, &[("a", "1"), ("b", "1")], &[("b", Load)]),
            ("an edit", &[("a", "1")], Some(&[]), false, &[("a", "2")], &[("a", Load)]),
            ("gone for the first time", &[("a", "1")], Some(&[]), false, &[], &[("a", Wait)]),
            ("still gone", &[("a", "1")], Some(&[]), true, &[], &[("a", Unload)]),
            ("gone and back as it was", &[("a", "1")], Some(&[]), true, &[("a", "1")], &[("a", Back)]),
            ("gone and back as another", &[("a", "1")], Some(&[]), true, &[("a", "2")], &[("a", Load)]),
            ("emptied for the first time", &[("a", "1")], Some(&[]), false, &[("a", " \n")], &[("a", Wait)]),
            ("still empty", &[("a", "1")], Some(&[]), true, &[("a", "")], &[("a", Load)]),
            ("empty from the start", &[], None, false, &[("a", "")], &[("a", Load)]),
            ("empty as before", &[("a", "")], Some(&[]), false, &[("a", "")], &[]),
            (
                "an imported library",
                &[("a", "1"), ("lib/x", "1")],
                Some(&["lib/x"]),
                false,
                &[("a", "1"), ("lib/x", "2")],
                &[("a", Load)],
            ),
            (
                "an imported library is gone",
                &[("a", "1"), ("lib/x", "1")],
                Some(&["lib/x"]),
                false,
                &[("a", "1")],
                &[("a", Load)],
            ),
            (
                "a library of others",
                &[("a", "1"), ("lib/x", "1")],
                Some(&[]),
                false,
                &[("a", "1"), ("lib/x", "2")],
                &[],
            ),
            (
                "a broken script and any library",
                &[("a", "1")],
                None,
                false,
                &[("a", "1"), ("lib/x", "2")],
                &[("a", Load)],
            ),
        ];
        for (name, before, imports, gone, after, expected) in table {
            let steps = changes(&known(before, *imports, *gone), &seen(after), false);
            let steps: Vec<_> = steps.iter().map(|(name, step)| (name.as_str(), *step)).collect();
            assert_eq!(steps, *expected, "{name}");
        }
    }

    #[test]
    fn anew_what_is_there_is_loaded_although_it_did_not_change() {
        let files = [("a", "1"), ("b", "1")];
        assert!(changes(&known(&files, Some(&[]), false), &seen(&files), false).is_empty());
        let steps = changes(&known(&files, Some(&[]), false), &seen(&files), true);
        assert_eq!(steps.into_values().collect::<Vec<_>>(), [Step::Load, Step::Load]);
    }

    #[test]
    fn names_are_those_of_files_directly_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("lib")).unwrap();
        std::fs::create_dir(folder.path().join("folder.rhai")).unwrap();
        for name in [
            "流量守卫.rhai",
            "b.rhai",
            "lib/c.rhai",
            ".hidden.rhai",
            "b.rhai~",
            "notes.txt",
            "b_test.rhai",
            "lib/c_test.rhai",
        ] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let look = look(folder.path()).unwrap();
        assert_eq!(look.scripts.keys().collect::<Vec<_>>(), ["b", "流量守卫"]);
        assert_eq!(look.files.len(), 3);
        let tests = tests(folder.path());
        let names: Vec<_> = tests.iter().map(|path| path.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(names, [Path::new("b_test.rhai"), Path::new("lib/c_test.rhai")]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        assert!(look(&folder.path().join("later")).unwrap().scripts.is_empty());
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(look(&file).is_err());
    }
}
