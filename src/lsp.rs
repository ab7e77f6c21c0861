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
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, DidSaveTextDocument, Notification as _,
    PublishDiagnostics, ShowMessage,
};
use lsp_types::request::{
    Completion, DocumentSymbolRequest, GotoDefinition, HoverRequest, Request as _, SignatureHelpRequest,
};
use lsp_types::{
    CompletionOptions, HoverProviderCapability, InitializeParams, MessageType, OneOf, PositionEncodingKind,
    PublishDiagnosticsParams, SaveOptions, ServerCapabilities, ShowMessageParams, SignatureHelpOptions,
    TextDocumentPositionParams, TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions,
    TextDocumentSyncSaveOptions, Uri,
};
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::host::Host;
use crate::script;
use crate::script::complete::World;

mod answers;
mod diagnostics;
mod lines;

use lines::Lines;

/// Opens the installation that a file belongs to; `None` stands for no file in particular.
pub type Open = Box<dyn Fn(Option<&Path>) -> Result<Arc<Host>> + Send>;

/// A text that an editor has open.
struct Document {
    path: PathBuf,
    text: Arc<str>,
    version: i32,
}

/// A text to look for findings in.
struct Job {
    uri: Uri,
    host: Arc<Host>,
    path: PathBuf,
    text: Arc<str>,
    version: i32,
}

struct Server {
    open: Open,
    /// The folder that the editor has open.
    root: Option<PathBuf>,
    documents: BTreeMap<String, (Uri, Document)>,
    host: Option<Arc<Host>>,
    /// Why there is no configuration, where that was said already.
    complaint: Option<String>,
    sender: Sender<Job>,
}

/// Speaks with one editor until it says goodbye. Runs scripts' checks on a thread of its own; the thread that calls
/// needs [`script::STACK`].
///
/// # Errors
/// `protocol` where the editor does not speak the protocol, or leaves without a word.
pub fn serve(connection: &Connection, open: Open) -> Result<()> {
    let protocol = |error: lsp_server::ProtocolError| Error::new(crate::error::Kind::Protocol, error.to_string());
    let capabilities = serde_json::to_value(capabilities()).map_err(|error| Error::internal(error.to_string()))?;
    let (id, params) = connection.initialize_start().map_err(protocol)?;
    let about = serde_json::json!({
        "capabilities": capabilities,
        "serverInfo": {"name": "tidegate", "version": env!("CARGO_PKG_VERSION")},
    });
    connection.initialize_finish(id, about).map_err(protocol)?;
    let params: InitializeParams = serde_json::from_value(params).unwrap_or_default();
    let (sender, jobs) = channel();
    let outlet = connection.sender.clone();
    let checker = std::thread::Builder::new()
        .name("findings".into())
        .stack_size(script::STACK)
        .spawn(move || look(&jobs, &|message| outlet.send(message).is_ok()))
        .map_err(|error| Error::internal(format!("no thread starts: {error}")))?;
    let mut server =
        Server { open, root: root(&params), documents: BTreeMap::new(), host: None, complaint: None, sender };
    for message in &connection.receiver {
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request).map_err(protocol)? {
                    break;
                }
                send(connection, Message::Response(server.answer(request)));
            }
            Message::Notification(note) => {
                for message in server.hear(note) {
                    send(connection, message);
                }
            }
            Message::Response(_) => {}
        }
    }
    drop(server);
    let _ = checker.join();
    Ok(())
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

/// The folder that the editor has open, or the first of several.
fn root(params: &InitializeParams) -> Option<PathBuf> {
    let folder = params.workspace_folders.as_ref().and_then(|folders| folders.first()).map(|folder| &folder.uri);
    #[expect(deprecated, reason = "older editors say it no other way")]
    path_of(folder.or(params.root_uri.as_ref())?)
}

/// The path of a file on this machine.
fn path_of(uri: &Uri) -> Option<PathBuf> {
    url::Url::parse(uri.as_str()).ok()?.to_file_path().ok()
}

fn uri_of(path: &Path) -> Option<Uri> {
    url::Url::from_file_path(path).ok()?.as_str().parse().ok()
}

fn note<N: lsp_types::notification::Notification>(params: N::Params) -> Message {
    Message::Notification(Notification::new(N::METHOD.to_owned(), params))
}

fn read<T: DeserializeOwned>(params: serde_json::Value) -> Result<T, String> {
    serde_json::from_value(params).map_err(|error| error.to_string())
}

