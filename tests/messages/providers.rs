//! Each provider's request, its refusals, and its limits.

use serde_json::{Value, json};
use tidegate::error::Kind;
use tidegate::journal::Level;
use tidegate::notify::Message;

use super::post::{Letter, Post};
use crate::fleet::rig::{Rig, run};

const DINGTALK: &str = "YYUonMa+UG0uSvXK7B4v5lBLGX7d8wvKFCz53u3s4aY=";
const FEISHU: &str = "rqdHL7G6o4RdyEc+pEkAyHSpZyD6GXNctxjRU34q3iQ=";

fn message() -> Message {
    Message {
        title: Some("流量".into()),
        level: Level::Warn,
        script: Some("guard".into()),
        ..Message::new("用了 93.5 %")
    }
}

/// Runs `test` with `[notify.phone]`; `{url}` in `settings` is the server's address.
fn with<F: Future<Output = ()>>(settings: &str, answer: &Value, test: impl FnOnce(Rig, Post) -> F) {
    let post = Post::answering(answer);
    let listening = post.clone();
    let more = |_: &tidegate::sim::Sim| format!("[notify.phone]\n{}\n", settings.replace("{url}", &listening.listen()));
    run(|_| (), more, |rig| test(rig, post));
}

impl Rig {
    async fn says(&self, message: &Message) -> Vec<String> {
        self.host.notifier.send(message, &self.talk()).await.unwrap().troubles
    }
}

/// A message arrives as `check` wants it; the refusals are told as such, and nothing of the secret is shown.
fn provider(settings: &str, good: Value, check: impl FnOnce(&Letter), refusals: &[(u16, Value, Kind, &str)]) {
    with(settings, &good, |rig, post| async move {
        assert_eq!(rig.says(&message()).await, [""; 0]);
        check(&post.only());
        rig.calls();
        for (status, answer, kind, words) in refusals {
            post.answer(*status, answer);
            let tested = rig.host.notifier.test("phone", &rig.talk()).await.unwrap();
            let error = tested.result.unwrap_err();
            assert_eq!(error.kind, *kind, "{answer}: {error:?}");
            assert!(error.message.contains(words), "{answer}: {error:?}");
            assert!(!format!("{error:?} {:?}", rig.calls()).contains("s3cr3t"), "{error:?}");
            post.take();
        }
        assert!(!format!("{:?}", rig.journal.lines()).contains("s3cr3t"));
    });
}

/// A text of 30,000 Chinese characters with emojis arrives cut, so that `size` of it is at most `most`, and most
/// of that is used.
fn limit(settings: &str, good: Value, most: usize, size: impl FnOnce(&Letter) -> usize) {
    with(settings, &good, |rig, post| async move {
        let long = Message { text: "流量已用完👨‍👩‍👧\n".repeat(3000), ..message() };
        assert_eq!(rig.says(&long).await, [""; 0]);
        let letter = post.only();
        let cut = letter.text.contains('…') || letter.text.contains("%E2%80%A6");
        assert!(!letter.text.contains('\u{fffd}') && cut);
        let size = size(&letter);
        assert!(size <= most && size > most * 9 / 10, "{size} of {most}");
    });
}

fn utf16(text: &Value) -> usize {
    text.as_str().unwrap().encode_utf16().count()
}

fn bytes(text: &Value) -> usize {
    text.as_str().unwrap().len()
}

