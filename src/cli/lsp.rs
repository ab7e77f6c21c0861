//! `tidegate lsp`: the language server for editors.

use std::path::Path;
use std::sync::Arc;

use super::{Exit, Session};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::host::{Host, Setting, Storage};
use crate::journal::Silent;

/// Speaks the language server protocol on standard input and output: findings, completion, hover, signatures,
/// definitions and symbols. Editors start it; nothing is sent to any service.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate lsp\n\nEditors start it, people do not: docs/editors.md says how they are told."
)]
pub struct Lsp {
    /// Said by editors that know other ways too; there is no other way here.
    #[arg(long, hide = true)]
    stdio: bool,
}

impl Lsp {
    /// # Errors
    /// Where the editor does not speak the protocol.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let runtime = session.runtime()?;
        let handle = runtime.handle().clone();
        let (env, flag) = (Arc::clone(&session.env), session.config.clone());
        let open = move |file: Option<&Path>| {
            let cwd = std::env::current_dir().unwrap_or_default();
            let config = Config::open(flag.as_deref().or(file), &|name| env(name), &cwd)?;
            let nothing = config.file.is_none() && config.vps.is_empty() && config.pbh.is_empty();
            let setting = Setting {
                clock: SystemClock::new(),
                env: Arc::clone(&env),
                journal: Arc::new(Silent),
                storage: Storage::Memory,
                accepts_any_instance: nothing,
            };
            let (sender, receiver) = std::sync::mpsc::channel();
            handle.spawn(async move { sender.send(Host::open(config, setting).await) });
            receiver.recv().map_err(|_| Error::internal("the host does not open"))?
        };
        // Texts are parsed on the native stack.
        let served = std::thread::Builder::new()
            .stack_size(crate::script::STACK)
            .spawn(move || {
                let (connection, threads) = lsp_server::Connection::stdio();
                let served = crate::lsp::serve(&connection, Box::new(open));
                drop(connection);
                // A message that cannot be read ends the conversation; why is known here.
                threads.join().map_err(|error| {
                    Error::new(Kind::Protocol, format!("the editor was not understood: {error}"))
                        .hint("the editor's own log shows what it sent")
                })?;
                served
            })
            .map_err(|error| Error::internal(format!("no thread starts: {error}")))?
            .join();
        runtime.shutdown_background();
        let goodbye = served.map_err(|_| Error::internal("the language server panicked"))??;
        Ok(if goodbye { Exit::Ok } else { Exit::Bad })
    }
}
