//! The walk over a script and what it imports: everything that the other files of this folder know is asked from here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use rhai::{AST, ASTNode, Engine, Expr, ImmutableString, Position, Stmt};

use crate::script::diagnostic::{Finding, Severity};
use crate::script::engine;
use crate::script::modules::Imports;
use crate::script::suite::is_test;

use super::codes;
use super::scope::{Frame, Phase, Variable};
use super::text::{Place, Text};
use super::types::{Closure, Slot, SlotKind, Ty, Val};
use super::world::World;

/// A function of a script, closures included.
pub(super) struct Function {
    pub name: ImmutableString,
    /// What it took along first.
    pub params: Vec<ImmutableString>,
    pub body: Vec<Stmt>,
    /// The brace at its end.
    pub end: Position,
}

/// The functions of a tree.
fn functions(ast: &AST) -> HashMap<String, Vec<Rc<Function>>> {
    let known: Vec<_> = ast.shared_lib().iter_script_fn_info().map(|(_, _, name, count, _)| (name, count)).collect();
    let mut bodies = HashMap::with_capacity(known.len());
    bodies_of(&ast.clone_functions_only(), &known, &mut bodies);
    let mut all: HashMap<String, Vec<_>> = HashMap::new();
    for (_, _, name, count, function) in ast.shared_lib().iter_script_fn_info() {
        let function = Function {
            name: function.name.clone(),
            params: function.params.iter().cloned().collect(),
            body: bodies.remove(&(name, count)).unwrap_or_default(),
            end: function.body.end_position(),
        };
        all.entry(name.to_owned()).or_default().push(Rc::new(function));
    }
    all
}

/// The statements of each function. The interpreter shows them to nobody but a walk over a tree, which does not say
/// whose they are; so the functions are halved until one is left.
fn bodies_of<'a>(ast: &AST, known: &[(&'a str, usize)], found: &mut HashMap<(&'a str, usize), Vec<Stmt>>) {
    if let [only] = known {
        let mut body = Vec::new();
        ast.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path {
                body.push((*statement).clone());
            }
            // What is inside comes with its statement.
            true
        });
        found.insert(*only, body);
        return;
    }
    if known.is_empty() {
        return;
    }
    let (left, right) = known.split_at(known.len() / 2);
    for half in [left, right] {
        let names: HashSet<_> = half.iter().copied().collect();
        let mut part = ast.clone_functions_only();
        part.retain_functions(|_, _, name, params| names.contains(&(name, params)));
        bodies_of(&part, half, found);
    }
}

/// One file: the script, or something it imports.
pub(super) struct Unit {
    /// As findings name it; `None` for the script itself.
    pub file: Option<String>,
    pub text: Text,
    pub ast: Arc<AST>,
    pub functions: HashMap<String, Vec<Rc<Function>>>,
    /// The modules by the names they have here; `None` for one that could not be read.
    pub imports: HashMap<ImmutableString, Option<usize>>,
    pub constants: HashMap<ImmutableString, Slot>,
    /// Variables of the top level, which functions do not see.
    pub globals: HashSet<ImmutableString>,
    /// Keys of maps: what is called like a method may be a closure in one.
    pub keys: HashSet<ImmutableString>,
    /// Functions that are named somewhere.
    pub called: HashSet<ImmutableString>,
    /// Some function is called by a name that is put together.
    pub calls_by_text: bool,
}

/// What a function is looked at with: a type, and of a handle its instance.
type Kind = (Ty, Option<ImmutableString>);

fn kind(val: &Val) -> Kind {
    (val.ty.clone(), val.instance.clone())
}

/// What became of a function for arguments of some types.
struct Seen {
    phase: Phase,
    args: Vec<Kind>,
    this: Option<Kind>,
    /// Whether findings inside were reported.
    reported: bool,
    /// `None` while it is being looked at.
    returns: Option<Val>,
}

