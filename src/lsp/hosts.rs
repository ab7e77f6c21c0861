//! The installations that open files belong to: each is opened when it is first needed, and again after a save.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::FILE;
use crate::host::Host;

use super::Open;

pub(super) struct Hosts {
    open: Open,
    /// The folder that the editor has open.
    root: Option<PathBuf>,
    /// By the file of the configuration; `None` where there is none.
    known: BTreeMap<Option<PathBuf>, Known>,
    complaints: Vec<String>,
}

#[derive(Default)]
struct Known {
    host: Option<Arc<Host>>,
    /// Nothing was saved since it was opened.
    fresh: bool,
    /// Why it does not open, where that was said already.
    complaint: Option<String>,
}

impl Hosts {
    pub fn new(open: Open, root: Option<PathBuf>) -> Self {
        Self { open, root, known: BTreeMap::new(), complaints: Vec::new() }
    }

    /// The installation of a file. While somebody edits a configuration it is wrong for moments: until then the last
    /// one that was right counts.
    pub fn of(&mut self, path: &Path) -> Option<Arc<Host>> {
        let file = self.file(path);
        let known = self.known.entry(file.clone()).or_default();
        if !known.fresh {
            known.fresh = true;
            let opened = (self.open)(file.as_deref());
            let complaint = opened.as_ref().err().map(ToString::to_string);
            known.host = opened.ok().or_else(|| known.host.take());
            if complaint != known.complaint {
                self.complaints.extend(complaint.clone());
                known.complaint = complaint;
            }
        }
        known.host.clone()
    }

    /// The configuration in a folder of the file or above it, or else in the folder that the editor has open.
    fn file(&self, path: &Path) -> Option<PathBuf> {
        let folders = path.ancestors().skip(1).chain(self.root.as_deref());
        folders.map(|folder| folder.join(FILE)).find(|file| file.is_file())
    }

    pub fn saved(&mut self) {
        for known in self.known.values_mut() {
            known.fresh = false;
        }
    }

    /// What is wrong with configurations, each thing once.
    pub fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }
}
