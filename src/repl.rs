//! The ad-hoc REPL: the same engine as scripts, a dry run until told otherwise.

use std::borrow::Cow;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

use reedline::{
    ColumnarMenu, Completer, CompletionResult, DefaultHinter, Emacs, FileBackedHistory, KeyCode, KeyModifiers,
    MenuBuilder, Prompt, PromptEditMode, PromptHistorySearch, Reedline, ReedlineEvent, ReedlineMenu, Signal, Span,
    Suggestion, ValidationResult, Validator, default_emacs_keybindings,
};
use serde_json::Value;

use crate::api::{Row, Service};
use crate::call::Call;
use crate::config::Mode;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::script::helpers;
use crate::script::{self, Context, Record, Session};
use crate::text::nearest;

/// What a REPL is told to do, beside the language.
const COMMANDS: [(&str, &str); 9] = [
    (":help", "what is there; `:help NAME` explains a function or endpoint"),
    (":endpoints", "the endpoints whose name or path contains a word"),
    (":live", "from now on really do what is typed"),
    (":dry", "from now on only say what would be done (the default)"),
    (":would", "what the last input would have done"),
    (":calls", "the requests that the last input sent"),
    (":vars", "the variables"),
    (":json", "the last result as JSON"),
    (":quit", "leave; so does Ctrl-D"),
];

/// Starts a run for one input, in a mode.
pub type Start = Box<dyn Fn(Mode) -> Arc<Context>>;

/// One sitting.
pub struct Repl {
    host: Arc<Host>,
    session: Option<Session>,
    mode: Mode,
    start: Start,
    last: Option<Value>,
    record: Record,
    color: bool,
}

/// What came of an input.
enum Next {
    Go,
    Failed,
    Quit,
}

impl Repl {
    pub fn new(host: Arc<Host>, live: bool, start: Start, color: bool) -> Self {
        let session = Some(Session::new(&host.config.scripts));
        let mode = if live { Mode::Live } else { Mode::Watch };
        Self { host, session, mode, start, last: None, record: Record::default(), color }
    }

    /// Reads inputs until the end: with editing in a terminal, line by line from a pipe. False where the
    /// last input failed.
    ///
    /// # Errors
    /// Where the terminal cannot be used.
    pub fn run(&mut self, history: Option<&Path>) -> Result<bool> {
        if std::io::stdin().is_terminal() { self.converse(history) } else { Ok(self.read_pipe()) }
    }

