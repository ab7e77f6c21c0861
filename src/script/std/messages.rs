//! The log and messages to people.

use rhai::{Dynamic, EvalAltResult, FuncRegistration, Map, Module, NativeCallContext};
use serde_json::json;

use crate::call::Call;
use crate::error::{Error, Kind, Result};
use crate::journal::Level;
use crate::notify::{Message, Recovery};
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
        title: Text, text: Text, level: Text, to: (Text | [Text]), key: Text, every: Duration,
        recovered: (Bool | Text), silent: Bool))) -> Null {
        "A message to people. With `key` and `every` it is sent once per period, and another one follows when a later run of the trigger does not repeat it; `recovered` gives that one's words, or `false` for none.",
        "给人发送消息。带 `key` 与 `every` 时每个周期只发一次；之后某次运行不再发出同一 `key` 时，自动发送恢复消息，`recovered` 可改其文字，`false` 则不发。",
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

/// `notify("text")`, or a map with title, text, level, to, key, every, recovered, silent.
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
    let notifier = &run.host.notifier;
    let change = |channel: &str| Call {
        service: "notify".into(),
        instance: channel.into(),
        summary: Some(format!("send to `{channel}`: {}", message.text)),
        endpoint: channel.into(),
        effect: Effect::Write,
        args: json!({"title": message.title, "text": message.text, "level": message.level}),
        status: None,
        ok: true,
        ms: 0,
        bytes: None,
        via: None,
    };
    for channel in notifier.chosen(&message)? {
        run.holds_back(|| change(&channel))?;
    }
    if run.is_dry() {
        return Ok(());
    }
    let talk = run.talk();
    let outcome = run.wait("notify", notifier.send(&message, &talk))?;
    run.has_told(message.key);
    // A message that does not arrive is no reason to end the run: it may be about to stop the transfers.
    for trouble in &outcome.troubles {
        run.say(Level::Warn, trouble);
    }
    Ok(())
}

fn from_map(map: &Map, zone: chrono_tz::Tz) -> Result<Message> {
    options::known(map, &["title", "text", "level", "to", "key", "every", "recovered", "silent"])?;
    let text = options::get(map, "text").map(|text| value::display(text, zone)).ok_or_else(|| {
        Error::new(Kind::Argument, "the message has no `text`").hint("write `notify(#{text: \"…\", title: \"…\"})`")
    })?;
    let level = match options::text(map, "level")?.as_deref() {
        None => Level::Info,
        Some(word) => Level::of_message(word).ok_or_else(|| {
            Error::new(Kind::Argument, format!("unknown level `{word}`"))
                .hint("the levels are `info`, `warn` and `error`")
        })?,
    };
    Ok(Message {
        title: options::get(map, "title").map(|title| value::display(title, zone)),
        level,
        to: options::texts(map, "to")?,
        key: options::text(map, "key")?,
        every: options::duration(map, "every")?,
        recovery: match options::get(map, "recovered") {
            None => Recovery::Say,
            Some(say) => match say.as_bool() {
                Ok(true) => Recovery::Say,
                Ok(false) => Recovery::Nothing,
                Err(_) => Recovery::Words(value::display(say, zone)),
            },
        },
        silent: options::boolean(map, "silent")?.unwrap_or(false),
        ..Message::new(text)
    })
}