/// A call that needs a grant, or may be of interest to whoever reads what a script does.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Used {
    pub service: &'static str,
    pub endpoint: String,
    pub effect: crate::permission::Effect,
    /// The line of configuration that would grant it, where it is not granted.
    pub missing: Option<String>,
}

pub(super) struct Checker<'a> {
    pub world: &'a World<'a>,
    pub engine: &'a Engine,
    pub imports: &'a Imports,
    pub units: Vec<Unit>,
    pub variables: Vec<Variable>,
    declared: HashMap<Place, usize>,
    pub findings: BTreeMap<(Place, &'static str), Finding>,
    /// Positive while what is found is not certain yet.
    pub quiet: usize,
    depth: usize,
    seen: HashMap<(usize, ImmutableString, usize), Vec<Seen>>,
    /// Closures that nobody has called yet.
    pending: Vec<(Closure, Phase)>,
    looked_at: HashSet<(usize, ImmutableString)>,
    pub uses: BTreeSet<Used>,
    /// Names of triggers: where each was registered first, and where its name stands there.
    pub triggers: BTreeMap<String, (Place, Place)>,
    /// Where the name of the trigger stands that is registered at a place.
    pub trigger_names: BTreeMap<(usize, usize), Place>,
    /// Where the first argument of the trigger stands that is registered at a place.
    pub trigger_firsts: BTreeMap<(usize, usize), Place>,
    /// What is known of the values at the places of the script, for editors.
    pub types: BTreeMap<(usize, usize), (usize, String)>,
    /// What was met where an editor asks.
    pub met: super::probe::Met,
    /// How deep in imports the file lies that is read.
    importing: usize,
    /// Budget against scripts that are made to be slow.
    steps: usize,
}

/// Functions in functions in functions: further down nothing is said.
const DEEPEST: usize = 40;
/// Libraries that import libraries.
const FARTHEST: usize = 20;
/// Types of arguments a function is looked at with.
const WIDEST: usize = 8;
/// Expressions and statements that are looked at, over all.
const LONGEST: usize = 2_000_000;

impl<'a> Checker<'a> {
    pub fn new(world: &'a World<'a>, engine: &'a Engine, imports: &'a Imports) -> Self {
        Self {
            world,
            engine,
            imports,
            units: Vec::new(),
            variables: Vec::new(),
            declared: HashMap::new(),
            findings: BTreeMap::new(),
            quiet: 0,
            depth: 0,
            seen: HashMap::new(),
            pending: Vec::new(),
            looked_at: HashSet::new(),
            uses: BTreeSet::new(),
            triggers: BTreeMap::new(),
            trigger_names: BTreeMap::new(),
            trigger_firsts: BTreeMap::new(),
            types: BTreeMap::new(),
            met: super::probe::Met::default(),
            importing: 0,
            steps: 0,
        }
    }

    /// Adds a file; gives its number.
    pub fn add(&mut self, file: Option<String>, ast: Arc<AST>, source: &str) -> usize {
        let number = self.units.len();
        let mut unit = Unit {
            file,
            text: Text::scan(source),
            ast: Arc::clone(&ast),
            functions: functions(&ast),
            imports: HashMap::new(),
            constants: HashMap::new(),
            globals: HashSet::new(),
            keys: HashSet::new(),
            called: HashSet::new(),
            calls_by_text: false,
        };
        super::survey::survey(&ast, &mut unit);
        self.units.push(unit);
        self.find_imports(number, &ast);
        self.constants(number, &ast);
        number
    }

    /// Looks at the script's top level, at those of what it imports, and then at what nothing there led to.
    pub fn run_all(&mut self) {
        for unit in 0..self.units.len() {
            let ast = Arc::clone(&self.units[unit].ast);
            // That of a file of tests runs with each of them.
            let phase = if unit == 0 && self.world.tests { Phase::Run } else { Phase::Load };
            let mut frame = Frame::new(unit, phase);
            self.top_level(&mut frame, ast.statements());
        }
        for unit in 0..self.units.len() {
            self.rest(unit);
        }
        self.unused_functions(0);
        self.unused_variables();
    }

