//! The command line: one file a command, one place that prints an error.

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::FromArgMatches as _;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use serde_json::json;

use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::language::Language;
use crate::script::Reader;
use crate::vault::Env;

pub mod adhoc;
pub mod cancel;
pub mod check;
pub mod command;
pub mod completions;
pub mod daemon;
pub mod definitions;
pub mod demo;
pub mod downloaders;
pub mod endpoints;
pub mod eval;
pub mod exec;
pub mod history;
pub mod init;
pub mod logs;
pub mod lsp;
pub mod man;
pub mod next;
pub mod notify;
pub mod off;
pub mod on;
pub mod progress;
pub mod recipe;
pub mod recording;
pub mod release;
pub mod reload;
pub mod repl;
pub mod run;
pub mod saved;
pub mod signals;
pub mod sim;
pub mod simulate;
pub mod state;
pub mod status;
#[cfg(unix)]
pub mod systemd;
mod table;
pub mod test;
pub mod trigger;
mod words;

/// Runs scripts on schedules over every PeerBanHelper and KiwiVM endpoint.
#[derive(clap::Parser)]
#[command(
    name = "tidegate",
    version,
    after_help = "Start with `tidegate demo`: a simulated VPS and seedbox, no configuration."
)]
struct Arguments {
    /// The configuration file.
    // An empty variable is as good as none, so an empty name is no error here.
    #[arg(
        long,
        global = true,
        env = "TIDEGATE_CONFIG",
        value_name = "FILE",
        value_hint = clap::ValueHint::FilePath,
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    config: Option<PathBuf>,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(clap::Subcommand)]
enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Run(run::Run),
    Check(check::Check),
    Exec(exec::Exec),
    Eval(eval::Eval),
    Repl(repl::Repl),
    Definitions(definitions::Definitions),
    Lsp(lsp::Lsp),
    Next(next::Next),
    Endpoints(endpoints::Endpoints),
    Test(test::Test),
    Simulate(simulate::Simulate),
    Sim(sim::Sim),
    Status(status::Status),
    Trigger(trigger::Trigger),
    Off(off::Off),
    On(on::On),
    Cancel(cancel::Cancel),
    Recipe(recipe::Show),
    History(history::History),
    Logs(logs::Logs),
    Reload(reload::Reload),
    Downloaders(downloaders::Downloaders),
    Release(release::Release),
    State(state::State),
    Notify(notify::Notify),
    Completions(completions::Completions),
    Man(man::Man),
}

/// How a command ended, for the shell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    Ok,
    /// The work was done and the answer is bad.
    Bad,
    /// The request itself is wrong, and that was already said.
    Wrong,
    /// Ended by SIGINT.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Bad => 1,
            Self::Wrong => 2,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// What every command gets: the environment and the flags that all share.
pub struct Session {
    pub env: Env,
    pub config: Option<PathBuf>,
    /// Whether output for people has colours.
    pub color: bool,
    /// That of whoever reads: the locale's, until a configuration says another one.
    pub language: Cell<Language>,
    /// Whether the reader of standard output has gone.
    unread: Cell<bool>,
    /// Whether anything was written there.
    written: Cell<bool>,
}

impl Session {
    /// A variable of the environment; empty is as good as unset.
    pub fn var(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    /// The configuration: the file that was named or found, else what the environment defines.
    ///
    /// # Errors
    /// `config`, with every problem of it.
    pub fn configuration(&self) -> Result<Config> {
        match self.glimpse()? {
            (config, None) => Ok(config),
            (_, Some(error)) => Err(error),
        }
    }

    /// As much of the configuration as can be made out, and what is wrong with it.
    ///
    /// # Errors
    /// `config` where there is a file that cannot be read.
    pub fn glimpse(&self) -> Result<(Config, Option<Error>)> {
        let cwd = std::env::current_dir()
            .map_err(|error| Error::new(Kind::Config, format!("the working folder cannot be used: {error}")))?;
        let seen = Config::glimpse(self.config.as_deref(), &|name| (self.env)(name), &cwd)?;
        self.language.set(seen.0.language);
        Ok(seen)
    }

    /// The runtime that a command's futures run on. Scripts recurse on its blocking threads, whose
    /// default stack is too small for their call depth.
    ///
    /// # Errors
    /// `internal` where the system gives no threads.
    pub fn runtime(&self) -> Result<tokio::runtime::Runtime> {
        build(tokio::runtime::Builder::new_multi_thread().worker_threads(2))
    }

    /// The runtime of a command on a virtual clock. What happens there happens one after the other: handing it from one
    /// thread to the next would take most of the time.
    ///
    /// # Errors
    /// As of [`Self::runtime`].
    pub fn virtual_runtime(&self) -> Result<tokio::runtime::Runtime> {
        build(&mut tokio::runtime::Builder::new_current_thread())
    }

    /// An error for people, with the place and what to do next.
    pub fn explain(&self, error: &Error, text: Option<&str>) {
        let file = error.file.as_deref().filter(|file| !file.is_empty()).unwrap_or("input");
        self.say(&crate::script::explain(error, file, text, self.reader()));
    }

    /// How things are shown to whoever reads.
    pub fn reader(&self) -> Reader {
        Reader { color: self.color, language: self.language.get() }
    }

    /// One JSON document, or one line of a stream, on standard output.
    ///
    /// # Errors
    /// Where standard output is gone.
    pub fn json(&self, value: &impl serde::Serialize) -> Result<()> {
        let text = serde_json::to_string(value).map_err(|error| Error::internal(error.to_string()))?;
        self.line(&text)
    }

    /// One line on standard output, at once.
    ///
    /// # Errors
    /// Where standard output is gone. Where its reader wants no more, as `head` after ten lines, that ends
    /// the command, and nothing is wrong.
    pub fn line(&self, text: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        self.written.set(true);
        writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| {
            self.unread.set(error.kind() == std::io::ErrorKind::BrokenPipe);
            Error::new(Kind::Transport, format!("standard output cannot be written: {error}"))
                .hint("is there room where it goes, and does whoever reads it still run?")
        })
    }

