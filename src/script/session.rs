//! What a person types: statements are allowed, and variables stay for the next input.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono_tz::Tz;
use rhai::{AST, Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map, Scope};
use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::language::Language;
use crate::secret::Masker;
use crate::shown::Shown;

use super::check::{self, Ty};
use super::diagnostic::Finding;
use super::keep::{self, Input};
use super::modules::Imports;
use super::pieces::Brackets;
use super::shown::shown;
use super::{Context, complete, diagnostic, engine, lazy, value};

/// The variables, functions and good inputs of one sitting.
pub struct Session {
    scope: Scope<'static>,
    /// The functions defined so far, below what was imported.
    functions: AST,
    /// The modules by the names they have here, and the statements that import them.
    imported: Vec<(String, String)>,
    folder: PathBuf,
    inputs: Vec<Input>,
    evaluated: u64,
    /// The inputs are evaluated elsewhere, and so are the variables.
    elsewhere: bool,
}

/// What an input came to.
pub struct Answer {
    pub json: Value,
    /// For people.
    pub shown: Shown,
}

/// A variable of a session.
pub struct Variable {
    pub name: String,
    /// The name of its value's type.
    pub ty: String,
    /// In one line.
    pub text: String,
}

/// What is known of an expression that is not evaluated.
pub struct Typed {
    /// As the reference spells types: `[TopPeer]`.
    pub name: String,
    /// Name, type and sentence of each field of it or of its elements.
    pub fields: Vec<(String, String, String)>,
}

impl Session {
    /// `folder` is where imports are looked for.
    pub fn new(folder: &Path) -> Self {
        Self {
            scope: Scope::new(),
            functions: AST::empty(),
            imported: Vec::new(),
            folder: folder.into(),
            inputs: Vec::new(),
            evaluated: 0,
            elsewhere: false,
        }
    }

    /// Evaluates a text in `context`, on this thread. `it` is the last result that was not `()`. What
    /// comes of it holds no secret that the host knows. Where it fails, the variables are as they were.
    ///
    /// # Errors
    /// `syntax` where it does not parse, else the one that ended it, with its place in the text.
    pub fn eval(&mut self, context: &Arc<Context>, text: &str) -> Result<Answer> {
        let masker = &context.host.masker;
        let answer = self.evaluate(context, text).map_err(|error| masker.mask_error(error))?;
        let mask = |text: &str| masker.mask(text).into_owned();
        Ok(Answer { json: masker.mask_json(answer.json), shown: answer.shown.with_texts(&mask) })
    }

    fn evaluate(&mut self, context: &Arc<Context>, text: &str) -> Result<Answer> {
        let _working = context.work()?;
        self.evaluated += 1;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let imports = Imports::new(&self.folder);
        let engine = engine::build(context, &imports);
        let functions: Vec<_> = self.functions.iter_functions().map(|function| function.name.to_owned()).collect();
        let known = engine::Known { script: &functions };
        let translate = |error: &EvalAltResult| diagnostic::from_rhai(error, "", &known);
        let ast = engine::parse(&engine, text, "").map_err(|error| translate(&error))?;
        let whole = self.functions.merge(&ast);
        if let Some(finding) = check::unknown_name(context, &engine, &imports, &whole, text, &self.scope) {
            return Err(misnamed(finding));
        }
        // Functions see the constants of earlier inputs too.
        context.constants.get_or_init(|| engine::constants(&self.scope));
        let mut undo = Undo::new(&mut self.scope);
        let value = match engine.eval_ast_with_scope::<Dynamic>(undo.scope, &whole) {
            Ok(value) => value,
            Err(error) => match *error {
                EvalAltResult::Exit(value, _) => value,
                error => return Err(translate(&error)),
            },
        };
        // What a person types, a person wants to see.
        let unread = value.read_lock::<lazy::Lazy>().map(|lazy| lazy.clone());
        let value = match unread {
            Some(lazy) => lazy.to_array(&engine).map_err(|error| translate(&error))?.into(),
            None => value,
        };
        undo.before = None;
        drop(undo);
        let ty = if value.is_unit() || value.is_string() {
            Ty::Any
        } else {
            self.static_type(context, &engine, &imports, &whole, text)
        };
        self.keep(text, &whole, Some(&value).filter(|value| !value.is_unit()));
        let zone = context.host.config.timezone;
        Ok(Answer { json: value::to_json(&value, zone), shown: shown(&value, &ty, zone) })
    }

