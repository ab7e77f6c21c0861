//! What was tried at a prompt as a script that stays.

use std::collections::BTreeSet;

use crate::error::Result;

use super::check::names::{Names, names};
use super::pieces::{Kind, Statement, pieces, statements};

mod top;

/// One input that went well.
#[derive(Clone, Debug)]
pub struct Input {
    pub text: String,
    /// Whether it had a value, which was shown.
    pub gave: bool,
}

/// What makes the script run.
#[derive(Clone, Copy, Debug)]
pub enum Begin<'a> {
    /// The start of the daemon.
    Start,
    /// A crontab expression.
    Cron(&'a str),
}

/// One statement of the script that is made.
struct Step {
    text: String,
    what: What,
    names: Names,
}

/// What the statements after it know of one.
#[derive(Clone, Debug, Eq, PartialEq)]
enum What {
    /// Name and number of parameters.
    Function(String, usize),
    /// The name that a module has here.
    Import(String),
    Const(String),
    Let(String),
    /// It had a value, which is `it` from then on.
    Value,
    Other,
}

/// All inputs, in their order. `name` is that of the trigger.
///
/// # Errors
/// `argument` where a function sees in the session what it cannot see in a script.
pub fn whole(inputs: &[Input], name: &str, begin: Begin) -> Result<String> {
    let mut steps = steps(inputs);
    for n in 0..steps.len() {
        if steps[n].what == What::Value {
            let asked = is_asked_for(&steps[n + 1..]);
            steps[n].text =
                if asked { format!("let it = {};", steps[n].text) } else { format!("print({});", steps[n].text) };
        }
    }
    script(steps, name, begin)
}

/// A block, with what it uses of the inputs before it.
///
/// # Errors
/// As [`whole`].
pub fn block(inputs: &[Input], block: &str, name: &str, begin: Begin) -> Result<String> {
    let block = inside(block.trim());
    let own = names(block);
    let mut wanted = Wanted::default();
    wanted.add(&own);
    let mut used: Vec<(usize, Step)> = Vec::new();
    let mut left: Vec<_> = steps(inputs).into_iter().enumerate().collect();
    // A function may use what was declared after it, so one round need not be enough.
    loop {
        let before = used.len();
        for (n, mut step) in std::mem::take(&mut left).into_iter().rev() {
            match wanted.takes(&step) {
                None => {
                    left.push((n, step));
                    continue;
                }
                Some(Taken::Value) => step.text = format!("let it = {};", step.text),
                Some(Taken::Whole) if step.what == What::Value => step.text.push(';'),
                Some(Taken::Whole) => {}
            }
            match step.what {
                What::Function(..) => wanted.add_of_function(&step.names),
                _ => wanted.add(&step.names),
            }
            used.push((n, step));
        }
        left.reverse();
        if used.len() == before {
            break;
        }
    }
    used.sort_by_key(|(n, _)| *n);
    let mut steps: Vec<_> = used.into_iter().map(|(_, step)| step).collect();
    steps.push(Step { text: block.to_owned(), what: What::Other, names: own });
    script(steps, name, begin)
}

/// As the next input meets them: `it` is the last value, and of functions of one name the last one counts.
pub(super) fn prelude(inputs: &[Input], next: &str) -> String {
    let mut later: BTreeSet<_> = statements(next).iter().filter_map(function).collect();
    let mut lines = Vec::new();
    for input in inputs.iter().rev() {
        for (statement, last) in in_order(&input.text).into_iter().rev() {
            if function(&statement).is_some_and(|function| !later.insert(function)) {
                continue;
            }
            let value = last && gives(&statement) && input.gave;
            lines.push(format!("{}{}\n;", if value { "let it = " } else { "" }, statement.text));
        }
    }
    lines.reverse();
    lines.concat()
}

/// The imports among the statements of an input: the name of each module, and the statement.
pub(super) fn imports(text: &str) -> Vec<(String, String)> {
    let all = in_order(text).into_iter().map(|(statement, _)| statement);
    all.filter_map(|statement| Some((statement.imports()?.to_owned(), format!("{};", statement.text)))).collect()
}

