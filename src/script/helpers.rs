//! Helpers: what hangs on handles beside the endpoints. Each is a row here, so that the checker,
//! completion, the reference and the dry run know it; its arithmetic and its requests live in the world layer.

mod chinese;
mod downloader;
mod pbh;
mod torrents;
mod vps;

use std::sync::Arc;

use futures::future::{LocalBoxFuture, join_all};
use rhai::{Array, Dynamic, Map};
use serde_json::Value;

use crate::api::{Service, Type};
use crate::call::Call;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::permission::{Ask, Effect};
use crate::recorder::Talk;
use crate::time::Duration;

pub(super) use torrents::Filter;

use super::context::Context;
use super::{options, value};

/// What a helper hangs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum On {
    Vps,
    Pbh,
    /// A downloader, or a list of them.
    Downloader,
}

impl On {
    /// The service as grants and calls name it.
    pub const fn service(self) -> &'static str {
        match self {
            Self::Vps => "kiwivm",
            Self::Pbh => "pbh",
            Self::Downloader => "downloader",
        }
    }
}

/// One helper.
pub struct Helper {
    pub on: On,
    pub id: &'static str,
    pub doc: &'static str,
    pub effect: Effect,
    /// Names and types of the positional arguments; a name that ends in `?` may be left out.
    pub required: &'static [(&'static str, &'static str)],
    /// Names and types of the keys of the option map.
    pub options: &'static [(&'static str, &'static str)],
    pub returns: Type,
    /// The rows it calls; a grant of one of them covers it.
    pub calls: &'static [&'static str],
    /// What a dry run says it would do.
    words: fn(&Invocation) -> String,
    body: Body,
}

type Body = fn(Invocation) -> Result<Answer>;
type Answer = LocalBoxFuture<'static, Result<Value>>;

/// Whom a helper is called on.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    One(String),
    Many(Vec<String>),
}

/// One call of a helper, its arguments read.
#[derive(Clone)]
pub(super) struct Invocation {
    pub(super) host: Arc<Host>,
    pub(super) script: String,
    /// The instance's name.
    pub(super) name: String,
    pub(super) args: Vec<Dynamic>,
    pub(super) options: Map,
    pub(super) talk: Talk,
    /// It is called on each of a list.
    pub(super) many: bool,
}

impl Helper {
    /// `top_peers(n: int, #{vps: text, …}) -> [TopPeer]`.
    pub fn signature(&self) -> String {
        let mut params: Vec<_> = self.required.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
        if !self.options.is_empty() {
            let keys: Vec<_> = self.options.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
            params.push(format!("#{{{}}}", keys.join(", ")));
        }
        format!("{}({}) -> {}", self.id, params.join(", "), self.returns)
    }

    /// Whether it asks again and again until something is different.
    fn waits(&self) -> bool {
        self.id.starts_with("wait_")
    }