    /// Takes note of an input that went well elsewhere, and of its value where it had one.
    pub fn note(&mut self, text: &str, value: Option<&Value>) {
        self.evaluated += 1;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let ast = engine::parse(&engine::reader(), text, "").unwrap_or_default();
        let whole = self.functions.merge(&ast);
        self.elsewhere = true;
        self.keep(text, &whole, value.map(value::from_json).as_ref());
    }

    /// Keeps what an input that went well leaves to the next one. `whole` is its tree, with that of all before it.
    fn keep(&mut self, text: &str, whole: &AST, value: Option<&Dynamic>) {
        for (name, statement) in keep::imports(text) {
            self.imported.retain(|(known, _)| *known != name);
            self.imported.push((name, statement));
        }
        let imported: String = self.imported.iter().map(|(_, statement)| statement.as_str()).collect();
        let imported = engine::parse(&engine::reader(), &imported, "").unwrap_or_default();
        self.functions = imported.merge(&whole.clone_functions_only());
        if let Some(value) = value {
            // A constant of that name is hidden by it.
            self.scope.set_or_push("it", value.clone());
        }
        self.inputs.push(Input { text: text.to_owned(), gave: value.is_some() });
    }

    /// Whether a text can be read at all.
    ///
    /// # Errors
    /// `syntax` where it does not parse.
    pub fn parses(text: &str) -> Result<()> {
        let known = engine::Known { script: &[] };
        let parsed = engine::parse(&engine::reader(), text, "");
        parsed.map(drop).map_err(|error| diagnostic::from_rhai(&error, "", &known))
    }

    /// What an expression is, without evaluating it.
    ///
    /// # Errors
    /// `syntax` where it does not parse, and what is certain to fail when it is evaluated.
    pub fn type_of(&self, context: &Arc<Context>, text: &str) -> Result<Typed> {
        let imports = Imports::new(&self.folder);
        let engine = engine::build(context, &imports);
        let known = engine::Known { script: &[] };
        let ast = engine::parse(&engine, text, "").map_err(|error| diagnostic::from_rhai(&error, "", &known))?;
        let whole = self.functions.merge(&ast);
        if let Some(finding) = self.misnamed(context, &engine, &imports, text) {
            return Err(misnamed(finding));
        }
        let ty = self.static_type(context, &engine, &imports, &whole, text);
        Ok(Typed { name: ty.spelled(), fields: ty.described(context.host.config.language) })
    }

    /// The first name in a text that nothing answers to.
    fn misnamed(&self, context: &Context, engine: &Engine, imports: &Imports, text: &str) -> Option<Finding> {
        let before = self.prelude(text);
        let (first, shift) = (before.lines().count().max(1), usize::from(!before.is_empty()));
        let long = before + text;
        let ast = engine::parse(engine, &long, "").ok()?;
        let mut finding = check::misnamed(context, engine, imports, &ast, &long, &self.scope, first)?;
        if finding.line == first {
            finding.column -= shift.min(finding.column);
        }
        finding.line -= first - 1;
        Some(finding)
    }

    /// The type of the value of `text`, of which `whole` is the tree.
    fn static_type(&self, context: &Context, engine: &Engine, imports: &Imports, whole: &AST, text: &str) -> Ty {
        let long = self.prelude(text) + text;
        match engine::parse(engine, &long, "") {
            Ok(ast) => check::type_of(context, engine, imports, &ast, &long, &Scope::new()),
            Err(_) => check::type_of(context, engine, imports, whole, text, &self.scope),
        }
    }

