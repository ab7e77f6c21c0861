//! Looking back: at what the last input sent and held back, and at recorded runs.

use crate::language::Language;
use crate::script;
use crate::shown::Shown;

use super::{Next, Repl};

impl Repl {
    pub(super) fn would(&mut self, _: &str) -> Next {
        if self.record.would.is_empty() {
            self.screen.line(self.host.config.language.pick("nothing was held back", "没有被拦下的操作"));
        }
        self.tell_would();
        Next::Go
    }

    pub(super) fn calls(&mut self, _: &str) -> Next {
        if self.record.calls.is_empty() {
            self.screen.line(self.host.config.language.pick("no request was sent", "没有发出请求"));
            return Next::Go;
        }
        let number = |text: String| Shown::Number { text, exact: None };
        let rows = self.record.calls.iter().map(|call| {
            let args = if call.args.as_object().is_some_and(serde_json::Map::is_empty) || call.args.is_null() {
                Shown::Nothing
            } else {
                Shown::Text(call.args.to_string())
            };
            vec![
                ("service", Shown::Other(call.service.clone())),
                ("instance", Shown::Other(call.instance.clone())),
                ("endpoint", Shown::Text(call.endpoint.clone())),
                ("status", call.status.map_or(Shown::Nothing, |status| number(status.to_string()))),
                ("ms", number(call.ms.to_string())),
                ("via", call.via.clone().map_or(Shown::Nothing, Shown::Other)),
                ("args", args),
            ]
        });
        self.show_rows(rows.collect());
        if self.record.omitted > 0 {
            let omitted = self.record.omitted;
            self.screen.aside(&match self.host.config.language {
                Language::English => format!("… and {omitted} more steps, too many to keep"),
                Language::Chinese => format!("……另有 {omitted} 步，太多而未保留"),
            });
        }
        Next::Go
    }

    pub(super) fn replay(&mut self, file: &str) -> Next {
        let language = self.host.config.language;
        if file.is_empty() {
            self.recorded = None;
            self.screen.line(language.pick("services answer for themselves", "服务恢复自行应答"));
            return Next::Go;
        }
        #[expect(clippy::disallowed_methods, reason = "the terminal's own thread, which no script runs on")]
        let opened = self.host.runtime.block_on((self.open)(self.path(file)));
        match opened {
            Ok((name, host)) => {
                let at = host.clock.now().display(host.config.timezone);
                let words = language.pick(
                    "services answer as they did; `:replay` alone ends it",
                    "服务按当时应答；单独输入 `:replay` 结束",
                );
                self.screen.line(&format!("{name}, {at}: {words}"));
                self.recorded = Some(host);
                Next::Go
            }
            Err(error) => {
                self.screen.error(&script::explain(&error, "input", None, self.reader()));
                Next::Failed
            }
        }
    }
}
