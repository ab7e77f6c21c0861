//! `tidegate repl`: explore a fleet by hand.

use std::path::PathBuf;

use super::{Exit, Session, adhoc};
use crate::error::Result;
use crate::permission::Grants;

/// Tries expressions on the configured fleet; a dry run unless `--live`.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate repl\n\nIn it: `vps().data_usage()`, `pbh().top_peers(5)`, `:help`.")]
pub struct Repl {
    #[command(flatten)]
    live: adhoc::Live,
    #[command(flatten)]
    allow: adhoc::Allow,
}

impl Repl {
    pub fn run(self, session: &Session) -> Result<Exit> {
        let grants = self.allow.beside(Grants::default())?;
        let config = session.configuration()?;
        let history: PathBuf = config.data.join("repl-history");
        let runtime = session.runtime()?;
        let host = runtime.block_on(adhoc::host(session, config))?;
        let at = std::sync::Arc::clone(&host);
        let start = move |mode| adhoc::context(&at, "repl", None, mode, grants.clone());
        let ok = crate::repl::Repl::new(host, self.live.live, Box::new(start), session.color).run(Some(&history))?;
        runtime.shutdown_background();
        Ok(if ok { Exit::Ok } else { Exit::Bad })
    }
}
