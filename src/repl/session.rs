//! One input: run on a thread of its own, cancelled by Ctrl-C, and what came of it shown.

use std::any::Any;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::language::Language;
use crate::script::{self, Answer, Context, Session};
use crate::shown::Shown;
use crate::text::count;
use crate::units::format_duration;

use super::attached::PATIENCE;
use super::{Next, Repl, Shared, Typed};

/// How the work for an input ended.
enum Ran<T> {
    Done(T),
    /// With what was said.
    Panicked(String),
    /// It did not end when it was cancelled, and was left to itself.
    Left,
}

/// How a result is shown.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// As a table or a tree.
    Drawn,
    Json,
    /// Not at all.
    Quiet,
}

impl Repl {
    pub(super) fn eval(&mut self, text: &str) -> Next {
        self.eval_as(text, "input", Form::Drawn)
    }

    /// Evaluates what stands in `file`.
    pub(super) fn eval_as(&mut self, text: &str, file: &str, form: Form) -> Next {
        let outcome = self.evaluate(text);
        self.typed = Some(Typed { text: text.to_owned(), good: matches!(outcome, Some(Ok(_))) });
        let Some(outcome) = outcome else { return Next::Failed };
        self.tell_would();
        match outcome {
            Ok(answer) => {
                if !answer.shown.is_nothing() {
                    self.last = Some((answer.json, answer.shown));
                    self.show_last(form);
                }
                Next::Go
            }
            Err(error) => {
                self.screen.error(&script::explain(&error, file, Some(text), self.reader()));
                Next::Failed
            }
        }
    }

    /// The same, and says how long it took.
    pub(super) fn time(&mut self, text: &str) -> Next {
        let clock = Arc::clone(&self.host.clock);
        let begun = clock.uptime();
        let next = self.eval_as(text, "input", Form::Quiet);
        let took = clock.uptime() - begun;
        let waited: u64 = self.record.calls.iter().map(|call| call.ms).sum();
        let requests = self.record.count();
        let (took, waited) = (format_duration(took), ms(waited));
        self.screen.line(&match (self.host.config.language, requests) {
            (Language::English, 0) => format!("took {took}, {}", count(0, "request")),
            (Language::English, _) => format!("took {took}, {}, {waited} in all for them", count(requests, "request")),
            (Language::Chinese, 0) => format!("耗时 {took}，没有请求"),
            (Language::Chinese, _) => format!("耗时 {took}，{requests} 个请求，共用 {waited}"),
        });
        next
    }

    /// The value of a text; nothing where that cannot be told.
    fn evaluate(&mut self, text: &str) -> Option<Result<Answer>> {
        if self.daemon.is_some() && self.recorded.is_none() {
            return Some(self.evaluate_there(text));
        }
        let context = self.begin();
        let (session, source) = (self.session.clone(), text.to_owned());
        let ran = self.perform(&context, move |run| session.lock().eval(run, &source));
        self.record = context.record();
        match ran {
            Ran::Done(answer) => Some(answer.map_err(|error| self.host.masker.mask_error(error))),
            Ran::Panicked(what) => {
                self.panicked(&what);
                None
            }
            Ran::Left => {
                // The thread still holds the session that it works in.
                self.session = Shared::new(&self.host);
                self.fail(
                    "the input did not end when it was cancelled; it is left to itself, and the variables are gone",
                    "",
                );
                None
            }
        }
    }

    pub(super) fn panicked(&self, what: &str) -> Next {
        let message = format!("a host function panicked: {what}");
        self.fail(&message, "this is a bug in tidegate: please report it; your variables are still there")
    }

