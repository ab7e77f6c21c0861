//! `http`, `tcp_check`, `resolve` and `secret`: what reaches beyond the fleet, as far as configuration grants it.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::{Array, Dynamic, EvalAltResult, FuncRegistration, ImmutableString, Map, Module, NativeCallContext};
use serde_json::{Value, json};
use url::{Host, Url};

use crate::address::Ip;
use crate::api::shapes;
use crate::call::Call;
use crate::config::{Proxy, Transport};
use crate::error::{Error, Kind, Result};
use crate::http::{self, Body, Method, Reply, Request};
use crate::network;
use crate::permission::{Ask, Effect};
use crate::script::context::Context;
use crate::script::diagnostic::raise;
use crate::script::handles::Http;
use crate::script::options;
use crate::script::std::function::{Function, functions};
use crate::script::std::run_of;
use crate::script::value;
use crate::secret::Secret;
use crate::text::clip;
use crate::time::{Duration, Time};

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

shapes! {
    /// What a server answered.
    HttpReply {
        status: Int,
        /// By their names in small letters.
        headers: {Text},
        text: Text,
        /// The text read as JSON; `()` where it is none.
        json: Any,
    }
}

pub(super) static ROWS: &[Function] = functions! {
    read Run Http.get(url: Text; options: (map of query: {Any}, headers: {Any}, basic_auth: [Any], timeout: Duration,
            proxy: Text, plain_http: Bool, any_status: Bool)) -> (shape HttpReply) {
        "Asks a server that the configuration grants. Redirects are not followed; a status from 400 on raises without `any_status`. A header, or a text, may be a list of parts, secrets among them.",
        "向配置中授权的服务器发请求。不跟随重定向；状态码 400 及以上会报错，除非写 `any_status`。请求头和正文可写成若干部分的列表，其中可含机密。",
        "http.get(\"https://api.example.org/status\", #{headers: #{Authorization: [\"Bearer \", secret(\"push_key\")]}}).json.ok" => "true"
    }
    write Run Http.post(url: Text; options: (map of json: Any, form: {Any}, text: (Text | [Any]), query: {Any}, headers: {Any},
            basic_auth: [Any], timeout: Duration, proxy: Text, plain_http: Bool, any_status: Bool)) -> (shape HttpReply) {
        "Sends JSON, a form or a text to a server that the configuration grants.",
        "向配置中授权的服务器发送 JSON、表单或文本。",
        "http.post(\"https://api.example.org/hook\", #{json: #{text: \"hello\"}}).json.text" => "hello"
    }
    write Run Http.put(url: Text; options: (map of json: Any, form: {Any}, text: (Text | [Any]), query: {Any}, headers: {Any},
            basic_auth: [Any], timeout: Duration, proxy: Text, plain_http: Bool, any_status: Bool)) -> (shape HttpReply) {
        "The same with the method PUT.", "同上，方法为 PUT。",
        "http.put(\"https://api.example.org/limit\", #{text: \"5 MiB/s\"}).text" => "5 MiB/s"
    }
    write Run Http.delete(url: Text; options: (map of json: Any, form: {Any}, text: (Text | [Any]), query: {Any}, headers: {Any},
            basic_auth: [Any], timeout: Duration, proxy: Text, plain_http: Bool, any_status: Bool)) -> (shape HttpReply) {
        "The same with the method DELETE.", "同上，方法为 DELETE。",
        "http.delete(\"https://api.example.org/limit\").status" => "200"
    }
    write Run Http.request(method: Text, url: Text; options: (map of json: Any, form: {Any}, text: (Text | [Any]), query: {Any},
            headers: {Any}, basic_auth: [Any], timeout: Duration, proxy: Text, plain_http: Bool, any_status: Bool))
            -> (shape HttpReply) {
        "The same with any method; a read where that is GET, HEAD or OPTIONS.",
        "同上，可用任意方法；GET、HEAD、OPTIONS 为只读。",
        "http.request(\"PATCH\", \"https://api.example.org/limit\", #{form: #{up: 5.MiB}}).text" => "up=5242880"
    }
    read Run Nothing.tcp_check(host: Text, port: Int; options: (map of timeout: Duration)) -> Bool {
        "Whether a TCP connection can be made; within 5 seconds where `timeout` is left out. Needs the grant `net:HOST:PORT`.",
        "能否建立 TCP 连接；省略 `timeout` 时最多 5 秒。需要授权 `net:HOST:PORT`。",
        "tcp_check(\"127.0.0.1\", 1, #{timeout: \"2s\"})" => "false"
    }
    read Run Nothing.resolve(name: Text) -> [Ip] {
        "The addresses of a name, sorted.", "域名的所有地址，已排序。",
        "resolve(\"127.0.0.1\")" => "[127.0.0.1]"
    }
    read Run Nothing.secret(name: Text) -> Secret {
        "A secret of the configuration, for headers and bodies of `http`; it cannot be read. Needs the grant `secret:NAME`.",
        "配置中的机密，用于 `http` 的请求头与正文；无法读出。需要授权 `secret:NAME`。",
        "`${secret(\"push_key\")}`" => "***"
    }
};