    /// The row that does what the helper is for, the first that changes something: who is denied that is
    /// denied this.
    fn main_row(&self) -> Option<&'static str> {
        let service = Service::ALL.into_iter().find(|service| service.name() == self.on.service())?;
        let changes = |id: &str| service.rows().iter().any(|row| row.id == id && row.effect != Effect::Read);
        self.calls.iter().copied().find(|id| changes(id)).filter(|_| self.effect != Effect::Read)
    }

    /// Calls it the way a script may: at run time only, as far as it is permitted, for real or in words. `age` is
    /// how old the replies to its reads may be.
    pub(super) fn invoke(
        &'static self,
        run: &Arc<Context>,
        subject: Subject,
        age: Option<Duration>,
        mut args: Vec<Dynamic>,
    ) -> Result<Dynamic> {
        run.require_run(self.id)?;
        if age.is_some() && self.waits() {
            return Err(Error::new(
                Kind::Argument,
                format!("`{}` waits for a change, which a reply kept by `cached` does not show", self.id),
            )
            .hint("call it on the handle itself, without `cached`"));
        }
        let positions = self.least()..=self.required.len();
        let options = match args.last().and_then(|last| last.read_lock::<Map>().map(|map| map.clone())) {
            Some(map) if positions.contains(&(args.len() - 1)) && !self.options.is_empty() => {
                args.pop();
                map
            }
            _ => Map::new(),
        };
        if !positions.contains(&args.len()) {
            let (n, wanted) = (args.len(), self.required.len());
            return Err(Error::new(
                Kind::Argument,
                format!("`{}` takes {}, not {n}", self.id, crate::text::count(wanted, "argument")),
            )
            .hint(format!("its signature is `{}`", self.signature())));
        }
        let keys: Vec<_> = self.options.iter().map(|(name, _)| *name).collect();
        options::known(&options, &keys)?;
        let (names, many) = match subject {
            Subject::One(name) => (vec![name], false),
            Subject::Many(names) => (names, true),
        };
        let effect = self.effect_with(&args);
        for name in &names {
            let ask = Ask { service: self.on.service(), instance: name, endpoint: self.id, argument: None, effect };
            run.permit(&ask, self.calls)?;
            if let Some(row) = self.main_row() {
                run.permit(&Ask { endpoint: row, effect: Effect::Write, ..ask }, &[])?;
            }
        }
        // What is read in order to change it must be what is true now.
        let talk = run.talk().via(self.id).aged(age.filter(|_| self.effect == Effect::Read));
        let invocations: Vec<_> = names
            .into_iter()
            .map(|name| Invocation {
                host: Arc::clone(&run.host),
                script: run.script.clone(),
                name,
                args: args.clone(),
                options: options.clone(),
                talk: talk.clone(),
                many,
            })
            .collect();
        // Arguments are read for all before anything is sent for one, and in a dry run just the same.
        let answers = invocations.iter().cloned().map(self.body).collect::<Result<Vec<_>>>()?;
        let mut held = Array::new();
        for invocation in invocations.iter().filter(|_| effect != Effect::Read) {
            if run.holds_back(|| self.change(run, effect, invocation))? {
                held.push(value::placeholder(&self.returns));
            }
        }
        let values = if held.is_empty() {
            let values = run.wait(self.id, async { together(join_all(answers).await) })?;
            values.iter().map(|answer| value::typed(answer, &self.returns)).collect::<Array>()
        } else {
            held
        };
        match (many, &self.returns) {
            (false, _) => Ok(values.into_iter().next().unwrap_or(Dynamic::UNIT)),
            // Lists of several clients are one list.
            (true, Type::List(_)) => Ok(values
                .into_iter()
                .flat_map(|value| value.into_array().unwrap_or_default())
                .collect::<Array>()
                .into()),
            (true, _) => Ok(values.into()),
        }
    }

    /// How many positional arguments it takes at least.
    pub fn least(&self) -> usize {
        self.required.iter().filter(|(name, _)| !name.ends_with('?')).count()
    }

    /// The method decides what a `request` costs.
    fn effect_with(&self, args: &[Dynamic]) -> Effect {
        let method = args.first().filter(|_| self.id == "request").and_then(|arg| arg.clone().into_string().ok());
        method.map_or(self.effect, |method| Effect::of_request(&method))
    }

    /// The whole call as one change.
    fn change(&self, run: &Context, effect: Effect, invocation: &Invocation) -> Call {
        let zone = run.host.config.timezone;
        let named = self
            .required
            .iter()
            .zip(&invocation.args)
            .map(|((name, _), arg)| ((*name).to_owned(), value::to_json(arg, zone)));
        let options = invocation.options.iter().map(|(key, arg)| (key.to_string(), value::to_json(arg, zone)));
        Call {
            service: self.on.service().into(),
            instance: invocation.name.clone(),
            endpoint: self.id.into(),
            effect,
            args: Value::Object(named.chain(options).collect()),
            status: None,
            ok: true,
            ms: 0,
            bytes: None,
            via: None,
            summary: Some((self.words)(invocation)),
        }
    }
}

/// All values, or one error that names every failure: one client that is down stops nothing for the others.
fn together(outcomes: Vec<Result<Value>>) -> Result<Vec<Value>> {
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    match failed.as_slice() {
        [] | [_] => outcomes.into_iter().collect(),
        [first, ..] => {
            let all: Vec<_> = failed.iter().map(ToString::to_string).collect();
            let mut error = (*first).clone();
            error.message = format!("{} of {} failed: {}", failed.len(), outcomes.len(), all.join("; "));
            Err(error)
        }
    }
}

/// Every helper, by what it hangs on.
pub fn all() -> impl Iterator<Item = &'static Helper> + Clone {
    vps::VPS.iter().chain(pbh::PBH).chain(downloader::DOWNLOADER).chain(torrents::TORRENTS)
}

/// What a body returns: its result as JSON, later.
#[expect(clippy::unnecessary_wraps, reason = "bodies fail before it, and end with it")]
fn answer<T: serde::Serialize>(future: impl Future<Output = Result<T>> + 'static) -> Result<Answer> {
    Ok(Box::pin(async move { serde_json::to_value(future.await?).map_err(|error| Error::internal(error.to_string())) }))
}