    /// Blocks on the terminal's own thread while `work` runs on another one.
    fn perform<T: Send + 'static>(
        &self,
        context: &Arc<Context>,
        work: impl FnOnce(&Arc<Context>) -> T + Send + 'static,
    ) -> Ran<T> {
        let _running = self.interrupts.running(&context.cancel);
        let run = Arc::clone(context);
        let work = async {
            let thread = tokio::task::spawn_blocking(move || work(&run));
            tokio::select! {
                joined = thread => match joined {
                    Ok(value) => Ran::Done(value),
                    Err(error) => Ran::Panicked(error.try_into_panic().map(words).unwrap_or_default()),
                },
                () = self.interrupts.urgent() => Ran::Left,
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the terminal's own thread, which no script runs on")]
        self.host.runtime.block_on(work)
    }

    /// Runs `work` on a thread that is made for scripts, and gives what it says.
    pub(super) fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        #[expect(clippy::disallowed_methods, reason = "the terminal's own thread, which no script runs on")]
        self.host.runtime.block_on(self.host.runtime.spawn_blocking(work)).ok()
    }

    pub(super) fn show_last(&self, form: Form) {
        let Some((json, shown)) = &self.last else {
            self.screen.line(self.host.config.language.pick("there is no result yet", "还没有结果"));
            return;
        };
        match form {
            Form::Drawn => self.screen.long(&shown.draw(self.screen.look())),
            Form::Json => self.screen.long(&serde_json::to_string_pretty(json).unwrap_or_default()),
            Form::Quiet => {}
        }
    }

    /// What a dry run held back, in words.
    pub(super) fn tell_would(&self) {
        if self.record.would.is_empty() {
            return;
        }
        let pick = |english: &str, chinese: &str| self.host.config.language.pick(english, chinese).to_owned();
        let mut text = pick(
            "dry run, nothing was changed (`:live` to really do it). It would:",
            "演练：什么都没有改变（`:live` 才真正执行）。它会：",
        );
        for call in &self.record.would {
            text += &format!("\n  - {}", script::deed(call, self.host.config.language));
            for line in call.details() {
                text += &format!("\n      {line}");
            }
        }
        self.screen.long(&text);
    }

    /// Rows that were put together here.
    pub(super) fn show_rows(&self, rows: Vec<Vec<(&str, Shown)>>) {
        let map =
            |row: Vec<(&str, Shown)>| Shown::Map(row.into_iter().map(|(key, cell)| (key.to_owned(), cell)).collect());
        self.screen.long(&Shown::List(rows.into_iter().map(map).collect()).draw(self.screen.look()));
    }

    /// The type of an expression, and what went wrong with it.
    pub(super) fn typed(&self, text: &str) -> Result<script::Typed> {
        let context = self.begin();
        let (session, text) = (self.session.clone(), text.to_owned());
        // Deep expressions need the stack of a thread for scripts.
        self.apart(move || session.lock().type_of(&context, &text))
            .unwrap_or_else(|| Err(Error::internal("the type cannot be told")))
    }

    /// All variables, functions and inputs are forgotten.
    pub(super) fn reset(&mut self) {
        self.forget_there(PATIENCE);
        self.typed = None;
        *self.session.lock() = Session::new(&self.host.config.scripts);
        self.last = None;
    }
}

/// What a panic said.
pub(super) fn words(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("for no stated reason").to_owned()
}

fn ms(ms: u64) -> String {
    format_duration(crate::time::Duration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use futures::{FutureExt as _, StreamExt as _};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::clock::SystemClock;
    use crate::config::{Config, Mode};
    use crate::host::{Host, Setting as HostSetting, Storage};
    use crate::journal::Silent;
    use crate::permission::Grants;
    use crate::repl::Setting;
    use crate::script::Setup;
    use crate::time::Duration;

    fn repl(runtime: &tokio::runtime::Runtime) -> Repl {
        let config = Config::load("timezone = \"UTC\"", Path::new("tidegate.toml"), &|_| None).unwrap();
        let setting = HostSetting {
            clock: SystemClock::new(),
            env: Arc::new(|_| None),
            journal: Arc::new(Silent),
            storage: Storage::Memory,
            accepts_any_instance: false,
        };
        let host = runtime.block_on(Host::open(config, setting)).unwrap();
        let start = |at: &Arc<Host>, mode: Mode| {
            let setup = Setup {
                script: "repl".into(),
                trigger: None,
                run: "manual".into(),
                mode,
                grants: Grants::default(),
                deadline: at.clock.now() + Duration::from_seconds(60),
                cancel: CancellationToken::new(),
                permits: None,
            };
            Context::new(Arc::clone(at), setup)
        };
        let setting = Setting {
            live: false,
            place: "",
            color: false,
            history: None,
            scripts: "scripts".into(),
            env: Arc::new(|_| None),
            daemon: None,
            open: Box::new(|_| futures::future::err(Error::internal("no tape")).boxed()),
            signals: futures::stream::pending().boxed(),
        };
        Repl::new(host, Box::new(start), setting)
    }

    #[test]
    fn a_command_that_panics_does_not_end_the_session() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut repl = repl(&runtime);
        assert_eq!(repl.guarded(|_| panic!("in a command")), Next::Failed);
        assert_eq!(repl.eval("1"), Next::Go);
    }

    #[test]
    fn a_panic_is_an_error_and_the_variables_are_still_there() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut repl = repl(&runtime);
        assert_eq!(repl.eval("let x = 41"), Next::Go);
        let context = repl.begin();
        let session = repl.session.clone();
        let ran = repl.perform(&context, move |_| -> () {
            let _held = session.lock();
            panic!("in a host function");
        });
        assert!(matches!(ran, Ran::Panicked(what) if what == "in a host function"));
        assert_eq!(repl.eval("x + 1"), Next::Go);
        assert_eq!(repl.last.as_ref().map(|(json, _)| json.clone()), Some(42.into()));
        // What gave nothing changes nothing.
        assert_eq!(repl.eval("()"), Next::Go);
        assert_eq!(repl.eval("it * 2"), Next::Go);
        assert_eq!(repl.last.as_ref().map(|(json, _)| json.clone()), Some(84.into()));
    }
}