pub(super) fn add(module: &mut Module) {
    module.set_custom_type::<Http>("Http");
    for (name, method) in
        [("get", Method::GET), ("post", Method::POST), ("put", Method::PUT), ("delete", Method::DELETE)]
    {
        let plain = method.clone();
        function(module, name, move |run, _: &mut Http, url: ImmutableString| send(run, &plain, &url, &Map::new()));
        FuncRegistration::new(name).in_global_namespace().with_volatility(true).set_into_module(
            module,
            move |ctx: NativeCallContext, _: &mut Http, url: ImmutableString, options: Map| -> RhaiResult<Dynamic> {
                run_of(Some(&ctx))
                    .and_then(|run| send(&run, &method, &url, &options))
                    .map_err(|error| raise(Some(&ctx), error))
            },
        );
    }
    FuncRegistration::new("request").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, _: &mut Http, method: ImmutableString, url: ImmutableString| -> RhaiResult<Dynamic> {
            run_of(Some(&ctx))
                .and_then(|run| send(&run, &method_of(&method)?, &url, &Map::new()))
                .map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("request").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext,
         _: &mut Http,
         method: ImmutableString,
         url: ImmutableString,
         options: Map|
         -> RhaiResult<Dynamic> {
            run_of(Some(&ctx))
                .and_then(|run| send(&run, &method_of(&method)?, &url, &options))
                .map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("tcp_check").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, host: ImmutableString, port: i64| -> RhaiResult<bool> {
            run_of(Some(&ctx))
                .and_then(|run| tcp_check(&run, &host, port, &Map::new()))
                .map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("tcp_check").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, host: ImmutableString, port: i64, options: Map| -> RhaiResult<bool> {
            run_of(Some(&ctx))
                .and_then(|run| tcp_check(&run, &host, port, &options))
                .map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("resolve").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, name: ImmutableString| -> RhaiResult<Array> {
            let resolve = || {
                let run = run_of(Some(&ctx))?;
                if run.host.http.is_outside(&name) && name.parse::<IpAddr>().is_err() {
                    let message = format!("`{name}` is outside of the simulated world");
                    return Err(Error::new(Kind::Transport, message).from_call("http", "resolve"));
                }
                let found = network::resolve(&*run.host.clock, &name, run.deadline());
                Ok(run.wait("resolve", found)?.into_iter().map(Dynamic::from).collect())
            };
            resolve().map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("secret").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, name: ImmutableString| -> RhaiResult<Secret> {
            run_of(Some(&ctx)).and_then(|run| secret(&run, &name)).map_err(|error| raise(Some(&ctx), error))
        },
    );
}

/// A method of `http` without options.
fn function(
    module: &mut Module,
    name: &str,
    body: impl Fn(&Arc<Context>, &mut Http, ImmutableString) -> Result<Dynamic> + Send + Sync + 'static,
) {
    FuncRegistration::new(name).in_global_namespace().with_volatility(true).set_into_module(
        module,
        move |ctx: NativeCallContext, http: &mut Http, url: ImmutableString| -> RhaiResult<Dynamic> {
            run_of(Some(&ctx)).and_then(|run| body(&run, http, url)).map_err(|error| raise(Some(&ctx), error))
        },
    );
}

fn method_of(text: &str) -> Result<Method> {
    const METHODS: [Method; 7] =
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    METHODS.into_iter().find(|method| method.as_str() == text.to_uppercase()).ok_or_else(|| {
        Error::new(Kind::Argument, format!("`{text}` is no HTTP method"))
            .hint("write `\"GET\"`, `\"POST\"`, `\"PUT\"`, `\"PATCH\"` or `\"DELETE\"`")
    })
}

/// How long an answer may take where the script does not say.
const TIMEOUT: Duration = Duration::from_seconds(30);

/// One request as a script wrote it.
struct Asked {
    method: Method,
    url: Url,
    host: String,
    request: Request,
    any_status: bool,
    /// For the record, without secrets.
    args: Value,
}

impl Asked {
    fn read(run: &Context, method: &Method, url: &str, map: &Map) -> Result<Self> {
        let keys =
            ["json", "form", "text", "query", "headers", "basic_auth", "timeout", "proxy", "plain_http", "any_status"];
        options::known(map, &keys)?;
        let wrong = || {
            Error::new(Kind::Argument, format!("`{}` is no web address", clip(url, 200)))
                .hint("write it whole: `\"https://api.example.org/path\"`")
        };
        let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(wrong)?;
        let host = match parsed.host().ok_or_else(wrong)? {
            Host::Ipv6(ip) => ip.to_string(),
            host => host.to_string(),
        };
        let zone = run.host.config.timezone;
        let timeout = options::duration(map, "timeout")?.unwrap_or(TIMEOUT);
        let limits = &run.host.config.limits;
        let mut headers = pairs(map, "headers")?;
        if let Some(value) = options::get(map, "basic_auth") {
            let parts = value.read_lock::<Array>().filter(|parts| parts.len() == 2).ok_or_else(|| {
                Error::new(Kind::Argument, "`basic_auth` is a list of user and password")
                    .hint("write `basic_auth: [\"user\", secret(\"name\")]`")
            })?;
            let login = format!("{}:{}", exposed("basic_auth", &parts[0])?, exposed("basic_auth", &parts[1])?);
            headers.push(("Authorization".into(), format!("Basic {}", BASE64_STANDARD.encode(login))));
        }
        let bodies = ["json", "form", "text"].into_iter().filter(|key| map.contains_key(*key));
        let body = match bodies.collect::<Vec<_>>().as_slice() {
            [] => Body::None,
            ["json"] => Body::Json(value::to_argument(&map["json"], zone)),
            ["form"] => Body::Form(pairs(map, "form")?),
            ["text"] => Body::Text(exposed("text", &map["text"])?),
            several => {
                let several = crate::text::list(several.iter().copied(), "and");
                return Err(Error::new(Kind::Argument, format!("a request has one body, not {several}")));
            }
        };
        let shown = |key: &str| options::get(map, key).map(|item| value::to_json(item, zone));
        let args = ["query", "json", "form", "text"].into_iter().filter_map(|key| Some((key.to_owned(), shown(key)?)));
        let transport = Transport {
            proxy: options::text(map, "proxy")?.map(Proxy::new),
            plain_http: options::boolean(map, "plain_http")?.unwrap_or(false),
            ..Transport::default()
        };
        let query = match options::get(map, "query") {
            None => Vec::new(),
            Some(_) => pairs(map, "query")?,
        };
        let request = Request {
            transport,
            method: method.clone(),
            url: url.to_owned(),
            headers,
            query,
            body,
            deadline: run.deadline().min(run.host.clock.now() + timeout),
            max_reply: limits.reply.min(limits.string as u64),
        };
        let any_status = options::boolean(map, "any_status")?.unwrap_or(false);
        Ok(Self { method: method.clone(), url: parsed, host, request, any_status, args: Value::Object(args.collect()) })
    }

    fn effect(&self) -> Effect {
        if matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS) { Effect::Read } else { Effect::Write }
    }

    /// `POST api.example.org/path`.
    fn endpoint(&self) -> String {
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{} {}{port}{}", self.method, self.url.host_str().unwrap_or_default(), self.url.path())
    }
}

/// A text, a secret, or a list of both, for the wire.
fn exposed(name: &str, value: &Dynamic) -> Result<String> {
    if let Some(secret) = value.read_lock::<Secret>() {
        return Ok(secret.expose().to_owned());
    }
    if let Some(parts) = value.read_lock::<Array>() {
        return parts.iter().map(|part| exposed(name, part)).collect();
    }
    if value.is_string() || value.is_int() || value.is_float() || value.is_bool() || value.is_char() {
        return Ok(value::display(value, chrono_tz::Tz::UTC));
    }
    options::to_text(name, value)
}

/// The entries of a map of texts.
fn pairs(map: &Map, key: &str) -> Result<Vec<(String, String)>> {
    let Some(value) = options::get(map, key) else { return Ok(Vec::new()) };
    let entries = value.read_lock::<Map>().ok_or_else(|| {
        Error::new(Kind::Argument, format!("`{key}` is a map")).hint(format!("write `{key}: #{{name: \"value\"}}`"))
    })?;
    entries.iter().map(|(name, value)| Ok((name.to_string(), exposed(name, value)?))).collect()
}

fn send(run: &Arc<Context>, method: &Method, url: &str, map: &Map) -> Result<Dynamic> {
    run.require_run("http")?;
    let asked = Asked::read(run, method, url, map)?;
    let effect = asked.effect();
    let endpoint = run.host.masker.mask(&asked.endpoint()).into_owned();
    permit(run, "http", &asked.host, effect)?;
    let mut call = Call {
        service: "http".into(),
        instance: asked.host.clone(),
        endpoint: endpoint.clone(),
        effect,
        args: asked.args.clone(),
        status: None,
        ok: true,
        ms: 0,
        bytes: None,
        via: None,
        summary: None,
    };
    let pinned = addresses(run, &asked, effect).map_err(|error| error.from_call("http", &endpoint))?;
    let change = || Call { summary: Some(format!("send {endpoint}")), ..call.clone() };
    if effect != Effect::Read && run.holds_back(change)? {
        return Ok(value::placeholder(&crate::api::Type::Shape(&HttpReply)));
    }
    let start = run.host.clock.now();
    let (client, gate) = (&run.host.http, run.host.http.gate(url));
    let outcome = run.wait("http", async {
        let _turn = gate.acquire().await.map_err(|error| Error::internal(error.to_string()))?;
        client.send_to(asked.request.clone(), &pinned).await
    });
    call.ms = u64::try_from((run.host.clock.now() - start).millis()).unwrap_or(0);
    let outcome = outcome.and_then(|reply| {
        call.status = Some(reply.status);
        call.bytes = Some(reply.body.len() as u64);
        if reply.status >= 400 && !asked.any_status { Err(refused(&reply)) } else { Ok(reply) }
    });
    if let Err(error) = &outcome {
        call.ok = false;
        call.status = call.status.or(error.status);
    }
    run.note(call);
    outcome.map(opened).map_err(|error| error.from_call("http", &endpoint))
}

fn permit(run: &Context, service: &str, endpoint: &str, effect: Effect) -> Result<()> {
    run.permit(&Ask { service, instance: "", endpoint, argument: None, effect }, &[])
}

/// The addresses that the request goes to. A name of the Internet must not lead into the network at home: that
/// would need a grant of the address itself. A proxy finds the host, and is itself a place that needs one.
fn addresses(run: &Context, asked: &Asked, effect: Effect) -> Result<Vec<IpAddr>> {
    if let Some(proxy) = &asked.request.transport.proxy {
        let place = Url::parse(proxy.expose()).ok().and_then(|url| {
            let port = url.port_or_known_default().or((url.scheme().starts_with("socks")).then_some(1080))?;
            Some(format!("{}:{port}", url.host_str()?))
        });
        let place = place.ok_or_else(|| {
            Error::new(Kind::Argument, "the address of the proxy cannot be read")
                .hint("write `http://host:port` or `socks5://host:port`")
        })?;
        permit(run, "net", &place, Effect::Read)?;
        if asked.url.host().is_some_and(|host| matches!(host, Host::Domain(_))) {
            return Ok(Vec::new());
        }
    }
    let found = run.wait("http", run.host.http.resolve(asked.url.as_str(), asked.request.deadline))?;
    for ip in unexpected(&asked.url, &found) {
        permit(run, "http", &ip.to_string(), effect).map_err(|mut error| {
            error.message = format!("`{}` leads to the private address `{ip}`: {}", asked.host, error.message);
            error
        })?;
    }
    Ok(found)
}

/// The private addresses of what looks like a name of the Internet.
fn unexpected(url: &Url, found: &[IpAddr]) -> Vec<Ip> {
    let is_name = matches!(url.host(), Some(Host::Domain(_)));
    let private = found.iter().map(|ip| Ip::from(*ip)).filter(|ip| !ip.is_public());
    if is_name && !http::is_local(url.as_str()) { private.collect() } else { Vec::new() }
}

/// The error for a status that says no.
fn refused(reply: &Reply) -> Error {
    let kind = match reply.status {
        401 | 403 => Kind::Auth,
        429 => Kind::RateLimit,
        _ => Kind::Http,
    };
    let text = String::from_utf8_lossy(&reply.body);
    let said = if text.trim().is_empty() { String::new() } else { format!(": {}", clip(text.trim(), 300)) };
    let mut error = Error::new(kind, format!("the server answered {}{said}", reply.status)).status(reply.status);
    error.retryable = reply.status >= 500 || reply.status == 429;
    error.hint("to look at the reply yourself write `any_status: true`")
}

fn opened(reply: Reply) -> Dynamic {
    let mut headers = Map::new();
    for (name, value) in &reply.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let before = headers.get(name.as_str()).map(ToString::to_string);
        let value = before.map_or(value.clone(), |before| format!("{before}, {value}"));
        headers.insert(name.as_str().into(), value.into());
    }
    let text = String::from_utf8(reply.body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into());
    let json = serde_json::from_str::<Value>(&text).map_or(Dynamic::UNIT, |json| value::from_json(&json));
    Map::from([
        ("status".into(), i64::from(reply.status).into()),
        ("headers".into(), headers.into()),
        ("text".into(), text.into()),
        ("json".into(), json),
    ])
    .into()
}

fn tcp_check(run: &Arc<Context>, host: &str, port: i64, map: &Map) -> Result<bool> {
    run.require_run("tcp_check")?;
    options::known(map, &["timeout"])?;
    let timeout = options::duration(map, "timeout")?.unwrap_or(Duration::from_seconds(5));
    let number = u16::try_from(port).ok().filter(|port| *port > 0).ok_or_else(|| {
        Error::new(Kind::Argument, format!("`{port}` is no port")).hint("a port is a number from 1 to 65535")
    })?;
    let place = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    permit(run, "net", &place, Effect::Read)?;
    let start = run.host.clock.now();
    let deadline: Time = run.deadline().min(start + timeout);
    let ok = !run.host.http.is_outside(host)
        && run.wait("tcp_check", async { Ok(network::answers(&*run.host.clock, host, number, deadline).await) })?;
    run.note(Call {
        service: "http".into(),
        instance: host.into(),
        endpoint: format!("CONNECT {place}"),
        effect: Effect::Read,
        args: json!({}),
        status: None,
        ok,
        ms: u64::try_from((run.host.clock.now() - start).millis()).unwrap_or(0),
        bytes: None,
        via: Some("tcp_check".into()),
        summary: None,
    });
    Ok(ok)
}

fn secret(run: &Context, name: &str) -> Result<Secret> {
    run.require_run("secret")?;
    let known = &run.host.config.secret;
    let source = known.get(name).ok_or_else(|| {
        let mut error = Error::new(Kind::Argument, format!("there is no secret `{name}`"));
        error.hint = crate::text::suggestion(name, known.keys().map(String::as_str))
            .or_else(|| Some(format!("define it in tidegate.toml: `[secret.{name}]` with `env` or `file`")));
        error
    })?;
    permit(run, "secret", name, Effect::Read)?;
    run.host.vault.read(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_internet_that_leads_home_is_unexpected() {
        let found = ["203.0.113.7", "10.0.0.5", "::ffff:127.0.0.1", "169.254.169.254"].map(|ip| ip.parse().unwrap());
        let unexpected = |url: &str| super::unexpected(&Url::parse(url).unwrap(), &found).len();
        assert_eq!(unexpected("https://api.example.org/x"), 3);
        // Whoever grants these, means the network at home.
        for url in ["http://nas.lan", "http://10.0.0.5", "http://[::1]:80", "http://localhost"] {
            assert_eq!(unexpected(url), 0, "{url}");
        }
    }
}
