//! The command line as clap sees it: in English as it stands beside each command, in Chinese by the table of words.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use clap::builder::Resettable;
use clap::{Command, CommandFactory as _};

use super::words::{COMMON, WORDS, Words};
use super::{Arguments, Color};
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::language::Language;

/// The frame of a help text in Chinese.
const TEMPLATE: &str = "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// The whole command line, in English.
pub fn english() -> Command {
    brief(Arguments::command())
}

/// The path of every command that is shown: `history show`; empty for the program itself.
pub fn names() -> Vec<String> {
    all().into_iter().map(|(path, _)| path).collect()
}

/// Every command that is shown, with its path.
fn all() -> Vec<(String, Command)> {
    fn walk(command: &Command, path: String, found: &mut Vec<(String, Command)>) {
        let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
        let below: Vec<_> = below.map(|below| (format!("{path} {}", below.get_name()), below.clone())).collect();
        found.push((path, command.clone()));
        for (path, below) in below {
            walk(&below, path.trim_start().to_owned(), found);
        }
    }
    let mut command = english();
    command.build();
    let mut found = Vec::new();
    walk(&command, String::new(), &mut found);
    found
}

/// The whole command line, with its help in Chinese.
pub fn chinese() -> Command {
    let mut command = english();
    // What clap adds by itself is there then too, and can be put into words.
    command.build();
    translated(command, "")
}

/// `-h` stays short: examples are in `--help` only.
fn brief(command: Command) -> Command {
    let command = match command.get_after_help().cloned() {
        Some(examples) => command.after_help(Resettable::Reset).after_long_help(examples),
        None => command,
    };
    command.mut_subcommands(brief)
}

/// A command and those below it. What the table lacks stays in English.
fn translated(command: Command, path: &str) -> Command {
    let words = WORDS.iter().find(|words| words.command == path);
    let examples = command.get_after_long_help().map(ToString::to_string);
    let mut command = command.help_template(TEMPLATE).subcommand_help_heading("命令").mut_args(|argument| {
        let heading = if argument.is_positional() { "参数" } else { "选项" };
        let argument = argument.help_heading(heading);
        match meant(words, argument.get_id().as_str()) {
            Some(help) => argument.help(help).long_help(Resettable::Reset),
            None => argument,
        }
    });
    if let Some(words) = words {
        command = command.about(words.about);
        command = match words.more {
            "" => command.long_about(Resettable::Reset),
            more => command.long_about(format!("{}\n\n{more}", words.about)),
        };
    } else if path == "help" || path.ends_with(" help") {
        command = command.about("显示帮助");
    }
    // What an English sentence behind the examples says, the table says.
    command = match examples.as_deref().and_then(|text| text.split("\n\n").next()) {
        Some(examples) if examples.starts_with("Example") => {
            command.after_long_help(examples.replace("Examples:", "示例：").replace("Example:", "示例："))
        }
        _ => command.after_long_help(Resettable::Reset),
    };
    command.mut_subcommands(|below| {
        let name = if path.is_empty() { below.get_name().to_owned() } else { format!("{path} {}", below.get_name()) };
        translated(below, &name)
    })
}

fn meant(words: Option<&Words>, id: &str) -> Option<&'static str> {
    let own = words.into_iter().flat_map(|words| words.arguments);
    own.chain(COMMON).find(|(known, _)| *known == id).map(|(_, help)| *help)
}

/// What is wrong with the arguments, for a program.
pub(super) fn misuse(error: &clap::Error) -> Error {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    Error::new(Kind::Argument, first.strip_prefix("error: ").unwrap_or(first)).hint("`--help` shows what there is")
}

/// Prints help, or what is wrong with the arguments, in the language and the colours of the reader.
pub(super) fn show(error: clap::Error, args: &[OsString], env: &dyn Fn(&str) -> Option<String>) {
    let language = language(args, env);
    let error = anew(error, args, language);
    if error.use_stderr() && language == Language::Chinese {
        let _ = write!(std::io::stderr().lock(), "{}", in_chinese(&error.to_string()));
    } else {
        let _ = error.print();
    }
}

/// What clap says is wrong, line by line.
fn in_chinese(text: &str) -> String {
    let line = |line: &str| {
        let words = line.trim_start();
        format!("{}{}\n", &line[..line.len() - words.len()], Language::Chinese.say(words))
    };
    text.lines().map(line).collect()
}

/// The same error from a command line that speaks this language.
fn anew(error: clap::Error, args: &[OsString], language: Language) -> clap::Error {
    let choice = match color(args) {
        Some(Color::Always) => clap::ColorChoice::Always,
        Some(Color::Never) => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    };
    let command = match language {
        Language::Chinese => chinese(),
        Language::English => english(),
    };
    command.color(choice).try_get_matches_from(args).err().unwrap_or(error)
}

/// What help and errors of the command line are shown in: whatever is wrong with the arguments or the configuration,
/// they can be shown.
fn language(args: &[OsString], env: &dyn Fn(&str) -> Option<String>) -> Language {
    let file = flag(args, "--config").or_else(|| env("TIDEGATE_CONFIG").filter(|file| !file.is_empty()));
    let configured = std::env::current_dir().ok().and_then(|cwd| {
        Config::open(file.as_deref().map(Path::new), &|name| env(name), &cwd).ok().map(|config| config.language)
    });
    configured.unwrap_or_else(|| Language::of_locale(env))
}

/// Whether colours were asked for or refused, in whatever place.
fn color(args: &[OsString]) -> Option<Color> {
    match flag(args, "--color").as_deref() {
        Some("always") => Some(Color::Always),
        Some("never") => Some(Color::Never),
        _ => None,
    }
}

