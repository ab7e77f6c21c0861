//! The log and messages to people.

use rhai::{Dynamic, EvalAltResult, FuncRegistration, Map, Module, NativeCallContext};
use serde_json::json;

use crate::call::Call;
use crate::error::{Error, Kind, Result};
use crate::journal::Level;
use crate::notify::Message;
use crate::permission::Effect;
use crate::script::diagnostic::raise;
use crate::script::options;
use crate::script::std::function::{Function, functions};
use crate::script::std::run_of;
use crate::script::value;

type RhaiResult<T> = Result<T, Box<EvalAltResult>>;

pub(super) static ROWS: &[Function] = functions! {
    pure Anywhere Nothing.info(text: Any) -> Null {
        "A line in the log.", "写一行日志。",
        "info(`${vps().name} is fine`)" => "()"
    }
    pure Anywhere Nothing.warn(text: Any) -> Null {
        "A warning in the log.", "写一行警告日志。",
        "warn(\"nearly full\")" => "()"
    }
    pure Anywhere Nothing.error(text: Any) -> Null {
        "An error in the log; the run goes on.", "写一行错误日志；运行继续。",
        "error(\"full\")" => "()"
    }
    write Run Nothing.notify(message: (Text | (map of
        title: Text, text: Text, level: Text, to: (Text | [Text]), key: Text, every: Duration, silent: Bool))) -> Null {
        "A message to people. With `key` and `every` it is sent once per period.",
        "给人发送消息。带 `key` 与 `every` 时每个周期只发一次。",
        "notify(#{title: \"Traffic\", text: \"90 % used\", key: \"quota\", every: \"1d\"})" => "()"
    }
};

pub(super) fn add(module: &mut Module) {
    for (name, level) in [("info", Level::Info), ("warn", Level::Warn), ("error", Level::Error)] {
        FuncRegistration::new(name).in_global_namespace().with_volatility(true).set_into_module(
            module,
            move |ctx: NativeCallContext, text: Dynamic| -> RhaiResult<()> {
                let run = run_of(Some(&ctx)).map_err(|error| raise(Some(&ctx), error))?;
                run.say(level, &value::display(&text, run.host.config.timezone));
                Ok(())
            },
        );
    }
    FuncRegistration::new("notify").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, what: Dynamic| -> RhaiResult<()> {
            notify(&ctx, &what).map_err(|error| raise(Some(&ctx), error))
        },
    );
}

/// `notify("text")`, or a map with title, text, level, to, key, every, silent.
fn notify(ctx: &NativeCallContext, what: &Dynamic) -> Result<()> {
    let run = run_of(Some(ctx))?;
    run.require_run("notify")?;
    let message = match what.read_lock::<Map>() {
        Some(map) => from_map(&map, run.host.config.timezone)?,
        None => Message::new(value::display(what, run.host.config.timezone)),
    };
    let message = Message {
        script: Some(run.script.clone()),
        trigger: run.trigger.clone(),
        run: Some(run.run.clone()),
        ..message
    };
    if run.is_dry() {
        let args = json!({"title": message.title, "text": message.text, "to": message.to});
        run.hold_back(Call {
            service: "notify".into(),
            instance: String::new(),
            endpoint: message.to.as_ref().map_or_else(|| "default".into(), |to| to.join(",")),
            effect: Effect::Write,
            summary: Some(format!("send the message: {}", message.text)),
            args,
            status: None,
            ok: true,
            ms: 0,
            via: None,
        });
        return Ok(());
    }
    let talk = run.talk();
    run.wait("notify", run.host.notifier.send(&message, &talk)).map(drop)
}

fn from_map(map: &Map, zone: chrono_tz::Tz) -> Result<Message> {
    options::known(map, &["title", "text", "level", "to", "key", "every", "silent"])?;
    let text = options::get(map, "text").map(|text| value::display(text, zone)).ok_or_else(|| {
        Error::new(Kind::Argument, "the message has no `text`").hint("write `notify(#{text: \"…\", title: \"…\"})`")
    })?;
    let level = match options::text(map, "level")?.as_deref() {
        None | Some("info") => Level::Info,
        Some("warn") => Level::Warn,
        Some("error") => Level::Error,
        Some(other) => {
            return Err(Error::new(Kind::Argument, format!("unknown level `{other}`"))
                .hint("the levels are `info`, `warn` and `error`"));
        }
    };
    Ok(Message {
        title: options::get(map, "title").map(|title| value::display(title, zone)),
        level,
        to: options::texts(map, "to")?,
        key: options::text(map, "key")?,
        every: options::duration(map, "every")?,
        silent: options::boolean(map, "silent")?.unwrap_or(false),
        ..Message::new(text)
    })
}
