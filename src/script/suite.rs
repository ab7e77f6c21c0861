//! Files of tests: `*_test.rhai`. Each `fn test_…()` is one, and the top level runs before each.

use std::path::Path;
use std::sync::Arc;

use rhai::{AST, CallFnOptions, Dynamic, EvalAltResult, Scope};

use crate::error::Result;
use crate::host::Host;
use crate::permission::{Grant, Grants};
use crate::time::Busy;

use super::context::Context;
use super::diagnostic::{self, Finding, Severity};
use super::modules::Imports;
use super::{Source, check, engine};

/// How the name of such a file ends.
pub const ENDING: &str = "_test.rhai";

/// A file of tests that can run.
pub struct Suite {
    pub source: Source,
    /// Warnings.
    pub findings: Vec<Finding>,
    /// In the order of the file.
    pub tests: Vec<String>,
    ast: AST,
    functions: Vec<String>,
}

/// What a test may do in its world: everything.
pub fn grants() -> Grants {
    let all = ["kiwivm:*", "pbh:*", "downloader:*"].into_iter().filter_map(|text| Grant::parse(text).ok());
    Grants { allow: all.collect(), deny: Vec::new() }
}

impl Suite {
    /// Compiles and checks a file. `host` is any: what the tests run in comes later.
    ///
    /// # Errors
    /// Every finding, at least one of them an error.
    pub fn read(host: &Arc<Host>, source: Source) -> Result<Self, Vec<Finding>> {
        let context = super::quiet(host, &source.name);
        let imports = Imports::new(source.path.parent().unwrap_or(Path::new(".")));
        let engine = engine::build(&context, &imports);
        let file = source.path.display().to_string();
        let ast = engine::parse(&engine, &source.text, &file).map_err(|error| {
            let error = diagnostic::from_rhai(&error, &file, &engine::Known { script: &[] });
            vec![Finding { file: None, ..Finding::from_error(&error) }]
        })?;
        let world = check::World::new(host, &source.name, Grants::default());
        let mut findings = check::analyse(&world, &engine, &imports, &ast, &source.text).findings;
        check::silence(&source.text, &mut findings);
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            return Err(findings);
        }
        let functions: Vec<_> = ast.iter_functions().map(|function| function.name.to_owned()).collect();
        let place = |name: &str| source.text.find(&format!("fn {name}(")).unwrap_or(usize::MAX);
        let mut tests: Vec<_> = ast
            .iter_functions()
            .filter(|function| is_test(function.name) && function.params.is_empty())
            .map(|function| function.name.to_owned())
            .collect();
        tests.sort_by_key(|name| place(name));
        Ok(Self { source, findings, tests, ast, functions })
    }

    /// Runs the top level, then one test, in `context`, on this thread. `still` has kept the clock where it is until now; the
    /// token that comes back does so from the end on. The error is the one that ended the test, with its place.
    pub fn run(&self, context: &Arc<Context>, test: &str, still: Busy) -> (Result<()>, Busy) {
        let working = context.work();
        drop(still);
        let result = match &working {
            Ok(_) => self.call(context, test),
            Err(error) => Err(error.clone()),
        };
        let still = context.host.clock.busy();
        drop(working);
        (result, still)
    }

    fn call(&self, context: &Arc<Context>, test: &str) -> Result<()> {
        let imports = Imports::new(self.source.path.parent().unwrap_or(Path::new(".")));
        let engine = engine::build(context, &imports);
        let known = engine::Known { script: &self.functions };
        let mut scope = Scope::new();
        let options = CallFnOptions::new().eval_ast(true).rewind_scope(true);
        let result = engine.call_fn_with_options::<Dynamic>(options, &mut scope, &self.ast, test, ());
        match result.map_err(|error| *error) {
            Ok(_) | Err(EvalAltResult::Exit(..)) => Ok(()),
            Err(error) => Err(diagnostic::from_rhai(&error, &self.source.path.display().to_string(), &known)),
        }
    }
}

/// Whether a script of that name is a file of tests.
pub(super) fn is_suite(script: &str) -> bool {
    ENDING.strip_suffix(".rhai").is_some_and(|ending| script.ends_with(ending))
}

/// Whether a function of that name is a test.
pub(super) fn is_test(name: &str) -> bool {
    name.starts_with("test_")
}