/// `--flag VALUE` or `--flag=VALUE`.
fn flag(args: &[OsString], name: &str) -> Option<String> {
    let mut args = args.iter().filter_map(|arg| arg.to_str());
    while let Some(arg) = args.next() {
        if arg == name {
            return args.next().map(Into::into);
        }
        if let Some(value) = arg.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
            return Some(value.into());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)) && !text.ends_with('.')
    }

    #[test]
    fn every_command_and_argument_has_both_languages() {
        let mut lacking = Vec::new();
        let commands = all();
        for (path, command) in &commands {
            assert!(command.get_about().is_some_and(|about| !is_chinese(&about.to_string())), "`{path}` says nothing");
            let words = WORDS.iter().find(|words| words.command == path);
            if !words.is_some_and(|words| is_chinese(words.about) && (words.more.is_empty() || is_chinese(words.more)))
            {
                lacking.push(format!("`{path}`"));
            }
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let id = argument.get_id().as_str();
                let english = argument.get_help().map(ToString::to_string).unwrap_or_default();
                // One word of a place says enough where it is the argument's name.
                assert!(!english.is_empty() || argument.is_positional(), "`{path}`: `{id}` has no help");
                if !meant(words, id).is_some_and(|help| is_chinese(help) || help.starts_with('`')) {
                    lacking.push(format!("`{path}`: the argument `{id}`"));
                }
            }
        }
        assert!(lacking.is_empty(), "src/cli/words.rs lacks:\n{}", lacking.join("\n"));
        let known: BTreeSet<_> = commands.iter().map(|(path, _)| path.as_str()).collect();
        for words in WORDS {
            assert!(known.contains(words.command), "there is no command `{}`", words.command);
            let own: Vec<_> = commands.iter().filter(|(path, _)| path == words.command).collect();
            for (id, _) in words.arguments {
                assert!(own[0].1.get_arguments().any(|one| one.get_id() == id), "`{}` has no `{id}`", words.command);
            }
        }
    }

    #[test]
    fn a_help_text_is_of_one_language() {
        let help = |args: &[&str]| chinese().try_get_matches_from(args).unwrap_err().to_string();
        let text = help(&["tidegate", "logs", "--help"]);
        for part in ["用法：tidegate logs", "选项:", "-f, --follow", "继续显示新写的日志", "示例： tidegate logs -f"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("Options") && !text.contains("Only"), "{text}");
        let short = help(&["tidegate", "logs", "-h"]);
        assert!(!short.contains("示例：") && short.lines().count() < text.lines().count(), "{short}");
        let whole = help(&["tidegate", "--help"]);
        assert!(whole.contains("命令:") && whole.contains("守护进程"), "{whole}");
        assert!(!whole.contains("Print") && !whole.contains("Start with"), "{whole}");
        // It parses what the other one does.
        assert!(chinese().try_get_matches_from(["tidegate", "logs", "-f", "--level", "warn"]).is_ok());
    }

    #[test]
    fn what_is_wrong_with_arguments_is_said_in_chinese() {
        let said = |args: &str| {
            let args: Vec<_> = std::iter::once("tidegate").chain(args.split(' ')).map(OsString::from).collect();
            let error = english().try_get_matches_from(&args).unwrap_err();
            in_chinese(&anew(error, &args, Language::Chinese).to_string())
        };
        let wrong = [
            ("sttus", "错误：没有子命令 `sttus`\n\n  提示：相近的子命令："),
            ("logs --folow", "错误：没有参数 `--folow`\n\n  提示：相近的参数：`--follow`\n\n用法：tidegate logs"),
            ("logs --level loud", "错误：`--level <LEVEL>` 的值 `loud` 无效\n  [可选值："),
            ("logs --level", "`--level <LEVEL>` 需要一个值"),
            ("history -n x", "的值 `x` 无效：不是整数"),
            ("off", "错误：缺少以下参数：\n  <"),
            ("logs -f -f", "只能用一次"),
            ("check a --jsn", "详情请用 `--help` 查看。"),
        ];
        for (args, part) in wrong {
            let text = said(args);
            assert!(text.contains(part), "{args}: {text}");
            let english = ["error:", "tip:", "found", "Usage", "required", "values", "For more"];
            assert!(!english.iter().any(|word| text.contains(word)), "{args}: {text}");
        }
    }

    #[test]
    fn every_command_shows_an_example_and_says_it_short_without() {
        for (path, _) in all().iter().filter(|(path, _)| !path.is_empty()) {
            let args = |flag| std::iter::once("tidegate").chain(path.split(' ')).chain([flag]).collect::<Vec<_>>();
            let help = |flag| english().try_get_matches_from(args(flag)).unwrap_err().to_string();
            assert!(help("--help").contains("Example"), "`{path}` has no example");
            assert!(!help("-h").contains("Example"), "`{path} -h` is not short");
        }
    }

    #[test]
    fn the_language_is_found_before_the_arguments_are_understood() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gate.toml");
        std::fs::write(&file, "language = \"zh\"\n").unwrap();
        let locale = |name: &str| (name == "LANG").then(|| "zh_CN.UTF-8".to_owned());
        let args = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>();
        let named = format!("--config={}", file.display());
        assert_eq!(language(&args(&["tidegate", "sttus", &named]), &|_| None), Language::Chinese);
        let two = ["tidegate", "--config", file.to_str().unwrap(), "-x"];
        assert_eq!(language(&args(&two), &|_| None), Language::Chinese);
        assert_eq!(language(&args(&["tidegate", "--config", "/nowhere"]), &locale), Language::Chinese);
        assert_eq!(language(&args(&["tidegate", "--config", "/nowhere"]), &|_| None), Language::English);
    }
}