    /// The same for what a person typed, where these variables are in scope and services may be called. Gives the
    /// type of its value.
    pub fn run_typed(&mut self, scope: impl Iterator<Item = (ImmutableString, Ty)>) -> Ty {
        let ast = Arc::clone(&self.units[0].ast);
        let mut frame = Frame::new(0, Phase::Run);
        let slot = |(name, ty): (_, Ty)| Slot { name, var: None, val: ty.into(), kind: SlotKind::Own };
        frame.env.slots = scope.map(slot).collect();
        let value = self.statements(&mut frame, ast.statements(), true, false);
        self.rest(0);
        value.ty
    }

    fn top_level(&mut self, frame: &mut Frame, statements: &[Stmt]) {
        self.statements(frame, statements, false, frame.unit != 0);
    }

    /// Closures and functions that nothing called are looked at with arguments of any type.
    fn rest(&mut self, unit: usize) {
        loop {
            while let Some((closure, phase)) = self.pending.pop() {
                if !self.looked_at.contains(&(closure.unit, closure.name.clone())) {
                    let params = self.params(&closure).unwrap_or(0);
                    self.call_closure(&closure, vec![Val::any(); params], phase, None, |_| {});
                }
            }
            let left: Vec<_> = self.units[unit]
                .functions
                .values()
                .flatten()
                .filter(|function| !function.name.starts_with("anon$"))
                .filter(|f| !self.seen.contains_key(&(unit, f.name.clone(), f.params.len())))
                .cloned()
                .collect();
            if left.is_empty() {
                break;
            }
            for function in left {
                let args = vec![Val::any(); function.params.len()];
                self.call_function(unit, &function, args, Phase::Run, Some(Val::any()));
            }
        }
    }

    fn unused_functions(&mut self, unit: usize) {
        let own = &self.units[unit];
        if own.calls_by_text {
            return;
        }
        let unused: Vec<_> = own
            .functions
            .values()
            .flatten()
            .filter(|f| !f.name.starts_with("anon$") && !f.name.starts_with('_') && !own.called.contains(&f.name))
            .filter(|f| !(self.world.tests && is_test(&f.name)))
            .filter_map(|f| Some((f.name.clone(), own.text.function(&f.name, f.params.len())?)))
            .collect();
        for (name, (line, column)) in unused {
            let place = Place { unit, line, column };
            self.report("unused-function", place, format!("the function `{name}` is never called"), None);
        }
    }

    /// Whether a name is a function of the file.
    pub fn has_function(&self, unit: usize, name: &str) -> bool {
        self.units[unit].functions.contains_key(name)
    }

    /// The function of a name that takes so many arguments.
    pub fn function(&self, unit: usize, name: &str, args: usize) -> Option<Rc<Function>> {
        self.units[unit].functions.get(name)?.iter().find(|function| function.params.len() == args).cloned()
    }

    /// How many arguments a closure takes from its caller.
    pub fn params(&self, closure: &Closure) -> Option<usize> {
        let functions = self.units[closure.unit].functions.get(closure.name.as_str())?;
        functions.first().map(|function| function.params.len().saturating_sub(closure.captured.len()))
    }