/// What a block needs of the inputs before it.
#[derive(Default)]
struct Wanted {
    variables: BTreeSet<String>,
    /// Functions see nothing else of what stands around them.
    constants: BTreeSet<String>,
    functions: BTreeSet<String>,
    modules: BTreeSet<String>,
    /// Those that are there already: an earlier one of the same kind is not the one that was meant.
    taken: BTreeSet<(String, usize)>,
}

/// How a statement is taken along.
enum Taken {
    Whole,
    /// For its value.
    Value,
}

impl Wanted {
    fn add(&mut self, names: &Names) {
        self.variables.extend(names.variables.iter().cloned());
        self.add_of_function(names);
    }

    fn add_of_function(&mut self, names: &Names) {
        self.constants.extend(names.variables.iter().cloned());
        self.functions.extend(names.functions.union(&names.variables).cloned());
        self.modules.extend(names.modules.iter().cloned());
    }

    fn takes(&mut self, step: &Step) -> Option<Taken> {
        let wanted = match &step.what {
            What::Function(name, params) => {
                return (self.functions.contains(name) && self.taken.insert((name.clone(), *params)))
                    .then_some(Taken::Whole);
            }
            What::Import(name) => self.modules.remove(name),
            What::Const(name) => {
                let read = self.variables.remove(name);
                self.constants.remove(name) || read
            }
            What::Let(name) => self.variables.remove(name),
            What::Value if self.variables.remove("it") => return Some(Taken::Value),
            What::Value | What::Other => false,
        };
        (wanted || !self.variables.is_disjoint(&step.names.changed)).then_some(Taken::Whole)
    }
}

impl Step {
    fn new(statement: &Statement, value: bool) -> Self {
        let own = || statement.declares().unwrap_or_default().to_owned();
        let what = match (statement.head, function(statement)) {
            (_, Some((name, params))) => What::Function(name, params),
            ("import", _) => What::Import(statement.imports().unwrap_or_default().to_owned()),
            ("const", _) => What::Const(own()),
            ("let", _) => What::Let(own()),
            _ if value => What::Value,
            _ => What::Other,
        };
        let text = statement.text.to_owned();
        let text = if what == What::Value || statement.is_block() { text } else { format!("{text};") };
        Self { what, names: names(statement.text), text }
    }
}

fn steps(inputs: &[Input]) -> Vec<Step> {
    let each = |input: &Input| -> Vec<Step> {
        let all = in_order(&input.text).into_iter();
        all.map(|(statement, last)| Step::new(&statement, last && gives(&statement) && input.gave)).collect()
    };
    inputs.iter().flat_map(each).collect()
}

fn script(steps: Vec<Step>, name: &str, begin: Begin) -> Result<String> {
    let top = top::split(&steps)?;
    let (head, call) = match begin {
        Begin::Start => (
            "//! Kept from a session. It runs when the daemon starts; with `cron(\"0 8 * * *\", …)` in place of\n\
             //! `on_start(…)` it runs by the clock.\n",
            format!("on_start({name:?}, || {{\n"),
        ),
        Begin::Cron(expression) => ("//! Kept from a session.\n", format!("cron({expression:?}, {name:?}, || {{\n")),
    };
    let (mut text, mut body) = (head.to_owned(), String::new());
    for (step, place) in steps.iter().zip(top) {
        match place {
            top::Place::Top => text += &format!("\n{}\n", step.text),
            top::Place::Body => body += &indented(&step.text),
            top::Place::Gone => {}
        }
    }
    Ok(format!("{text}\n{call}{body}}});\n"))
}

/// Each statement that was run, with whether it is the last one of the input.
fn in_order(text: &str) -> Vec<(Statement<'_>, bool)> {
    let mut all = statements(text);
    // What follows a `return` was not run, and what it returned is the value of the input.
    if let Some(end) = all.iter().position(|statement| statement.head == "return") {
        let value = all[end].text["return".len()..].trim();
        all.truncate(end);
        all.extend(statements(value).into_iter().take(1));
    }
    let count = all.len();
    all.into_iter().enumerate().map(|(n, statement)| (statement, n + 1 == count)).collect()
}

