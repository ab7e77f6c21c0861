//! Scripts: loaded, checked, and turned into handlers. The only layer that knows Rhai.

use ::std::fmt::Write as _;
use ::std::path::{Path, PathBuf};
use ::std::sync::Arc;

use rhai::Scope;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::config::Mode;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::permission::Grants;
use crate::schedule::TriggerSpec;
use crate::time::Duration;

mod bench;
mod bind;
mod check;
pub mod complete;
mod context;
mod diagnostic;
mod engine;
mod excerpt;
mod handler;
mod handles;
pub mod helpers;
pub mod keep;
mod lazy;
mod modules;
mod operators;
mod options;
pub mod pieces;
mod session;
mod shown;
pub mod std;
pub mod suite;
#[cfg(test)]
mod tests;
mod value;

pub use crate::trace::Record;
pub use bench::{Bench, Crew, Fired, Opening};
pub use check::codes::{CODES, Code};
pub use check::grants::misnamed as misnamed_grants;
pub use check::{Analysis, Use};
pub use context::{Context, MANUAL, Messages, Setup};
pub use diagnostic::{Caught, Finding, Severity};
pub use excerpt::{Reader, deed, explain, last_calls, said};
pub use handler::{Handler, Occasion, Returned};
pub use session::{Answer, Session, Typed, Variable};

use context::Phase;
use handler::Version;
use modules::Imports;

/// What a thread that runs scripts needs, in bytes: Rhai recurses on the native stack, over calls and over
/// lists in lists in lists. It is only reserved; what is not used costs nothing.
pub const STACK: usize = 64 << 20;

/// A script as it stands on disk.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's name without `.rhai`.
    pub name: String,
    pub path: PathBuf,
    pub text: String,
    /// The first twelve hex digits of the SHA-256 of the text.
    pub version: String,
}

impl Source {
    pub fn new(path: &Path, text: String) -> Self {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let version = version(&[text.as_bytes()]);
        Self { name, path: path.into(), text, version }
    }
}

/// The first twelve hex digits of the SHA-256 of some texts.
pub fn version(texts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text);
    }
    hash.finalize().iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A script that is ready to run.
pub struct Loaded {
    pub name: String,
    /// As [`Source::version`], and over what it imports.
    pub version: String,
    pub path: PathBuf,
    pub triggers: Vec<(TriggerSpec, Handler)>,
    /// Warnings.
    pub findings: Vec<Finding>,
    /// What it does or may do, each once.
    pub uses: Vec<Use>,
    /// The files it imported, directly or not.
    pub imports: Vec<PathBuf>,
    /// For the lines that errors are about.
    pub text: Arc<str>,
}

/// The top level only registers, so it has no business taking longer.
const LOAD_TIMEOUT: Duration = Duration::from_seconds(10);

/// Compiles a script, runs its top level, and checks what it registered. Blocks; needs no network.
///
/// # Errors
/// Every finding, at least one of them an error.
pub fn load(host: &Arc<Host>, source: &Source) -> Result<Loaded, Vec<Finding>> {
    load_granted(host, source, host.config.settings(&source.name).grants)
}