    /// The good inputs as a script that ends where `next` begins.
    pub fn prelude(&self, next: &str) -> String {
        /// What was typed long ago says little about what is typed now.
        const LAST: usize = 200;
        keep::prelude(&self.inputs[self.inputs.len().saturating_sub(LAST)..], next)
    }

    /// The inputs that went well, in their order.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// How many inputs there were, good or bad: each may have changed something.
    pub const fn evaluated(&self) -> u64 {
        self.evaluated
    }

    /// Whether a text breaks off in the middle, so that more lines should follow.
    pub fn is_incomplete(text: &str) -> bool {
        let text = text.trim_end();
        Brackets::is_in_text(text)
            || engine::parse(&engine::reader(), text, "").is_err_and(|error| engine::is_incomplete(&error, text))
    }

    /// The variables by name. Of those with one name it is the last one.
    pub fn variables(&self, zone: Tz, masker: &Masker) -> Vec<Variable> {
        let mut variables: Vec<Variable> = Vec::new();
        for (name, _, value) in self.scope.iter() {
            variables.retain(|known| known.name != name);
            let ty = value::type_name(&value).trim_start_matches("an ").trim_start_matches("a ");
            let text = masker.mask(&value::display(&value, zone)).into_owned();
            variables.push(Variable { name: name.to_owned(), ty: ty.to_owned(), text });
        }
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        variables
    }

    /// What completion knows of the inputs so far. It is a copy: what is typed later is not in it.
    pub fn world(&self, host: &Arc<Host>, language: Language) -> complete::World {
        let variables = self.scope.iter().map(|(name, _, value)| (name.to_owned(), value)).collect();
        // Variables that are elsewhere are known by the inputs that made them.
        let typed = self.elsewhere.then(|| engine::parse(&engine::reader(), &self.prelude(""), "").ok()).flatten();
        let functions = typed.unwrap_or_else(|| self.functions.clone());
        complete::World {
            host: Arc::clone(host),
            script: String::new(),
            folder: self.folder.clone(),
            language,
            before: Some(complete::Before { variables, functions }),
        }
    }

    /// Hash and name of each torrent among the values at hand.
    pub fn torrents(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (_, _, value) in self.scope.iter() {
            let rows = value.read_lock::<Array>().map(|rows| rows.iter().take(5000).filter_map(torrent).collect());
            found.extend(rows.unwrap_or_else(|| torrent(&value).into_iter().collect::<Vec<_>>()));
        }
        found.sort();
        found.dedup_by(|a, b| a.0 == b.0);
        found
    }
}

/// What the checker says of a name, as an error.
fn misnamed(finding: Finding) -> Error {
    let mut error = Error::new(Kind::Argument, finding.message).at(None, Some(finding.line), Some(finding.column));
    error.hint = finding.hint;
    error
}

/// Puts the variables back as they were, unless the input went well: one that failed half way, was cancelled or
/// panicked leaves nothing behind.
struct Undo<'a> {
    scope: &'a mut Scope<'static>,
    before: Option<Before>,
}

/// The variables before an input. Those that closures share are changed in place, and are put back there.
struct Before {
    scope: Scope<'static>,
    shared: Vec<(Dynamic, Dynamic)>,
}

impl<'a> Undo<'a> {
    fn new(scope: &'a mut Scope<'static>) -> Self {
        let shared = scope.iter_raw().filter(|(_, _, value)| value.is_shared());
        let shared = shared.map(|(_, _, value)| (value.clone(), value.flatten_clone())).collect();
        let before = Some(Before { scope: scope.clone(), shared });
        Self { scope, before }
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        let Some(Before { scope, shared }) = self.before.take() else { return };
        for (mut held, value) in shared {
            if let Some(mut now) = held.write_lock::<Dynamic>() {
                *now = value;
            }
        }
        *self.scope = scope;
    }
}

fn torrent(row: &Dynamic) -> Option<(String, String)> {
    let row = row.read_lock::<Map>()?;
    let text = |key: &str| row.get(key)?.read_lock::<ImmutableString>().map(|text| text.to_string());
    Some((text("hash").filter(|hash| !hash.is_empty())?, text("name").or_else(|| text("torrent"))?))
}