    fn read_pipe(&mut self) -> bool {
        let mut ok = true;
        let mut text = String::new();
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            text += &line;
            text.push('\n');
            if !line.trim_start().starts_with(':') && Session::is_incomplete(&text) {
                continue;
            }
            match self.input(&std::mem::take(&mut text)) {
                Next::Go => ok = true,
                Next::Failed => ok = false,
                Next::Quit => return ok,
            }
        }
        if text.trim().is_empty() { ok } else { matches!(self.input(&text), Next::Go) }
    }

    fn converse(&mut self, history: Option<&Path>) -> Result<bool> {
        println!("tidegate {}: `:help` for help, Ctrl-D to leave", env!("CARGO_PKG_VERSION"));
        let mut keys = default_emacs_keybindings();
        let complete = ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu("words".into()), ReedlineEvent::MenuNext]);
        keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, complete);
        let menu = ColumnarMenu::default().with_name("words");
        let mut editor = Reedline::create()
            .with_validator(Box::new(Complete))
            .with_completer(Box::new(Words::new(&self.host)))
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
            .with_hinter(Box::new(DefaultHinter::default()))
            .with_edit_mode(Box::new(Emacs::new(keys)));
        if let Some(history) = history.and_then(|file| FileBackedHistory::with_file(2000, file.into()).ok()) {
            editor = editor.with_history(Box::new(history));
        }
        let mut ok = true;
        loop {
            let signal = editor.read_line(&Sign { live: self.mode == Mode::Live });
            match signal.map_err(|error| Error::new(Kind::Internal, format!("the terminal cannot be used: {error}")))? {
                Signal::Success(text) => match self.input(&text) {
                    Next::Go => ok = true,
                    Next::Failed => ok = false,
                    Next::Quit => return Ok(ok),
                },
                Signal::CtrlC => {}
                _ => return Ok(ok),
            }
        }
    }

    fn input(&mut self, text: &str) -> Next {
        let text = text.trim();
        if text.is_empty() {
            return Next::Go;
        }
        if let Some(command) = text.strip_prefix(':') {
            let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
            return self.command(name, rest.trim());
        }
        self.eval(text)
    }

    fn eval(&mut self, text: &str) -> Next {
        let Some(mut session) = self.session.take() else { return Next::Failed };
        let context = (self.start)(self.mode);
        let source = text.to_owned();
        let run = Arc::clone(&context);
        // The session comes back with the answer, so that a cancelled input leaves the others in place.
        let work = async {
            let mut thread = tokio::task::spawn_blocking(move || {
                let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| session.eval(&run, &source)));
                (answer, session)
            });
            tokio::select! {
                joined = &mut thread => joined,
                _ = tokio::signal::ctrl_c() => {
                    context.cancel.cancel();
                    thread.await
                }
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the terminal's own thread, which no script runs on")]
        let joined = self.host.runtime.block_on(work);
        self.record = context.record();
        for line in &self.record.output {
            println!("{line}");
        }
        self.tell_would();
        let Ok((answer, session)) = joined else {
            self.session = Some(Session::new(&self.host.config.scripts));
            eprintln!("error: a host function panicked, which is a bug in tidegate; variables are gone");
            return Next::Failed;
        };
        self.session = Some(session);
        match answer {
            Ok(Ok(answer)) => {
                if !answer.empty {
                    println!("{}", answer.text);
                }
                self.last = Some(answer.json);
                Next::Go
            }
            Ok(Err(error)) => {
                eprintln!("{}", script::explain(&error, "input", Some(text), self.color));
                Next::Failed
            }
            Err(_) => {
                eprintln!("error: a host function panicked, which is a bug in tidegate: please report it");
                Next::Failed
            }
        }
    }

    fn tell_would(&self) {
        if self.record.would.is_empty() {
            return;
        }
        println!("dry run, nothing was changed (`:live` to really do it). It would:");
        for call in &self.record.would {
            println!("  - {}", words(call));
        }
    }

    fn command(&mut self, name: &str, rest: &str) -> Next {
        match name {
            "quit" | "q" | "exit" => return Next::Quit,
            "live" => {
                self.mode = Mode::Live;
                println!("live: what you type is really done");
            }
            "dry" => {
                self.mode = Mode::Watch;
                println!("dry run: nothing is changed");
            }
            "would" if self.record.would.is_empty() => println!("nothing was held back"),
            "would" => self.tell_would(),
            "calls" if self.record.calls.is_empty() => println!("no request was sent"),
            "calls" => {
                for call in &self.record.calls {
                    let status = call.status.map(|status| status.to_string()).unwrap_or_default();
                    println!(
                        "{:<10} {:<12} {:<40} {status:>3} {:>6} ms",
                        call.service, call.instance, call.endpoint, call.ms
                    );
                }
            }
            "vars" => {
                let zone = self.host.config.timezone;
                for (name, value) in self.session.iter().flat_map(|session| session.variables(zone)) {
                    println!("{name} = {value}");
                }
            }
            "json" => match &self.last {
                Some(value) => println!("{}", serde_json::to_string_pretty(value).unwrap_or_default()),
                None => println!("there is no result yet"),
            },
            "help" if rest.is_empty() => help(),
            "help" => return explain_name(rest),
            "endpoints" => {
                let rows = rows().filter(|row| row.id.contains(rest) || row.path.contains(rest));
                for row in rows {
                    println!("{:<7} {}", row.service.name(), row.signature());
                }
            }
            other => {
                let near = nearest(other, COMMANDS.iter().map(|(name, _)| &name[1..]));
                eprintln!(
                    "there is no command `:{other}`{}",
                    near.map(|near| format!("; did you mean `:{near}`?")).unwrap_or_default()
                );
                return Next::Failed;
            }
        }
        Next::Go
    }
}