impl Server {
    fn answer(&mut self, request: Request) -> Response {
        let Request { id, method, params } = request;
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
    fn result(&mut self, method: &str, params: serde_json::Value) -> Result<Option<serde_json::Value>, String> {
        let value = match method {
            Completion::METHOD => {
                let params: lsp_types::CompletionParams = read(params)?;
                self.at(&params.text_document_position, |text, lines, offset, world| {
                    serde_json::to_value(answers::completion(text, lines, offset, world))
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
                document.map_or(Ok(serde_json::Value::Null), |(_, document)| {
                    serde_json::to_value(answers::symbols(&document.text))
                })
            }
            _ => return Ok(None),
        };
        value.map(Some).map_err(|error| error.to_string())
    }

    /// What is known at a place of an open text; nothing of one that is not open.
    fn at(
        &mut self,
        place: &TextDocumentPositionParams,
        answer: impl FnOnce(&str, &Lines, usize, &World) -> serde_json::Result<serde_json::Value>,
    ) -> serde_json::Result<serde_json::Value> {
        let Some((_, document)) = self.documents.get(place.text_document.uri.as_str()) else {
            return Ok(serde_json::Value::Null);
        };
        let (path, text) = (document.path.clone(), Arc::clone(&document.text));
        let Ok(host) = self.host_of(&path) else { return Ok(serde_json::Value::Null) };
        let lines = Lines::new(&text);
        answer(&text, &lines, lines.offset(place.position), &World::of_file(&host, &path))
    }

    /// The installation, opened when it is first needed.
    fn host_of(&mut self, path: &Path) -> Result<Arc<Host>> {
        if let Some(host) = &self.host {
            return Ok(Arc::clone(host));
        }
        let own = path.ancestors().skip(1).map(|folder| folder.join(crate::config::FILE)).find(|file| file.is_file());
        let root = self.root.as_ref().map(|root| root.join(crate::config::FILE)).filter(|file| file.is_file());
        let host = (self.open)(own.or(root).as_deref())?;
        self.host = Some(Arc::clone(&host));
        Ok(host)
    }

    /// Takes notice of what the editor did.
    fn hear(&mut self, heard: Notification) -> Vec<Message> {
        let Notification { method, params } = heard;
        match method.as_str() {
            DidOpenTextDocument::METHOD => {
                let Ok(params) = read::<lsp_types::DidOpenTextDocumentParams>(params) else { return Vec::new() };
                let opened = params.text_document;
                let path = path_of(&opened.uri).unwrap_or_else(|| PathBuf::from(opened.uri.path().as_str()));
                let document = Document { path, text: opened.text.into(), version: opened.version };
                self.documents.insert(opened.uri.to_string(), (opened.uri.clone(), document));
                self.check(opened.uri.as_str())
            }
            DidChangeTextDocument::METHOD => {
                let Ok(params) = read::<lsp_types::DidChangeTextDocumentParams>(params) else { return Vec::new() };
                let uri = params.text_document.uri;
                let Some((_, document)) = self.documents.get_mut(uri.as_str()) else { return Vec::new() };
                if let Some(change) = params.content_changes.into_iter().last() {
                    document.text = change.text.into();
                    document.version = params.text_document.version;
                }
                self.check(uri.as_str())
            }
            // What is saved may be a library, and the configuration may have changed meanwhile.
            DidSaveTextDocument::METHOD => {
                self.host = None;
                let open: Vec<_> = self.documents.keys().cloned().collect();
                open.iter().flat_map(|uri| self.check(uri)).collect()
            }
            DidCloseTextDocument::METHOD => {
                let Ok(params) = read::<lsp_types::DidCloseTextDocumentParams>(params) else { return Vec::new() };
                let uri = params.text_document.uri;
                self.documents.remove(uri.as_str());
                let diagnostics = Vec::new();
                vec![note::<PublishDiagnostics>(PublishDiagnosticsParams { uri, diagnostics, version: None })]
            }
            _ => Vec::new(),
        }
    }

    /// Has an open text looked at.
    fn check(&mut self, uri: &str) -> Vec<Message> {
        let Some((uri, document)) = self.documents.get(uri) else { return Vec::new() };
        let (uri, path) = (uri.clone(), document.path.clone());
        let (text, version) = (Arc::clone(&document.text), document.version);
        match self.host_of(&path) {
            Ok(host) => {
                self.complaint = None;
                let _ = self.sender.send(Job { uri, host, path, text, version });
                Vec::new()
            }
            Err(error) => {
                let message = error.to_string();
                if self.complaint.as_ref() == Some(&message) {
                    return Vec::new();
                }
                self.complaint = Some(message.clone());
                vec![note::<ShowMessage>(ShowMessageParams { typ: MessageType::ERROR, message })]
            }
        }
    }
}

/// Looks for findings until nobody sends texts any more; of several versions of a text only in the last.
fn look(jobs: &Receiver<Job>, publish: &dyn Fn(Message) -> bool) {
    while let Ok(first) = jobs.recv() {
        let mut waiting: Vec<Job> = vec![first];
        for job in jobs.try_iter() {
            waiting.retain(|other| other.uri != job.uri);
            waiting.push(job);
        }
        for job in waiting {
            let found = catch_unwind(AssertUnwindSafe(|| diagnostics::of(&job.host, &job.path, &job.text)));
            let diagnostics = found.unwrap_or_default();
            let params = PublishDiagnosticsParams { uri: job.uri, diagnostics, version: Some(job.version) };
            if !publish(note::<PublishDiagnostics>(params)) {
                return;
            }
        }
    }
}