    /// A sentence of ours in the language of whoever reads.
    pub fn words<'a>(&self, english: &'a str) -> Cow<'a, str> {
        self.language.get().say(english)
    }

    /// A sentence of ours on standard output.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub fn print(&self, english: &str) -> Result<()> {
        self.line(&self.words(english))
    }

    /// A sentence of ours on standard error.
    pub fn tell(&self, english: &str) {
        self.say(&self.words(english));
    }

    /// One line for people, on standard error.
    pub fn say(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

fn build(builder: &mut tokio::runtime::Builder) -> Result<tokio::runtime::Runtime> {
    let built = builder.thread_stack_size(crate::script::STACK).enable_all().build();
    built.map_err(|error| Error::internal(format!("the runtime does not start: {error}")))
}

/// A panic is a fault of ours. Its words may hold whatever went through our hands, so here only its place is said;
/// where a run panicked, its error has the words with secrets masked.
fn keep_panics_short() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let fixed = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("its words are left out");
        let _ = writeln!(std::io::stderr().lock(), "tidegate: a fault of its own at {place}: {fixed}");
    }));
}

/// Whether the command, or the one below it, was asked for JSON.
fn wants_json(matches: &clap::ArgMatches) -> bool {
    let own = matches.try_get_one::<bool>("json").ok().flatten().is_some_and(|json| *json);
    own || matches.subcommand().is_some_and(|(_, below)| wants_json(below))
}

/// Parses the arguments, runs the command, prints its error, and gives the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    use std::io::IsTerminal as _;
    keep_panics_short();
    #[expect(clippy::disallowed_methods, reason = "the one reader of the environment")]
    let env: Env = Arc::new(|name| std::env::var(name).ok());
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed = command::english().try_get_matches_from(&args);
    let parsed = parsed.and_then(|matches| Ok((wants_json(&matches), Arguments::from_arg_matches(&matches)?)));
    let (json, arguments) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            let wrong = error.use_stderr();
            if wrong && args.iter().any(|arg| arg == "--json") {
                let _ = writeln!(std::io::stdout().lock(), "{}", json!({"error": command::misuse(&error)}));
            }
            command::show(error, &args, &|name| env(name));
            return ExitCode::from(if wrong { 2 } else { 0 });
        }
    };
    let color = match arguments.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            env("NO_COLOR").is_none_or(|v| v.is_empty())
                && std::io::stdout().is_terminal()
                && env("TERM").as_deref() != Some("dumb")
        }
    };
    let language = Cell::new(Language::of_locale(&|name| env(name)));
    let session =
        Session { env, config: arguments.config, color, language, unread: Cell::new(false), written: Cell::new(false) };
    let result = match arguments.command {
        Command::Demo(command) => command.run(&session),
        Command::Init(command) => command.run(&session),
        Command::Run(command) => command.run(&session),
        Command::Check(command) => command.run(&session),
        Command::Exec(command) => command.run(&session),
        Command::Eval(command) => command.run(&session),
        Command::Repl(command) => command.run(&session),
        Command::Definitions(command) => command.run(&session),
        Command::Lsp(command) => command.run(&session),
        Command::Next(command) => command.run(&session),
        Command::Endpoints(command) => command.run(&session),
        Command::Test(command) => command.run(&session),
        Command::Simulate(command) => command.run(&session),
        Command::Sim(command) => command.run(&session),
        Command::Status(command) => command.run(&session),
        Command::Trigger(command) => command.run(&session),
        Command::Off(command) => command.run(&session),
        Command::On(command) => command.run(&session),
        Command::Cancel(command) => command.run(&session),
        Command::Recipe(command) => command.run(&session),
        Command::History(command) => command.run(&session),
        Command::Logs(command) => command.run(&session),
        Command::Reload(command) => command.run(&session),
        Command::Downloaders(command) => command.run(&session),
        Command::Release(command) => command.run(&session),
        Command::State(command) => command.run(&session),
        Command::Notify(command) => command.run(&session),
        Command::Completions(command) => command.run(&session),
        Command::Man(command) => command.run(&session),
    };
    match result {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(_) if session.unread.get() => ExitCode::SUCCESS,
        Err(error) => {
            session.explain(&error, None);
            // Whoever asked for a document gets one. What has its own for an error has written it by now.
            if json && !session.written.get() {
                let _ = session.json(&json!({"error": error}));
            }
            ExitCode::from(if matches!(error.kind, Kind::Config | Kind::Syntax | Kind::Argument) { 2 } else { 1 })
        }
    }
}