/// The same where the script may do something else than the configuration says.
///
/// # Errors
/// As [`load`].
pub fn load_granted(host: &Arc<Host>, source: &Source, grants: Grants) -> Result<Loaded, Vec<Finding>> {
    let context = Context::in_phase(
        Arc::clone(host),
        Setup {
            script: source.name.clone(),
            trigger: None,
            run: "load".into(),
            mode: Mode::Watch,
            grants: Grants::default(),
            deadline: host.clock.now() + LOAD_TIMEOUT,
            cancel: CancellationToken::new(),
            permits: None,
        },
        Phase::Load { anything: host.accepts_any_instance },
    );
    let file = source.path.display().to_string();
    // A place in the script itself needs no file.
    let own = |mut finding: Finding| {
        finding.file.take_if(|other| *other == file);
        finding
    };
    let fail = |error: &Error| vec![own(Finding::from_error(error))];
    let _working = context.work().map_err(|error| fail(&error))?;
    let imports = Imports::new(source.path.parent().unwrap_or(Path::new(".")));
    let engine = engine::build(&context, &imports);
    let ast = engine::parse(&engine, &source.text, &file)
        .map_err(|error| fail(&diagnostic::from_rhai(&error, &file, &engine::Known { script: &[] })))?;
    let functions: Vec<_> = ast.iter_functions().map(|function| function.name.to_owned()).collect();
    let known = engine::Known { script: &functions };
    let world = check::World::new(host, &source.name, grants);
    let analysis = check::analyse(&world, &engine, &imports, &ast, &source.text);
    let mut findings = analysis.findings.clone();
    let mut scope = Scope::new();
    // What is known to be wrong is not run; what it would say is said already.
    if analysis.has_errors() {
        check::silence(&source.text, &mut findings);
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            return Err(findings.into_iter().map(own).collect());
        }
    }
    if let Err(error) = engine.run_ast_with_scope(&mut scope, &ast) {
        findings.push(Finding::from_error(&diagnostic::from_rhai(&error, &file, &known)));
        check::silence(&source.text, &mut findings);
        return Err(findings.into_iter().map(own).collect());
    }
    let registered = context.take_registered();
    let version = Arc::new(Version {
        file: file.clone(),
        imports: imports.clone(),
        functions: functions.clone(),
        triggers: registered.iter().map(|registration| registration.spec.name.clone()).collect(),
        constants: engine::constants(&scope),
    });
    findings.extend(check::triggers(
        registered.iter().map(|registration| &registration.spec),
        context.fleet_was_empty(),
        &analysis,
    ));
    findings.extend(check::surprises(
        registered.iter().map(|registration| &registration.spec),
        &source.text,
        host.clock.now(),
        &analysis,
    ));
    check::silence(&source.text, &mut findings);
    let findings: Vec<_> = findings.into_iter().map(own).collect();
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(findings);
    }
    let triggers = registered
        .into_iter()
        .map(|registration| {
            let handler = Handler::new(Arc::clone(&version), registration.site, registration.action);
            (registration.spec, handler)
        })
        .collect();
    Ok(Loaded {
        name: source.name.clone(),
        version: imports.version(&source.version),
        path: source.path.clone(),
        triggers,
        findings,
        uses: analysis.uses,
        imports: imports.files(),
        text: source.text.as_str().into(),
    })
}

/// What can be said of a script without running any of it: for editors, and for what is being typed. Silenced
/// findings are not among it.
pub fn analyse(host: &Arc<Host>, source: &Source) -> Analysis {
    let context = quiet(host, &source.name);
    let imports = Imports::new(source.path.parent().unwrap_or(Path::new(".")));
    let engine = engine::build(&context, &imports);
    match engine::parse(&engine, &source.text, &source.path.display().to_string()) {
        Ok(ast) => {
            let world = check::World::new(host, &source.name, host.config.settings(&source.name).grants);
            let mut analysis = check::analyse(&world, &engine, &imports, &ast, &source.text);
            check::silence(&source.text, &mut analysis.findings);
            analysis
        }
        Err(error) => {
            let error = diagnostic::from_rhai(&error, "", &engine::Known { script: &[] });
            let mut analysis = Analysis::default();
            analysis.findings.push(Finding::from_error(&error));
            analysis
        }
    }
}

/// A run that is never run: for engines that only parse.
fn quiet(host: &Arc<Host>, script: &str) -> Arc<Context> {
    let setup = Setup {
        script: script.into(),
        trigger: None,
        run: "analyse".into(),
        mode: Mode::Watch,
        grants: Grants::default(),
        deadline: host.clock.now() + LOAD_TIMEOUT,
        cancel: CancellationToken::new(),
        permits: None,
    };
    Context::in_phase(Arc::clone(host), setup, Phase::Load { anything: host.accepts_any_instance })
}

/// A function of Rhai itself, which has no row.
pub struct PlainFunction {
    pub name: &'static str,
    /// The names of its parameters, as far as they have some.
    pub params: Vec<&'static str>,
    pub doc: &'static str,
}

/// Rhai's own functions, by name, each number of parameters once.
pub fn plain_functions() -> Vec<PlainFunction> {
    check::plain_functions()
}

/// The names a REPL completes: functions and methods, endpoints included.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    engine::function_names()
}

/// Whether scripts see a function or field of that name.
pub fn is_function(name: &str) -> bool {
    engine::is_function(name)
}
