//! `tidegate eval`: an expression, now.

use std::io::Read as _;

use super::adhoc::Ended;
use super::{Exit, Session, adhoc};
use crate::error::{Error, Kind, Result};
use crate::permission::Grants;
use crate::script;

/// Evaluates an expression or a few statements; a dry run unless `--live`.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate eval 'vps().data_usage().percent'\n\nReads happen; whatever would change something is only said, until `--live`."
)]
pub struct Eval {
    /// The script; `-` reads standard input.
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    expression: String,
    #[command(flatten)]
    live: adhoc::Live,
    #[command(flatten)]
    allow: adhoc::Allow,
    #[command(flatten)]
    form: adhoc::Form,
}

impl Eval {
    pub fn run(self, session: &Session) -> Result<Exit> {
        let text = if self.expression == "-" {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            read.map_err(|error| Error::new(Kind::Argument, format!("standard input cannot be read: {error}")))?;
            text
        } else {
            self.expression
        };
        let grants = self.allow.beside(Grants::default())?;
        let config = session.configuration()?;
        let mode = self.live.mode();
        let runtime = session.runtime()?;
        let source = text.clone();
        let (ended, record, shown) = runtime.block_on(async {
            let host = adhoc::host(session, config).await?;
            let context = adhoc::context(&host, "eval", None, mode, grants);
            let mut inputs = script::Session::new(&host.config.scripts);
            let Ended { result, signal } = adhoc::foreground(&context, move |run| inputs.eval(run, &text)).await?;
            let value = result.as_ref().ok().filter(|answer| !answer.shown.is_nothing());
            let shown = value.map(|answer| answer.shown.draw(adhoc::look(session))).unwrap_or_default();
            let ended = Ended { result: result.map(|answer| answer.json), signal };
            Ok::<_, Error>((ended, context.record(), shown))
        })?;
        runtime.shutdown_background();
        adhoc::show(session, self.form, &ended, &record, Some(&source), &shown)
    }
}
