//! `import`: files below the scripts folder, and nothing else.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use rhai::{Engine, EvalAltResult, FnNamespace, Module, ModuleResolver, Position, Scope, Shared};

use crate::error::{Error, Kind};

use super::diagnostic::raise_at;
use super::engine;

/// Resolves imports of one version of a script: relative to the scripts folder, no escape, each file
/// once. It belongs to the version, so an edited library is read again by the next one.
#[derive(Clone)]
pub(super) struct Imports(Arc<Inner>);

struct Inner {
    root: PathBuf,
    loaded: Mutex<BTreeMap<PathBuf, Library>>,
    /// What each thread is in the middle of loading, outermost first.
    loading: Mutex<Vec<(ThreadId, PathBuf)>>,
}

/// Libraries that import libraries that import libraries: every one of them takes native stack.
const DEEPEST: usize = 16;

/// Marks a file as being loaded by this thread, until it is dropped.
struct Loading<'a> {
    imports: &'a Imports,
    file: &'a Path,
}

impl<'a> Loading<'a> {
    /// # Errors
    /// `config` where the file is being loaded already, or too many are.
    fn begin(imports: &'a Imports, file: &'a Path, path: &str) -> Result<Self, Error> {
        let this = thread::current().id();
        let mut loading = imports.0.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let mine: Vec<_> = loading.iter().filter(|(thread, _)| *thread == this).map(|(_, file)| file).collect();
        if mine.iter().any(|other| *other == file) {
            return Err(Error::new(Kind::Config, format!("the import of `{path}` goes round in a circle"))
                .hint("move what both files need into a third one"));
        }
        if mine.len() >= DEEPEST {
            return Err(Error::new(Kind::Config, format!("the import of `{path}` is nested more than {DEEPEST} deep")));
        }
        loading.push((this, file.into()));
        Ok(Self { imports, file })
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        let this = thread::current().id();
        let mut loading = self.imports.0.loading.lock().unwrap_or_else(PoisonError::into_inner);
        loading.retain(|(thread, file)| *thread != this || file != self.file);
    }
}

struct Library {
    module: Shared<Module>,
    /// Of its text.
    version: String,
}

impl Imports {
    pub(super) fn new(root: &Path) -> Self {
        Self(Arc::new(Inner { root: root.into(), loaded: Mutex::default(), loading: Mutex::default() }))
    }

    /// The files that were imported, directly or not.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// The version of a script whose own text has the version `own`: it covers what was imported too.
    pub(super) fn version(&self, own: &str) -> String {
        let loaded = self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.is_empty() {
            return own.to_owned();
        }
        let texts = loaded.values().map(|library| library.version.as_bytes());
        super::version(&[own.as_bytes()].into_iter().chain(texts).collect::<Vec<_>>())
    }

    /// The file that an import means.
    pub(super) fn locate(&self, path: &str) -> Result<PathBuf, Error> {
        let refuse = || {
            Error::new(Kind::Permission, format!("the import `{path}` leaves the scripts folder"))
                .hint("import files below it: `import \"lib/peers\" as peers`")
        };
        let relative = Path::new(path);
        if path.is_empty()
            || !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(refuse());
        }
        let mut file = self.0.root.join(relative);
        if file.extension().is_none_or(|extension| extension != "rhai") {
            file.as_mut_os_string().push(".rhai");
        }
        let missing = |_| {
            Error::new(Kind::Config, format!("there is no module `{path}`"))
                .hint(format!("it would be the file `{}`", file.display()))
        };
        let real = file.canonicalize().map_err(missing)?;
        // A link may lead anywhere; the file itself must lie in the folder.
        let root = self.0.root.canonicalize().unwrap_or_else(|_| self.0.root.clone());
        if real.starts_with(root) { Ok(real) } else { Err(refuse()) }
    }
}

impl ModuleResolver for Imports {
    fn resolve(
        &self,
        engine: &Engine,
        _: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let file = self.locate(path).map_err(|error| raise_at(position, error))?;
        if let Some(library) = self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(&file) {
            return Ok(library.module.clone());
        }
        let loading = Loading::begin(self, &file, path).map_err(|error| raise_at(position, error))?;
        let text = std::fs::read_to_string(&file).map_err(|error| {
            raise_at(position, Error::new(Kind::Config, format!("the module `{path}` cannot be read: {error}")))
        })?;
        let name = file.display().to_string();
        let in_module =
            |error: Box<EvalAltResult>| Box::new(EvalAltResult::ErrorInModule(name.clone(), error, position));
        let ast = engine::parse(engine, &text, &name).map_err(|error| in_module(error.into()))?;
        let mut module = Module::eval_ast_as_new(Scope::new(), &ast, engine).map_err(in_module)?;
        // Closures that a library hands out are called by name, from the script that imported it.
        let closures: Vec<_> = ast
            .iter_functions()
            .filter(|f| f.name.starts_with("anon$"))
            .map(|f| (f.name.to_owned(), f.params.len()))
            .collect();
        for (name, params) in closures {
            if let Some(definition) = module.get_script_fn(&name, params).cloned() {
                // The hash depends on name and parameters alone, and this is the one call that tells it.
                let hash = Module::new().set_script_fn(definition);
                #[expect(deprecated, reason = "there is no other way to expose a function that exists already")]
                module.update_fn_namespace(hash, FnNamespace::Global);
            }
        }
        module.build_index();
        let module: Shared<Module> = module.into();
        let library = Library { module: module.clone(), version: super::version(&[text.as_bytes()]) };
        drop(loading);
        self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(file, library);
        Ok(module)
    }
}