    /// What a script's own function gives for these arguments.
    pub fn call_function(
        &mut self,
        unit: usize,
        function: &Rc<Function>,
        args: Vec<Val>,
        phase: Phase,
        this: Option<Val>,
    ) -> Val {
        let key = (unit, function.name.clone(), function.params.len());
        let types: Vec<_> = args.iter().map(kind).collect();
        let this_type = this.as_ref().map(kind);
        let quiet = self.quiet > 0;
        let known = self.seen.entry(key.clone()).or_default();
        let same = |seen: &Seen| seen.phase == phase && seen.args == types && seen.this == this_type;
        if let Some(seen) = known.iter_mut().find(|seen| same(seen)) {
            match &seen.returns {
                None => return Val::any(),
                Some(returns) if quiet || seen.reported => return returns.clone(),
                Some(_) => seen.returns = None,
            }
        } else if known.len() >= WIDEST {
            return Val::any();
        } else {
            known.push(Seen { phase, args: types.clone(), this: this_type.clone(), reported: false, returns: None });
        }
        let mut frame = Frame::new(unit, phase);
        frame.this = this;
        let pairs = function.params.iter().cloned().zip(args);
        frame.env.slots.extend(pairs.map(|(name, val)| Slot { name, var: None, val, kind: SlotKind::Own }));
        frame.params = frame.env.slots.len();
        let returns = self.body(&mut frame, function, true);
        let same = |seen: &&mut Seen| seen.phase == phase && seen.args == types && seen.this == this_type;
        if let Some(seen) = self.seen.get_mut(&key).and_then(|seen| seen.iter_mut().find(same)) {
            seen.returns = Some(returns.clone());
            seen.reported |= !quiet;
        }
        returns
    }

    /// What a closure gives for these arguments. What it is not given, it has as `this`.
    pub fn call_closure(
        &mut self,
        closure: &Closure,
        args: Vec<Val>,
        phase: Phase,
        handler: Option<bool>,
        prepare: impl FnOnce(&mut Frame),
    ) -> Val {
        let functions = self.units[closure.unit].functions.get(closure.name.as_str()).cloned().unwrap_or_default();
        let Some(function) = functions
            .iter()
            .find(|function| function.params.len() == closure.captured.len() + args.len())
            .or(functions.first())
            .cloned()
        else {
            return Val::any();
        };
        self.looked_at.insert((closure.unit, closure.name.clone()));
        let mut frame = Frame::new(closure.unit, phase);
        let own = function.params.len().saturating_sub(closure.captured.len());
        if own < args.len() {
            frame.this = args.first().cloned();
        }
        for (name, captured) in function.params.iter().zip(&closure.captured) {
            let kind = match (handler.is_some(), captured.kind) {
                (_, SlotKind::Constant) => SlotKind::Constant,
                (true, _) | (_, SlotKind::Copied) => SlotKind::Copied,
                _ => SlotKind::Shared,
            };
            frame.env.slots.push(Slot { name: name.clone(), kind, ..captured.clone() });
        }
        let mut args = args.into_iter();
        for name in function.params.iter().skip(closure.captured.len()) {
            let val = args.next().unwrap_or_else(Val::any);
            frame.env.slots.push(Slot { name: name.clone(), var: None, val, kind: SlotKind::Own });
        }
        prepare(&mut frame);
        self.body(&mut frame, &function, handler != Some(false))
    }

    /// `used` says whether somebody looks at what it gives.
    fn body(&mut self, frame: &mut Frame, function: &Function, used: bool) -> Val {
        if self.depth >= DEEPEST {
            return Val::any();
        }
        self.depth += 1;
        let used = used || !self.discards(frame.unit, function.end);
        let value = self.statements(frame, &function.body, used, false);
        self.depth -= 1;
        if !frame.env.dead {
            frame.returned(value);
        }
        frame.returns.take().unwrap_or_else(|| Ty::Never.into())
    }

    /// Whether the block that ends at a brace throws its last value away.
    fn discards(&self, unit: usize, end: Position) -> bool {
        match (end.line(), end.position()) {
            (Some(line), Some(column)) => self.units[unit].text.ends_in_semicolon(line, column),
            _ => false,
        }
    }

    /// Keeps a closure in mind, should nobody call it.
    pub fn later(&mut self, closure: &Closure, phase: Phase) {
        // Whoever calls it may do so at any time, and runs are what scripts are for.
        let _ = phase;
        self.pending.push((closure.clone(), Phase::Run));
    }

    /// Whether there is still time to look at another expression.
    pub fn step(&mut self) -> bool {
        self.steps += 1;
        self.steps < LONGEST
    }