fn gives(statement: &Statement) -> bool {
    statement.is_expression() && !statement.ended
}

/// Whether `it` is read before there is another one.
fn is_asked_for(later: &[Step]) -> bool {
    for step in later {
        if step.names.variables.contains("it") {
            return true;
        }
        if step.what == What::Value {
            break;
        }
    }
    false
}

/// Name and number of parameters.
fn function(statement: &Statement) -> Option<(String, usize)> {
    if !matches!(statement.head, "fn" | "private") {
        return None;
    }
    let params = statement.text.split_once('(')?.1.split_once(')')?.0;
    Some((statement.declares()?.to_owned(), params.split(',').filter(|param| !param.trim().is_empty()).count()))
}

/// A block without its braces.
fn inside(text: &str) -> &str {
    let bare = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    match (statements(text).as_slice(), bare) {
        ([only], Some(bare)) if only.head == "{" && only.text == text => bare.trim(),
        _ => text,
    }
}

/// Moved to the right, but for lines that go on inside a text.
fn indented(text: &str) -> String {
    let over_lines = |range: std::ops::Range<usize>| text[range].contains('\n');
    if pieces(text).into_iter().any(|piece| piece.kind == Kind::Text && over_lines(piece.range)) {
        return format!("    {text}\n");
    }
    text.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("    {line}\n") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(texts: &[(&str, bool)]) -> Vec<Input> {
        texts.iter().map(|(text, gave)| Input { text: (*text).into(), gave: *gave }).collect()
    }

    #[test]
    fn a_session_becomes_a_script_with_one_trigger() {
        let inputs = inputs(&[
            ("const STOP = 90", false),
            ("fn over(x) { x > STOP - 1 }", false),
            ("fn over(x) { x > STOP }", false),
            ("let v = vps();\nv.data_usage().percent", true),
            ("over(it)", true),
            ("if over(95) {\n    info(`over`);\n}", false),
        ]);
        let script = whole(&inputs, "guard", Begin::Start).unwrap();
        let expected = "\nconst STOP = 90;\n\nfn over(x) { x > STOP }\n\non_start(\"guard\", || {\n    let v = vps();\n    \
                        let it = v.data_usage().percent;\n    print(over(it));\n    if over(95) {\n        info(`over`);\n    }\n});\n";
        assert!(script.ends_with(expected), "{script}");
    }

    #[test]
    fn a_block_takes_along_what_it_uses_and_nothing_else() {
        let inputs = inputs(&[
            ("let other = 1", false),
            ("let d = downloader(\"nas\")", false),
            ("let d = downloader(\"box\")", false),
            ("fn fast(s) { s.up > 5 }", false),
            ("d.other", true),
        ]);
        let script =
            block(&inputs, "{\n    if fast(d.speed()) { d.stop_transfers(); }\n}", "slow", Begin::Cron("@hourly"))
                .unwrap();
        let expected = "//! Kept from a session.\n\nfn fast(s) { s.up > 5 }\n\ncron(\"@hourly\", \"slow\", || {\n    \
                        let d = downloader(\"box\");\n    if fast(d.speed()) { d.stop_transfers(); }\n});\n";
        assert_eq!(script, expected);
        let script = block(&inputs, "info(it)", "x", Begin::Start).unwrap();
        assert!(script.contains("    let it = d.other;\n    info(it)\n"));
    }

    #[test]
    fn what_came_before_is_read_as_one_script() {
        let inputs = inputs(&[("fn f() { 1 }", false), ("f() // one", true), ("let x = it;", false)]);
        assert_eq!(prelude(&inputs, "x"), "fn f() { 1 }\n;let it = f()\n;let x = it\n;");
        assert_eq!(prelude(&inputs, "fn f() { 2 }"), "let it = f()\n;let x = it\n;");
    }

    /// The statements that a block takes along, and its own.
    fn taken(texts: &[(&str, bool)], text: &str) -> String {
        let script = block(&inputs(texts), text, "x", Begin::Cron("@hourly")).unwrap();
        script
            .trim_start_matches("//! Kept from a session.\n")
            .lines()
            .map(|line| line.trim().to_owned() + "\n")
            .collect()
    }

    #[test]
    fn a_block_takes_along_what_became_of_its_variables() {
        let names = [("let names = []", false), ("names.push(\"tokyo\")", false), ("names.len()", true)];
        let script = taken(&names, "{ for n in names { info(n); } }");
        assert!(script.contains("let names = [];\nnames.push(\"tokyo\");\nfor n in names"), "{script}");
        let script = taken(&[("let m = #{}; let n = 1", false), ("m.limit = 80; n += 1", false)], "info(m.limit)");
        assert!(script.contains("let m = #{};\nm.limit = 80;\ninfo(m.limit)\n"), "{script}");
        let script =
            taken(&[("let a = [1]", false), ("if true { [2].for_each(|x| a.push(x)) }", false)], "info(`${a}`)");
        assert!(script.contains("for_each"), "{script}");
    }

    #[test]
    fn a_block_takes_nothing_along_that_is_its_own() {
        let inputs =
            [("let u = vps().data_usage()", false), ("let limit = vps().status()", false), ("u.percent", true)];
        let script = taken(&inputs, "{ let u = 5; let m = #{limit: u}; for it in [1] { info(`${m.limit} ${it}`); } }");
        assert!(!script.contains("vps()"), "{script}");
    }

    #[test]
    fn functions_bring_what_they_see() {
        let texts = [("fn over(p) { p > LIMIT }", false), ("const LIMIT = 80", false), ("const LIMIT = 90", false)];
        let script = taken(&texts, "if over(95) { info(\"x\") }");
        assert!(script.contains("const LIMIT = 90;") && !script.contains("80"), "{script}");
        let script = taken(&[("import \"_u\" as u", false), ("let x = 1", false)], "info(u::dbl(2))");
        assert!(script.starts_with("\nimport \"_u\" as u;\n"), "{script}");
    }

    #[test]
    fn what_is_not_closed_stays_as_it_is() {
        assert_eq!(inside("{ info(\"流量"), "{ info(\"流量");
        assert_eq!(inside("{ x"), "{ x");
        assert_eq!(inside("{ x }"), "x");
    }

    #[test]
    fn a_returned_value_is_that_of_the_input() {
        let inputs = inputs(&[("return 5; 6", true), ("it + 1", true)]);
        let script = whole(&inputs, "x", Begin::Start).unwrap();
        assert!(script.ends_with("{\n    let it = 5;\n    print(it + 1);\n});\n"), "{script}");
        assert_eq!(prelude(&inputs, ""), "let it = 5\n;let it = it + 1\n;");
    }

    #[test]
    fn constants_stand_at_the_top_where_they_can() {
        let kept = |texts: &[(&str, bool)]| whole(&inputs(texts), "x", Begin::Start);
        let base = [("let base = (80)", false), ("const LIMIT = base + 10", false), ("LIMIT", true)];
        let script = kept(&base).unwrap();
        assert!(script.contains("\nlet base = (80);\n\nconst LIMIT = base + 10;\n\non_start"), "{script}");
        // What changes on the way cannot.
        let script = kept(&[("let base = 80", false), ("base += 1", false), ("const LIMIT = base", false)]).unwrap();
        assert!(script.contains("    const LIMIT = base;\n"), "{script}");
        let script = kept(&[("let x = 1", false), ("const x = 2", false), ("x", true)]).unwrap();
        assert!(script.contains("    let x = 1;\n    const x = 2;\n    print(x);\n"), "{script}");
        let script = kept(&[("fn over(x) { x }", false), ("const over = 90", false), ("over(over)", true)]).unwrap();
        assert!(script.contains("fn over(x)") && script.contains("const over = 90;"), "{script}");
        let error = kept(&[("const U = vps().data_usage()", false), ("fn f() { U.percent }", false)]).unwrap_err();
        assert!(error.message.contains("`f`") && error.message.contains("`U`"), "{error:?}");
    }
}
