//! The language server: what the checker and the tables know, for editors. It speaks over a [`Connection`], holds the
//! texts that an editor has open, and never sends anything to a service.
//!
//! Two threads: one answers, and one looks for findings, always in the newest text, so that typing waits for nothing.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, DidSaveTextDocument, Exit, Notification as _,
    PublishDiagnostics, ShowMessage,
};
use lsp_types::request::{
    Completion, DocumentSymbolRequest, GotoDefinition, HoverRequest, Request as _, Shutdown, SignatureHelpRequest,
};
use lsp_types::{
    CompletionOptions, HoverProviderCapability, MessageType, OneOf, PositionEncodingKind, PublishDiagnosticsParams,
    SaveOptions, ServerCapabilities, ShowMessageParams, SignatureHelpOptions, TextDocumentPositionParams,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Uri,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::host::Host;
use crate::script;
use crate::script::complete::{self, World};

mod answers;
mod diagnostics;
mod hosts;
mod lines;
mod uri;

use hosts::Hosts;
use lines::Lines;
use uri::path_of;

/// Opens the installation that a file belongs to; `None` stands for no file in particular.
pub type Open = Box<dyn Fn(Option<&Path>) -> Result<Arc<Host>> + Send>;

/// A text that an editor has open.
struct Document {
    path: PathBuf,
    text: Arc<str>,
    version: i32,
}

/// Something to do for the thread that looks for findings.
enum Job {
    Look {
        uri: Uri,
        host: Arc<Host>,
        path: PathBuf,
        text: Arc<str>,
        version: i32,
    },
    /// The text is closed: nothing is shown of it any more.
    Forget(Uri),
}

impl Job {
    fn uri(&self) -> &Uri {
        match self {
            Self::Look { uri, .. } | Self::Forget(uri) => uri,
        }
    }
}

struct Server {
    hosts: Hosts,
    /// The editor tells apart what a completion inserts and what it replaces.
    inserts_and_replaces: bool,
    documents: BTreeMap<String, (Uri, Document)>,
    sender: Sender<Job>,
}

/// Speaks with one editor until it says goodbye, and gives whether it did. Runs scripts' checks on a thread of its own;
/// the thread that calls needs [`script::STACK`].
///
/// # Errors
/// `protocol` where the editor does not speak the protocol.
pub fn serve(connection: &Connection, open: Open) -> Result<bool> {
    let (id, params) = connection.initialize_start().map_err(|error| {
        Error::new(crate::error::Kind::Protocol, error.to_string()).hint("editors start this command: docs/editors.md")
    })?;
    let about = serde_json::json!({
        "capabilities": capabilities(),
        "serverInfo": {"name": "tidegate", "version": env!("CARGO_PKG_VERSION")},
    });
    send(connection, Message::Response(Response::new_ok(id, about)));
    let params = uri::tidied(params);
    let (sender, jobs) = channel();
    let outlet = connection.sender.clone();
    let checker = std::thread::Builder::new()
        .name("findings".into())
        .stack_size(script::STACK)
        .spawn(move || look(&jobs, &|message| outlet.send(message).is_ok()))
        .map_err(|error| Error::internal(format!("no thread starts: {error}")))?;
    let both = params.pointer("/capabilities/textDocument/completion/completionItem/insertReplaceSupport");
    let mut server = Server {
        hosts: Hosts::new(open, root(&params)),
        inserts_and_replaces: both == Some(&true.into()),
        documents: BTreeMap::new(),
        sender,
    };
    let mut goodbye = false;
    for message in &connection.receiver {
        match message {
            Message::Request(request) if request.method == Shutdown::METHOD => {
                goodbye = true;
                send(connection, Message::Response(Response::new_ok(request.id, ())));
            }
            Message::Request(request) if goodbye => {
                let over = "it was told to shut down".to_owned();
                let refused = Response::new_err(request.id, ErrorCode::InvalidRequest as i32, over);
                send(connection, Message::Response(refused));
            }
            Message::Request(request) => send(connection, Message::Response(server.answer(request))),
            Message::Notification(note) if note.method == Exit::METHOD => break,
            Message::Notification(note) => {
                server.hear(note);
                for message in server.hosts.complaints() {
                    let params = ShowMessageParams { typ: MessageType::ERROR, message };
                    send(connection, note_of::<ShowMessage>(params));
                }
            }
            Message::Response(_) => {}
        }
    }
    drop(server);
    let _ = checker.join();
    Ok(goodbye)
}

/// An editor that is gone hears nothing, which the receiver notices.
fn send(connection: &Connection, message: Message) {
    let _ = connection.sender.send(message);
}

fn capabilities() -> ServerCapabilities {
    let chars = |chars: &[&str]| Some(chars.iter().map(|&c| c.to_owned()).collect());
    ServerCapabilities {
        // Every client can count like that; some would rather not, and are told.
        position_encoding: Some(PositionEncodingKind::UTF16),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::FULL),
            save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions { include_text: Some(false) })),
            ..TextDocumentSyncOptions::default()
        })),
        completion_provider: Some(CompletionOptions {
            trigger_characters: chars(&[".", "\"", "{", ":", "/"]),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: chars(&["(", ","]),
            ..SignatureHelpOptions::default()
        }),
        definition_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        ..ServerCapabilities::default()
    }
}