    /// Notes a finding, unless it is not certain yet.
    pub fn report(&mut self, code: &'static str, place: Place, message: impl Into<String>, hint: Option<String>) {
        if self.quiet > 0 {
            return;
        }
        let finding = Finding {
            severity: codes::find(code).map_or(Severity::Error, |code| code.severity),
            code,
            message: message.into(),
            hint,
            file: self.units[place.unit].file.clone(),
            line: place.line,
            column: place.column,
        };
        self.findings.entry((place, code)).or_insert(finding);
    }

    /// Reads the modules that a file imports by a literal path.
    fn find_imports(&mut self, unit: usize, ast: &AST) {
        let mut found = Vec::new();
        super::survey::each_statement(ast, &mut |statement| {
            if let Stmt::Import(import, _) = statement {
                let (path, alias) = &**import;
                found.push((path.clone(), alias.name.clone()));
            }
        });
        // Loading says where libraries import libraries too deeply.
        if self.importing >= FARTHEST {
            return;
        }
        for (path, alias) in found {
            let Expr::StringConstant(text, position) = &path else {
                self.units[unit].imports.insert(alias, None);
                continue;
            };
            let place = Place::new(unit, *position);
            let number = match self.imports.locate(text) {
                Ok(file) => self.import(&file, text, place),
                Err(error) => {
                    self.report("import", place, error.message.clone(), error.hint.clone());
                    None
                }
            };
            self.units[unit].imports.insert(alias, number);
        }
    }

    fn import(&mut self, file: &std::path::Path, path: &str, place: Place) -> Option<usize> {
        let name = file.display().to_string();
        if let Some(known) = self.units.iter().position(|unit| unit.file.as_deref() == Some(&name)) {
            return Some(known);
        }
        let source = match std::fs::read_to_string(file) {
            Ok(source) => source,
            Err(error) => {
                self.report("import", place, format!("the module `{path}` cannot be read: {error}"), None);
                return None;
            }
        };
        match engine::parse(self.engine, &source, &name) {
            Ok(ast) => {
                self.importing += 1;
                let number = self.add(Some(name), Arc::new(ast), &source);
                self.importing -= 1;
                Some(number)
            }
            // Loading it says what is wrong.
            Err(_) => None,
        }
    }

    /// Constants of the top level are seen by functions that stand before them too.
    fn constants(&mut self, unit: usize, ast: &AST) {
        self.quiet += 1;
        let mut frame = Frame::new(unit, Phase::Load);
        for statement in ast.statements() {
            if let Stmt::Var(var, flags, _) = statement {
                let (name, value, _) = &**var;
                if flags.intersects(rhai::ASTFlags::CONSTANT) {
                    let val = self.expr(&mut frame, value);
                    let at = Place::new(unit, name.pos);
                    let variable = self.declare(name.name.clone(), at, true);
                    let slot = Slot { name: name.name.clone(), var: Some(variable), val, kind: SlotKind::Constant };
                    frame.env.slots.push(slot.clone());
                    self.units[unit].constants.insert(name.name.clone(), slot);
                } else {
                    self.units[unit].globals.insert(name.name.clone());
                }
            }
        }
        self.quiet -= 1;
    }

    /// The number of a declaration; the same one each time it is come by.
    pub fn declare(&mut self, name: ImmutableString, place: Place, constant: bool) -> usize {
        if let Some(known) = self.declared.get(&place) {
            return *known;
        }
        self.variables.push(Variable { name, place, read: false, constant });
        self.declared.insert(place, self.variables.len() - 1);
        self.variables.len() - 1
    }

    pub fn unused_variables(&mut self) {
        let unused: Vec<_> = self
            .variables
            .iter()
            .filter(|variable| !variable.read && !variable.name.starts_with('_') && variable.place.unit == 0)
            .map(|variable| (variable.name.clone(), variable.place, variable.constant))
            .collect();
        for (name, place, constant) in unused {
            let what = if constant { "constant" } else { "variable" };
            let hint = Some(format!("take it away, or call it `_{name}`"));
            self.report("unused-variable", place, format!("the {what} `{name}` is never used"), hint);
        }
    }
}
