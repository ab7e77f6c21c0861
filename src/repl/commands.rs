//! What begins with a colon.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::config::Mode;
use crate::language::Language;
use crate::shown::Shown;
use crate::text::nearest;

use super::session::{Form, words};
use super::{Next, Repl};

/// One command.
pub(super) struct Command {
    pub name: &'static str,
    /// What follows it, as help shows it.
    pub args: &'static str,
    /// In English and in Chinese.
    pub doc: &'static str,
    pub zh: &'static str,
    pub takes: Takes,
    run: fn(&mut Repl, &str) -> Next,
}

/// What follows a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Takes {
    Nothing,
    /// The name of a function.
    Name,
    Pattern,
    Code,
    File,
    /// A crontab expression.
    Schedule,
    /// A crontab expression in quotes, a name, and perhaps a block.
    Cron,
}

impl Takes {
    /// The part of it that is code.
    pub(super) fn code(self, rest: &str) -> &str {
        match self {
            Self::Code => rest,
            Self::Cron => rest.find('{').map_or("", |at| &rest[at..]),
            _ => "",
        }
    }
}

macro_rules! commands {
    ($($name:literal $args:literal $takes:ident $doc:literal $zh:literal $run:expr;)*) => {
        &[$(Command { name: $name, args: $args, doc: $doc, zh: $zh, takes: Takes::$takes, run: $run },)*]
    };
}

pub(super) static COMMANDS: &[Command] = commands! {
    "help" "[NAME]" Name "What there is; with a name, what that function or endpoint does" "有哪些命令；带名字则说明该函数或接口" Repl::help;
    "endpoints" "[PATTERN]" Pattern "Endpoints with this in their name, path or description" "名称、路径或说明中含有该词的接口" Repl::endpoints;
    "type" "EXPR" Code "What an expression is, without evaluating it" "表达式的类型，不求值" Repl::type_of;
    "time" "EXPR" Code "How long it takes, and how many requests" "耗时与请求数" Repl::time;
    "json" "[EXPR]" Code "The last result, or this one, as JSON" "以 JSON 显示上一个结果，或该表达式的结果" |repl, rest| repl.result_as(rest, Form::Json);
    "table" "[EXPR]" Code "The last result, or this one, as a table or a tree" "以表格或树显示上一个结果，或该表达式的结果" |repl, rest| repl.result_as(rest, Form::Drawn);
    "would" "" Nothing "What the last input would have changed" "上一条输入本会改变什么" Repl::would;
    "calls" "" Nothing "The requests that the last input sent" "上一条输入发出的请求" Repl::calls;
    "live" "" Nothing "From now on really do what is typed" "从现在起真正执行" |repl, _| repl.switch(Mode::Live);
    "dry" "" Nothing "From now on only say what would be done (the default)" "从现在起只演练（默认）" |repl, _| repl.switch(Mode::Watch);
    "vars" "" Nothing "The variables" "变量" Repl::vars;
    "reset" "" Nothing "Forget variables, functions and inputs" "忘记变量、函数与输入" Repl::forget;
    "next" "EXPR" Schedule "When a crontab expression fires" "crontab 表达式何时触发" Repl::next_times;
    "load" "FILE" File "Evaluate a file here" "在此执行一个文件" Repl::load;
    "edit" "" Nothing "Write the next input in $VISUAL or $EDITOR, beginning with the last one" "用 $VISUAL 或 $EDITOR 编写下一条输入，从上一条开始" Repl::edit;
    "save" "FILE" File "Keep the good inputs as a script that runs at start" "把成功的输入存为脚本，启动时运行" Repl::save;
    "cron" "\"EXPR\" NAME [{ … }]" Cron "Keep the last input, or a block, as a script that runs by the clock" "把上一条输入或一个代码块存为定时脚本" Repl::cron;
    "replay" "[FILE]" File "Have services answer as in a run that `exec --record` kept; alone, as they are again" "让服务按 `exec --record` 录下的那次运行应答；不带文件则恢复" Repl::replay;
    "quit" "" Nothing "Leave; so does Ctrl-D" "退出；Ctrl-D 亦可" |_, _| Next::Quit;
};

impl Command {
    pub(super) fn doc(&self, language: Language) -> &'static str {
        language.pick(self.doc, self.zh)
    }
}

/// The name of a command and what follows it.
pub(super) fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '?')).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