#[test]
fn telegram() {
    let settings = "type = \"telegram\"\ntoken = \"123:s3cr3t\"\nchat = 42\nurl = \"{url}\"";
    provider(
        settings,
        json!({"ok": true, "result": {}}),
        |letter| {
            assert_eq!(letter.path, "/bot123:s3cr3t/sendMessage");
            let body = letter.json();
            assert_eq!((&body["chat_id"], &body["text"]), (&json!("42"), &json!("流量\n用了 93.5 %")));
            assert_eq!(body["entities"], json!([{"type": "bold", "offset": 0, "length": 2}]));
            assert_eq!(body["disable_notification"], Value::Null);
        },
        &[
            (
                400,
                json!({"ok": false, "error_code": 400, "description": "Bad Request: chat not found"}),
                Kind::Api,
                "chat not found",
            ),
            (401, json!({"ok": false, "error_code": 401, "description": "Unauthorized"}), Kind::Auth, "Unauthorized"),
            (
                429,
                json!({"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 30}}),
                Kind::RateLimit,
                "Too Many",
            ),
            (200, json!({"ok": false, "error_code": 400, "description": "Bad Request"}), Kind::Api, "Bad Request"),
        ],
    );
    limit(settings, json!({"ok": true}), 4096, |letter| utf16(&letter.json()["text"]));
    with(settings, &json!({"ok": true}), |rig, post| async move {
        rig.says(&Message { silent: true, title: None, ..message() }).await;
        let body = post.only().json();
        assert_eq!((&body["disable_notification"], &body["entities"]), (&json!(true), &Value::Null));
    });
}

#[test]
fn serverchan_of_both_generations() {
    let turbo = "type = \"serverchan\"\nkey = \"SCTs3cr3t\"\nchannel = \"9\"\nurl = \"{url}\"";
    provider(
        turbo,
        json!({"code": 0, "message": "", "data": {"pushid": "1", "errno": 0, "error": "SUCCESS"}}),
        |letter| {
            assert_eq!(letter.path, "/SCTs3cr3t.send");
            assert_eq!((letter.field("title"), letter.field("desp")), ("流量".into(), "用了 93.5 %".into()));
            assert_eq!(letter.field("channel"), "9");
        },
        &[
            (400, json!({"code": 40001, "message": "[AUTH]错误的Key"}), Kind::Auth, "错误的Key"),
            (200, json!({"code": 40001, "message": "[INPUT]超过当天的发送次数限制"}), Kind::Auth, "次数限制"),
            (200, json!("<html>"), Kind::Protocol, "no `code`"),
        ],
    );
    let newer = "type = \"serverchan\"\nkey = \"sctp7ts3cr3t\"\ntags = \"a|b\"\nurl = \"{url}\"";
    provider(
        newer,
        json!({"code": 0}),
        |letter| {
            assert_eq!(letter.path, "/send/sctp7ts3cr3t.send");
            assert_eq!(letter.field("tags"), "a|b");
        },
        &[(200, json!({"code": 1, "message": "no user"}), Kind::Api, "no user")],
    );
    limit(turbo, json!({"code": 0}), 32 * 1024, |letter| letter.field("desp").len());
    with(turbo, &json!({"code": 0}), |rig, post| async move {
        rig.says(&Message { title: Some("长".repeat(40)), ..message() }).await;
        assert_eq!(post.only().field("title"), format!("{}…", "长".repeat(31)));
    });
}

#[test]
fn pushplus() {
    let settings = "type = \"pushplus\"\ntoken = \"s3cr3t\"\ntopic = \"home\"\nurl = \"{url}\"";
    provider(
        settings,
        json!({"code": 200, "msg": "请求成功", "data": "1"}),
        |letter| {
            assert_eq!(letter.path, "/send");
            let expected = json!({"token": "s3cr3t", "title": "流量", "content": "用了 93.5 %", "template": "txt", "topic": "home"});
            assert_eq!(letter.json(), expected);
        },
        &[
            (200, json!({"code": 903, "msg": "无效的用户令牌"}), Kind::Auth, "无效的用户令牌"),
            (200, json!({"code": 900, "msg": "请求次数过多"}), Kind::RateLimit, "请求次数过多"),
            (200, json!({"code": 999, "msg": "服务端验证错误"}), Kind::Api, "服务端验证错误"),
        ],
    );
    limit(settings, json!({"code": 200}), 20_000, |letter| letter.json()["content"].as_str().unwrap().chars().count());
}

#[test]
fn bark() {
    let settings = "type = \"bark\"\nkey = \"s3cr3t\"\ngroup = \"tidegate\"\nurl = \"{url}\"";
    provider(
        settings,
        json!({"code": 200, "message": "success", "timestamp": 1}),
        |letter| {
            assert_eq!(letter.path, "/push");
            let expected = json!({"title": "流量", "body": "用了 93.5 %", "level": "timeSensitive", "group": "tidegate", "device_key": "s3cr3t"});
            assert_eq!(letter.json(), expected);
        },
        &[(400, json!({"code": 400, "message": "failed to get device token"}), Kind::Api, "device token")],
    );
    // Apple's limit is 4096 bytes for the whole; a rest is for what Bark's server puts around it.
    limit(settings, json!({"code": 200}), 2400, |letter| letter.text.len() - 130);
    let encrypted = format!("{settings}\nencryption_key = \"0123456789abcdef\"");
    with(&encrypted, &json!({"code": 200}), |rig, post| async move {
        rig.says(&message()).await;
        let body = post.only().json();
        assert_eq!(body["iv"].as_str().unwrap().len(), 16);
        assert!(body["ciphertext"].is_string() && body["body"].is_null() && body["title"].is_null());
    });
    let levels = format!("{settings}\ncritical = true");
    with(&levels, &json!({"code": 200}), |rig, post| async move {
        for (level, silent, word) in [
            (Level::Info, false, "active"),
            (Level::Warn, false, "timeSensitive"),
            (Level::Error, false, "critical"),
            (Level::Error, true, "passive"),
        ] {
            rig.says(&Message { level, silent, ..message() }).await;
            assert_eq!(post.only().json()["level"], word);
        }
    });
}

#[test]
fn wecom() {
    let settings =
        "type = \"wecom\"\nurl = \"{url}/cgi-bin/webhook/send?key=s3cr3t-s3cr3t-s3cr3t\"\nmention = \"@all\"";
    provider(
        settings,
        json!({"errcode": 0, "errmsg": "ok"}),
        |letter| {
            assert_eq!(letter.path, "/cgi-bin/webhook/send?key=s3cr3t-s3cr3t-s3cr3t");
            let expected =
                json!({"msgtype": "text", "text": {"content": "流量\n用了 93.5 %", "mentioned_list": ["@all"]}});
            assert_eq!(letter.json(), expected);
        },
        &[
            (200, json!({"errcode": 93000, "errmsg": "invalid webhook url"}), Kind::Auth, "invalid webhook url"),
            (200, json!({"errcode": 45009, "errmsg": "api freq out of limit"}), Kind::RateLimit, "freq"),
            (200, json!({"errcode": 40058, "errmsg": "key s3cr3t-s3cr3t-s3cr3t too long"}), Kind::Api, "***"),
        ],
    );
    limit(settings, json!({"errcode": 0}), 2048, |letter| bytes(&letter.json()["text"]["content"]));
}

#[test]
fn dingtalk() {
    let settings =
        "type = \"dingtalk\"\nurl = \"{url}/robot/send?access_token=s3cr3ts3cr3ts3cr3t\"\nsecret = \"SECs3cr3t\"";
    provider(
        settings,
        json!({"errcode": 0, "errmsg": "ok"}),
        |letter| {
            // The clock stands at 1781172000; the signature was computed by the code of the documentation.
            assert_eq!(letter.query("access_token"), "s3cr3ts3cr3ts3cr3t");
            assert_eq!(letter.query("timestamp"), "1781172000000");
            assert_eq!(letter.query("sign"), DINGTALK);
            assert_eq!(letter.json(), json!({"msgtype": "text", "text": {"content": "流量\n用了 93.5 %"}}));
        },
        &[
            (200, json!({"errcode": 310_000, "errmsg": "sign not match"}), Kind::Auth, "sign not match"),
            (
                200,
                json!({"errcode": 130_101, "errmsg": "send too fast, exceed 20 times per minute"}),
                Kind::RateLimit,
                "too fast",
            ),
            (200, json!({"errcode": 300_005, "errmsg": "token is not exist"}), Kind::Auth, "token is not exist"),
        ],
    );
    limit(settings, json!({"errcode": 0}), 20_000, |letter| letter.text.len());
}

#[test]
fn feishu_and_lark() {
    let settings =
        "type = \"feishu\"\nurl = \"{url}/open-apis/bot/v2/hook/s3cr3t-s3cr3t-s3cr3t\"\nsecret = \"s3cr3tkey\"";
    provider(
        settings,
        json!({"code": 0, "msg": "success", "data": {}}),
        |letter| {
            let body = letter.json();
            assert_eq!((&body["timestamp"], &body["sign"]), (&json!("1781172000"), &json!(FEISHU)));
            let post = json!({"zh_cn": {"title": "流量", "content": [[{"tag": "text", "text": "用了 93.5 %"}]]}});
            assert_eq!((&body["msg_type"], &body["content"]["post"]), (&json!("post"), &post));
        },
        &[
            (
                200,
                json!({"code": 19_021, "msg": "sign match fail or timestamp is not within one hour from current time", "data": {}}),
                Kind::Auth,
                "sign match fail",
            ),
            (400, json!({"code": 9499, "msg": "Bad Request", "data": {}}), Kind::Api, "Bad Request"),
            (200, json!({"code": 11_232, "msg": "frequency limited"}), Kind::RateLimit, "frequency"),
        ],
    );
    limit(settings, json!({"code": 0}), 20 * 1024, |letter| letter.text.len() + 2 * 1024);
}

#[test]
fn gotify() {
    let settings = "type = \"gotify\"\nurl = \"{url}/sub/\"\ntoken = \"s3cr3t\"";
    provider(
        settings,
        json!({"id": 25, "appid": 5}),
        |letter| {
            assert_eq!((letter.path.as_str(), letter.header("x-gotify-key")), ("/sub/message", "s3cr3t"));
            assert_eq!(letter.json(), json!({"title": "流量", "message": "用了 93.5 %", "priority": 6}));
        },
        &[
            (
                401,
                json!({"error": "Unauthorized", "errorCode": 401, "errorDescription": "you need to provide a valid access token"}),
                Kind::Auth,
                "valid access token",
            ),
            (200, json!("a page"), Kind::Protocol, "no `errorCode`"),
        ],
    );
    with(settings, &json!({"id": 1}), |rig, post| async move {
        for (level, silent, priority) in [(Level::Info, false, 4), (Level::Error, false, 8), (Level::Error, true, 1)] {
            rig.says(&Message { level, silent, ..message() }).await;
            assert_eq!(post.only().json()["priority"], priority);
        }
    });
}

#[test]
fn ntfy_with_a_token_or_a_login() {
    let settings =
        "type = \"ntfy\"\nurl = \"{url}\"\ntopic = \"s3cr3t-topic\"\ntoken = \"tk_s3cr3t\"\ntags = [\"ocean\"]";
    provider(
        settings,
        json!({"id": "x", "event": "message"}),
        |letter| {
            assert_eq!(letter.header("authorization"), "Bearer tk_s3cr3t");
            let expected = json!({"topic": "s3cr3t-topic", "title": "流量", "message": "用了 93.5 %", "priority": 4, "tags": ["ocean"]});
            assert_eq!(letter.json(), expected);
        },
        &[
            (401, json!({"code": 40_101, "http": 401, "error": "unauthorized"}), Kind::Auth, "unauthorized"),
            (403, json!({"code": 40_301, "http": 403, "error": "forbidden"}), Kind::Auth, "forbidden"),
            (
                429,
                json!({"code": 42_901, "http": 429, "error": "limit reached: too many requests"}),
                Kind::RateLimit,
                "limit reached",
            ),
        ],
    );
    limit(settings, json!({}), 4096, |letter| bytes(&letter.json()["message"]));
    let login = "type = \"ntfy\"\nurl = \"{url}\"\ntopic = \"t\"\nusername = \"me\"\npassword = \"s3cr3t\"";
    provider(login, json!({}), |letter| assert_eq!(letter.header("authorization"), "Basic bWU6czNjcjN0"), &[]);
}

#[test]
fn discord() {
    let settings = "type = \"discord\"\nurl = \"{url}/api/webhooks/1/s3cr3ts3cr3ts3cr3t\"";
    provider(
        settings,
        json!({"id": "1"}),
        |letter| {
            assert_eq!(letter.path, "/api/webhooks/1/s3cr3ts3cr3ts3cr3t?wait=true");
            assert_eq!(letter.json(), json!({"content": "流量\n用了 93.5 %", "allowed_mentions": {"parse": []}}));
        },
        &[
            (404, json!({"message": "Unknown Webhook", "code": 10_015}), Kind::Auth, "Unknown Webhook"),
            (
                429,
                json!({"message": "You are being rate limited.", "retry_after": 0.65, "global": false}),
                Kind::RateLimit,
                "rate limited",
            ),
            (400, json!({"message": "Invalid Form Body", "code": 50_035}), Kind::Api, "Invalid Form Body"),
        ],
    );
    limit(settings, json!({}), 2000, |letter| utf16(&letter.json()["content"]));
}

#[test]
fn pushdeer() {
    let settings = "type = \"pushdeer\"\nurl = \"{url}\"\nkey = \"PDUs3cr3t\"";
    let good = json!({"code": 0, "content": {"result": ["{\"success\":\"ok\"}"]}});
    provider(
        settings,
        good,
        |letter| {
            assert_eq!((letter.path.as_str(), letter.field("pushkey")), ("/message/push", "PDUs3cr3t".into()));
            assert_eq!((letter.field("text"), letter.field("desp")), ("流量".into(), "用了 93.5 %".into()));
        },
        &[
            (200, json!({"code": 80_501, "error": "参数错误"}), Kind::Api, "参数错误"),
            (200, json!({"code": 0, "content": {"result": []}}), Kind::Api, "no device"),
        ],
    );
}

#[test]
fn a_webhook_of_any_form() {
    let plain = "type = \"webhook\"\nurl = \"{url}/hook\"";
    provider(
        plain,
        Value::Null,
        |letter| {
            let expected =
                json!({"title": "流量", "text": "用了 93.5 %", "level": "warn", "script": "guard", "silent": false});
            assert_eq!((letter.method.as_str(), letter.json()), ("POST", expected));
        },
        &[(503, Value::Null, Kind::Http, "status 503"), (401, json!({"message": "no"}), Kind::Auth, "no")],
    );
    let template = "type = \"webhook\"\nurl = \"{url}/hook\"\nmethod = \"PUT\"\nbody = '{\"t\": \"{title}\", \"c\": \"{{text}}\"}'\nheaders = { X-Key = { env = \"NONE\" } }";
    with(&template.replace("{ env = \"NONE\" }", "\"s3cr3t\""), &json!({}), |rig, post| async move {
        rig.says(&Message { text: "say \"hi\"\n{title}".into(), ..message() }).await;
        let letter = post.only();
        assert_eq!((letter.method.as_str(), letter.header("x-key")), ("PUT", "s3cr3t"));
        assert_eq!(letter.header("content-type"), "application/json");
        assert_eq!(letter.json(), json!({"t": "流量", "c": "say \"hi\"\n{title}"}));
    });
    let get = "type = \"webhook\"\nurl = \"{url}/hook?t={title}&x=1\"\nmethod = \"GET\"";
    with(get, &json!({}), |rig, post| async move {
        rig.says(&message()).await;
        let letter = post.only();
        assert_eq!((letter.method.as_str(), letter.query("t"), letter.text.as_str()), ("GET", "流量".into(), ""));
    });
    let form = "type = \"webhook\"\nurl = \"{url}/hook\"\nbody = \"text={text}&level={level}\"";
    with(form, &json!({}), |rig, post| async move {
        rig.says(&Message { text: "a&b=c".into(), ..message() }).await;
        let letter = post.only();
        assert_eq!((letter.field("text"), letter.field("level")), ("a&b=c".into(), "warn".into()));
        assert_eq!(letter.header("content-type"), "application/x-www-form-urlencoded");
    });
}

#[test]
fn a_secret_that_is_missing_is_named_and_a_proxy_is_taken() {
    with(
        "type = \"telegram\"\ntoken = { env = \"NOBODY\" }\nchat = 1\nurl = \"{url}\"",
        &json!({}),
        |rig, post| async move {
            let error = rig.host.notifier.test("phone", &rig.talk()).await.unwrap().result.unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (Kind::Config, "the variable `NOBODY` is not set"));
            assert!(post.take().is_empty());
        },
    );
    // A public name is asked for through the proxy, which sees where the request would go.
    let proxied =
        "type = \"ntfy\"\nurl = \"http://ntfy.example.org\"\nplain_http = true\ntopic = \"t\"\nproxy = \"{url}\"";
    with(proxied, &json!({}), |rig, post| async move {
        assert_eq!(rig.says(&message()).await, [""; 0]);
        assert_eq!(post.only().header("host"), "ntfy.example.org");
    });
}