fn words(call: &Call) -> String {
    call.summary.clone().unwrap_or_else(|| format!("{} on {}", call.endpoint, call.instance))
}

fn rows() -> impl Iterator<Item = &'static Row> {
    Service::ALL.into_iter().flat_map(Service::rows).filter(|row| row.extra.uncallable.is_none())
}

fn help() {
    println!("Type an expression: `vps().data_usage().percent`, `pbh().top_peers(5)`. `it` is the last result.\n");
    for (name, what) in COMMANDS {
        println!("  {name:<12} {what}");
    }
}

fn explain_name(name: &str) -> Next {
    let mut found = false;
    for row in rows().filter(|row| row.id == name) {
        println!("{}\n  {} · {} · {} {}", row.signature(), row.doc, row.effect, row.method, row.path);
        found = true;
    }
    for helper in helpers::all().filter(|helper| helper.id == name) {
        println!("{}\n  {} · {}", helper.signature(), helper.doc, helper.effect);
        found = true;
    }
    if found {
        return Next::Go;
    }
    let near = nearest(name, script::function_names());
    eprintln!(
        "nothing is known of `{name}`{}",
        near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
    );
    Next::Failed
}

/// The prompt: its word says whether anything is really done.
struct Sign {
    live: bool,
}

impl Prompt for Sign {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        if self.live { "tidegate live".into() } else { "tidegate".into() }
    }
    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }
    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        "> ".into()
    }
    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        "… ".into()
    }
    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        format!("(search: {}) ", search.term).into()
    }
}

/// Enter goes on to another line while a block is open.
struct Complete;

impl Validator for Complete {
    fn validate(&self, line: &str) -> ValidationResult {
        let open = !line.trim_start().starts_with(':') && Session::is_incomplete(line);
        if open { ValidationResult::Incomplete } else { ValidationResult::Complete }
    }
}

/// Completes functions, methods, endpoints, instances and commands.
struct Words(Vec<(String, String)>);

impl Words {
    fn new(host: &Host) -> Self {
        let mut words: Vec<_> = COMMANDS.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned())).collect();
        words.extend(rows().map(|row| (row.id.to_owned(), row.doc.to_owned())));
        words.extend(helpers::all().map(|helper| (helper.id.to_owned(), helper.doc.to_owned())));
        let known: Vec<_> = words.iter().map(|(word, _)| word.clone()).collect();
        let others = script::function_names().filter(|name| !known.iter().any(|word| word == name));
        words.extend(others.map(|name| (name.to_owned(), String::new())));
        words.extend(["state", "shared_state", "it"].map(|name| (name.to_owned(), String::new())));
        let config = &host.config;
        words.extend(config.vps.keys().map(|name| (name.clone(), "a VPS".into())));
        words.extend(config.pbh.keys().map(|name| (name.clone(), "a PBH".into())));
        words.extend(config.downloader.keys().map(|name| (name.clone(), "a downloader".into())));
        words.sort();
        words.dedup();
        Self(words)
    }
}

impl Completer for Words {
    fn complete(&mut self, line: &str, position: usize) -> CompletionResult {
        let before = line.get(..position).unwrap_or(line);
        let start = before
            .rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '-')))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let word = &before[start..];
        if word.is_empty() {
            return CompletionResult::fresh(Vec::new());
        }
        let found = self
            .0
            .iter()
            .filter(|(candidate, _)| candidate.starts_with(word))
            .map(|(candidate, doc)| Suggestion {
                value: candidate.clone(),
                description: (!doc.is_empty()).then(|| doc.clone()),
                span: Span::new(start, position),
                ..Suggestion::default()
            })
            .collect::<Vec<_>>();
        CompletionResult::fresh(found)
    }
}