/// The command of a name, or of the only one that begins so.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    let name = if name == "?" || name == "h" { "help" } else { name };
    let exact = COMMANDS.iter().find(|command| command.name == name);
    exact.or_else(|| {
        let mut found = COMMANDS.iter().filter(|command| !name.is_empty() && command.name.starts_with(name));
        found.next().filter(|_| found.next().is_none())
    })
}

impl Repl {
    /// `text` is what follows the colon.
    pub(super) fn command(&mut self, text: &str) -> Next {
        let (name, rest) = split(text);
        let Some(command) = find(name) else {
            let near = nearest(name, COMMANDS.iter().map(|command| command.name));
            let near = near.map_or_else(|| "`:help` lists them".to_owned(), |near| format!("did you mean `:{near}`?"));
            return self.fail(&format!("there is no command `:{name}`"), &near);
        };
        if command.takes == Takes::Nothing && !rest.is_empty() {
            return self.fail(&format!("`:{}` takes nothing, not `{rest}`", command.name), "leave it away");
        }
        let needed = !command.args.is_empty() && !command.args.starts_with('[');
        if needed && rest.is_empty() {
            return self.fail(
                &format!("`:{}` needs something to work on", command.name),
                &format!("write `:{} {}`", command.name, command.args),
            );
        }
        self.guarded(|repl| (command.run)(repl, rest))
    }

    /// A fault of ours in a command is no reason to lose the session.
    pub(super) fn guarded(&mut self, work: impl FnOnce(&mut Self) -> Next) -> Next {
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|panic| self.panicked(&words(panic)))
    }

    /// `message` and `hint` are in English; shown they are in the person's language.
    pub(super) fn fail(&self, message: &str, hint: &str) -> Next {
        let language = self.host.config.language;
        let hint = match hint {
            "" => String::new(),
            hint => format!("\n{}{}", language.pick("hint: ", "提示："), language.say(hint)),
        };
        self.screen.error(&format!("{}{}{hint}", language.pick("error: ", "错误："), language.say(message)));
        Next::Failed
    }

    /// All commands.
    pub(super) fn overview(&self) {
        let language = self.host.config.language;
        let intro = language.pick(
            "Type an expression: `vps().data_usage().percent`, `pbh().top_peers(5)`. `it` is the last result.\n",
            "输入表达式：`vps().data_usage().percent`、`pbh().top_peers(5)`。`it` 是上一个结果。\n",
        );
        let rows = COMMANDS.iter().map(|command| {
            let head = format!(":{} {}", command.name, command.args);
            (head.trim().to_owned(), Shown::Other(command.doc(language).to_owned()))
        });
        let table = Shown::Map(rows.collect()).draw(self.screen.look());
        self.screen.long(&format!("{intro}\n{table}"));
    }

    fn switch(&mut self, mode: Mode) -> Next {
        self.mode = mode;
        let language = self.host.config.language;
        self.screen.line(match mode {
            Mode::Live => language.pick("live: what you type is really done", "实际执行：输入的内容会真正生效"),
            Mode::Watch => language.pick("dry run: nothing is changed", "演练：什么都不会改变"),
        });
        Next::Go
    }

    fn result_as(&mut self, rest: &str, form: Form) -> Next {
        if !rest.is_empty() {
            return self.eval_as(rest, "input", form);
        }
        self.show_last(form);
        Next::Go
    }

    fn forget(&mut self, _: &str) -> Next {
        self.reset();
        let language = self.host.config.language;
        self.screen.line(language.pick("variables, functions and inputs are forgotten", "变量、函数与输入均已忘记"));
        Next::Go
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_what_tells_them_apart() {
        assert_eq!(find("quit").map(|command| command.name), Some("quit"));
        assert_eq!(find("q").map(|command| command.name), Some("quit"));
        assert_eq!(find("?").map(|command| command.name), Some("help"));
        assert!(find("").is_none() && find("e").is_none() && find("nothing").is_none());
        assert_eq!(split(" cron \"@hourly\" x"), ("cron", "\"@hourly\" x"));
        assert_eq!(split("json it"), ("json", "it"));
    }

    #[test]
    fn each_is_described_in_both_languages() {
        for command in COMMANDS {
            assert!(!command.doc.is_empty() && !command.zh.is_empty(), "{}", command.name);
        }
    }
}
