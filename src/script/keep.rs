//! What was tried at a prompt as a script that stays.

use std::collections::BTreeSet;

use super::pieces::{Kind, Statement, pieces, statements};

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

/// The parts of a script before they are put together.
#[derive(Default)]
struct Parts {
    /// Imports, constants and functions: what functions see, too.
    top: Vec<String>,
    body: Vec<String>,
}

/// All inputs, in their order. `name` is that of the trigger.
pub fn whole(inputs: &[Input], name: &str, begin: Begin) -> String {
    let mut parts = Parts::default();
    for (n, input) in inputs.iter().enumerate() {
        for (statement, last) in in_order(&input.text) {
            if last && gives(&statement) {
                match (is_asked_for(&inputs[n + 1..]), input.gave) {
                    (_, false) => parts.add(&statement),
                    (true, true) => parts.body.push(format!("let it = {};", statement.text)),
                    (false, true) => parts.body.push(format!("print({});", statement.text)),
                }
            } else {
                parts.add(&statement);
            }
        }
    }
    parts.script(name, begin)
}

/// A block, with what it uses of the inputs before it.
pub fn block(inputs: &[Input], block: &str, name: &str, begin: Begin) -> String {
    let block = inside(block.trim());
    let mut wanted = names(block);
    let mut used = Vec::new();
    for input in inputs.iter().rev() {
        for (statement, last) in in_order(&input.text).into_iter().rev() {
            let text = if last && gives(&statement) && input.gave {
                wanted.remove("it").then(|| format!("let it = {};", statement.text))
            } else {
                // An earlier declaration of the same name is not the one that was meant.
                statement.declares().and_then(|name| wanted.remove(name).then(|| statement.text.to_owned()))
            };
            if let Some(text) = text {
                // What it declares is not what it uses, unless it stands on both sides.
                let body = match statement.head {
                    "let" | "const" => statement.text.split_once('=').map_or("", |(_, value)| value),
                    _ => statement.text,
                };
                wanted.extend(
                    names(body).into_iter().filter(|name| {
                        !matches!(statement.head, "fn" | "private") || statement.declares() != Some(name)
                    }),
                );
                used.push(text);
            }
        }
    }
    let mut parts = Parts::default();
    for text in used.iter().rev() {
        for statement in statements(text) {
            parts.add(&statement);
        }
    }
    parts.body.push(block.to_owned());
    parts.script(name, begin)
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

impl Parts {
    fn add(&mut self, statement: &Statement) {
        let text = statement.text;
        let line = if statement.is_block() { text.to_owned() } else { format!("{text};") };
        match statement.head {
            "fn" | "private" => {
                let own = function(statement);
                self.top.retain(|other| statements(other).first().and_then(function) != own);
                self.top.push(line);
            }
            "import" if !self.top.contains(&line) => self.top.push(line),
            "import" => {}
            // What asks a service cannot stand where the script loads.
            "const" if !text.contains('(') => {
                let own = statement.declares();
                self.top.retain(|other| statements(other).first().and_then(Statement::declares) != own);
                self.top.push(line);
            }
            _ => self.body.push(line),
        }
    }

    fn script(self, name: &str, begin: Begin) -> String {
        let (head, call) = match begin {
            Begin::Start => (
                "//! Kept from a session. It runs when the daemon starts; with `cron(\"0 8 * * *\", …)` in place of\n\
                 //! `on_start(…)` it runs by the clock.\n",
                format!("on_start({name:?}, || {{\n"),
            ),
            Begin::Cron(expression) => {
                ("//! Kept from a session.\n", format!("cron({expression:?}, {name:?}, || {{\n"))
            }
        };
        let mut text = head.to_owned();
        for line in self.top {
            text += &format!("\n{line}\n");
        }
        text += &format!("\n{call}");
        for line in self.body {
            text += &indented(&line);
        }
        text + "});\n"
    }
}

/// Each with whether it is the last one of the input.
fn in_order(text: &str) -> Vec<(Statement<'_>, bool)> {
    let all = statements(text);
    let count = all.len();
    all.into_iter().enumerate().map(|(n, statement)| (statement, n + 1 == count)).collect()
}

fn gives(statement: &Statement) -> bool {
    statement.is_expression() && !statement.ended
}

/// Whether `it` is read before there is another one.
fn is_asked_for(later: &[Input]) -> bool {
    for input in later {
        if names(&input.text).contains("it") {
            return true;
        }
        if input.gave {
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

/// The words that may be names of variables or functions.
fn names(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut after_dot = false;
    for piece in pieces(text) {
        let word = &text[piece.range];
        if piece.kind == Kind::Word && !after_dot {
            names.insert(word.to_owned());
        }
        // `..` is a range, and what follows it is a name.
        after_dot = piece.kind == Kind::Sign && word == "." && !after_dot;
    }
    names
}

/// A block without its braces.
fn inside(text: &str) -> &str {
    match statements(text).as_slice() {
        [only] if only.head == "{" && only.text == text => text[1..text.len() - 1].trim(),
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
        let script = whole(&inputs, "guard", Begin::Start);
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
            block(&inputs, "{\n    if fast(d.speed()) { d.stop_transfers(); }\n}", "slow", Begin::Cron("@hourly"));
        let expected = "//! Kept from a session.\n\nfn fast(s) { s.up > 5 }\n\ncron(\"@hourly\", \"slow\", || {\n    \
                        let d = downloader(\"box\");\n    if fast(d.speed()) { d.stop_transfers(); }\n});\n";
        assert_eq!(script, expected);
        assert!(block(&inputs, "info(it)", "x", Begin::Start).contains("    let it = d.other;\n    info(it)\n"));
    }

    #[test]
    fn what_came_before_is_read_as_one_script() {
        let inputs = inputs(&[("fn f() { 1 }", false), ("f() // one", true), ("let x = it;", false)]);
        assert_eq!(prelude(&inputs, "x"), "fn f() { 1 }\n;let it = f()\n;let x = it\n;");
        assert_eq!(prelude(&inputs, "fn f() { 2 }"), "let it = f()\n;let x = it\n;");
    }
}