/// The folder that the editor has open, or the first of several. Of all that an editor says of itself only this is read:
/// a word that the types do not know must not take it away.
fn root(params: &Value) -> Option<PathBuf> {
    let uri = params.pointer("/workspaceFolders/0/uri").or(params.get("rootUri")).and_then(Value::as_str);
    let path = || params.get("rootPath")?.as_str().map(PathBuf::from);
    uri.and_then(path_of).or_else(path)
}

fn note_of<N: lsp_types::notification::Notification>(params: N::Params) -> Message {
    Message::Notification(Notification::new(N::METHOD.to_owned(), params))
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, String> {
    serde_json::from_value(params).map_err(|error| error.to_string())
}

impl Server {
    fn answer(&mut self, request: Request) -> Response {
        let Request { id, method, params } = request;
        let params = uri::tidied(params);
        let answered = catch_unwind(AssertUnwindSafe(|| self.result(&method, params)));
        match answered {
            Ok(Ok(Some(result))) => Response::new_ok(id, result),
            Ok(Ok(None)) => {
                Response::new_err(id, ErrorCode::MethodNotFound as i32, format!("`{method}` is not supported"))
            }
            Ok(Err(why)) => Response::new_err(id, ErrorCode::InvalidParams as i32, why),
            // One text that the checker stumbles over is not the end of the sitting.
            Err(_) => {
                Response::new_err(id, ErrorCode::InternalError as i32, "a bug in tidegate: please report it".into())
            }
        }
    }

    /// `None` for what is not supported.
    ///
    /// # Errors
    /// What is wrong with the parameters.
    fn result(&mut self, method: &str, params: Value) -> Result<Option<Value>, String> {
        let value = match method {
            Completion::METHOD => {
                let params: lsp_types::CompletionParams = read(params)?;
                let sign = params.context.and_then(|context| context.trigger_character?.chars().next());
                let both = self.inserts_and_replaces;
                self.at(&params.text_document_position, |text, lines, offset, world| match sign {
                    Some(sign) if !complete::begins(text, offset, sign) => Ok(Value::Array(Vec::new())),
                    _ => serde_json::to_value(answers::completion(text, lines, offset, world, both)),
                })
            }
            HoverRequest::METHOD => {
                let params: lsp_types::HoverParams = read(params)?;
                self.at(&params.text_document_position_params, |text, lines, offset, world| {
                    serde_json::to_value(answers::hover(text, lines, offset, world))
                })
            }
            SignatureHelpRequest::METHOD => {
                let params: lsp_types::SignatureHelpParams = read(params)?;
                self.at(&params.text_document_position_params, |text, _, offset, world| {
                    serde_json::to_value(answers::signature(text, offset, world))
                })
            }
            GotoDefinition::METHOD => {
                let params: lsp_types::GotoDefinitionParams = read(params)?;
                let uri = params.text_document_position_params.text_document.uri.clone();
                self.at(&params.text_document_position_params, |text, lines, offset, world| {
                    serde_json::to_value(answers::definition(text, lines, offset, &uri, world))
                })
            }
            DocumentSymbolRequest::METHOD => {
                let params: lsp_types::DocumentSymbolParams = read(params)?;
                let document = self.documents.get(params.text_document.uri.as_str());
                document.map_or(Ok(Value::Null), |(_, document)| serde_json::to_value(answers::symbols(&document.text)))
            }
            _ => return Ok(None),
        };
        value.map(Some).map_err(|error| error.to_string())
    }

    /// What is known at a place of an open text; nothing of one that is not open.
    fn at(
        &mut self,
        place: &TextDocumentPositionParams,
        answer: impl FnOnce(&str, &Lines, usize, &World) -> serde_json::Result<Value>,
    ) -> serde_json::Result<Value> {
        let Some((_, document)) = self.documents.get(place.text_document.uri.as_str()) else {
            return Ok(Value::Null);
        };
        let (path, text) = (document.path.clone(), Arc::clone(&document.text));
        let Some(host) = self.hosts.of(&path) else { return Ok(Value::Null) };
        let lines = Lines::new(&text);
        answer(&text, &lines, lines.offset(place.position), &World::of_file(&host, &path))
    }

    /// Takes notice of what the editor did.
    fn hear(&mut self, heard: Notification) {
        let Notification { method, params } = heard;
        let params = uri::tidied(params);
        match method.as_str() {
            DidOpenTextDocument::METHOD => {
                let Ok(params) = read::<lsp_types::DidOpenTextDocumentParams>(params) else { return };
                let opened = params.text_document;
                let path = path_of(opened.uri.as_str()).unwrap_or_else(|| PathBuf::from(opened.uri.path().as_str()));
                let document = Document { path, text: opened.text.into(), version: opened.version };
                self.documents.insert(opened.uri.to_string(), (opened.uri.clone(), document));
                self.check(opened.uri.as_str());
            }
            DidChangeTextDocument::METHOD => {
                let Ok(params) = read::<lsp_types::DidChangeTextDocumentParams>(params) else { return };
                let uri = params.text_document.uri;
                let Some((_, document)) = self.documents.get_mut(uri.as_str()) else { return };
                if let Some(change) = params.content_changes.into_iter().last() {
                    document.text = change.text.into();
                    document.version = params.text_document.version;
                }
                self.check(uri.as_str());
            }
            // What is saved may be a library, and the configuration may have changed meanwhile.
            DidSaveTextDocument::METHOD => {
                self.hosts.saved();
                let open: Vec<_> = self.documents.keys().cloned().collect();
                for uri in &open {
                    self.check(uri);
                }
            }
            DidCloseTextDocument::METHOD => {
                let Ok(params) = read::<lsp_types::DidCloseTextDocumentParams>(params) else { return };
                let uri = params.text_document.uri;
                self.documents.remove(uri.as_str());
                // By the same way as findings, so that none comes after it.
                let _ = self.sender.send(Job::Forget(uri));
            }
            _ => {}
        }
    }

    /// Has an open text looked at.
    fn check(&mut self, uri: &str) {
        let Some((uri, document)) = self.documents.get(uri) else { return };
        let Some(host) = self.hosts.of(&document.path) else { return };
        let (uri, path) = (uri.clone(), document.path.clone());
        let (text, version) = (Arc::clone(&document.text), document.version);
        let _ = self.sender.send(Job::Look { uri, host, path, text, version });
    }
}

/// Looks for findings until nobody sends texts any more; of several versions of a text only in the last.
fn look(jobs: &Receiver<Job>, publish: &dyn Fn(Message) -> bool) {
    while let Ok(first) = jobs.recv() {
        let mut waiting: Vec<Job> = vec![first];
        for job in jobs.try_iter() {
            waiting.retain(|other| other.uri() != job.uri());
            waiting.push(job);
        }
        for job in waiting {
            let params = match job {
                Job::Look { uri, host, path, text, version } => {
                    let found = catch_unwind(AssertUnwindSafe(|| diagnostics::of(&host, &path, &text)));
                    let diagnostics = found.unwrap_or_else(|_| vec![diagnostics::none_to_be_had()]);
                    PublishDiagnosticsParams { uri, diagnostics, version: Some(version) }
                }
                Job::Forget(uri) => PublishDiagnosticsParams { uri, diagnostics: Vec::new(), version: None },
            };
            if !publish(note_of::<PublishDiagnostics>(params)) {
                return;
            }
        }
    }
}
