//! The types of channels: one table from which the configuration is checked, adapters know their limits, and
//! the page of channels is made.

/// A type of channel.
#[derive(Debug)]
pub struct ChannelType {
    /// What `type` says.
    pub word: &'static str,
    /// One sentence, in English and Chinese.
    pub doc: [&'static str; 2],
    pub reach: Reach,
    /// The address where `url` says nothing else; `None` where there is no such key or it has to be there.
    pub url: Option<&'static str>,
    pub keys: &'static [Key],
    pub title: Limit,
    pub text: Limit,
}

/// How a channel is reached, which decides the keys that all channels of the kind share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reach {
    /// Not at all: it is here.
    Log,
    Http,
    Smtp,
}

/// A key of a channel.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub need: Need,
    pub value: Value,
    /// As TOML.
    pub example: &'static str,
    /// In English and Chinese.
    pub doc: [&'static str; 2],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    Required,
    Optional,
}

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// A secret source.
    Secret,
    /// A secret source, or a whole address.
    Link,
    /// The address of a server, to which paths are added.
    Server,
    Text,
    /// One text or several.
    Texts,
    /// Names with texts or secret sources.
    Pairs,
    /// At least 1 and at most that.
    Number(u64),
    Flag,
    Word(&'static [&'static str]),
    /// The name of a PBH.
    Pbh,
}

/// How much fits; what is more is cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// None that its documentation names.
    None,
    Most(usize, Unit),
}

/// In what a provider counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// Unicode characters.
    Characters,
    /// UTF-16 units: an emoji is two.
    Utf16,
    /// Bytes of UTF-8: a Chinese character is three.
    Bytes,
    /// Bytes inside a JSON text: a line end or a quote is two.
    JsonBytes,
}

/// There is one row a word.
impl PartialEq for ChannelType {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl ChannelType {
    pub fn of(word: &str) -> Option<&'static Self> {
        CHANNELS.iter().find(|kind| kind.word == word)
    }
}

const fn need(name: &'static str, value: Value, example: &'static str, doc: [&'static str; 2]) -> Key {
    Key { name, need: Need::Required, value, example, doc }
}

const fn may(name: &'static str, value: Value, example: &'static str, doc: [&'static str; 2]) -> Key {
    Key { name, need: Need::Optional, value, example, doc }
}

const SECRET: &str = "{ env = \"NAME\" }";

const fn server(example: &'static str) -> Key {
    may(
        "url",
        Value::Server,
        example,
        ["another server, or a proxy in front of it", "另一台服务器，或它前面的反向代理"],
    )
}

const fn hook(example: &'static str) -> Key {
    need(
        "url",
        Value::Link,
        example,
        ["the robot's whole address, which holds its key", "机器人的完整地址，其中含有密钥"],
    )
}

const SIGN: Key = may(
    "secret",
    Value::Secret,
    SECRET,
    ["the secret of the signature, where the robot asks for one", "加签密钥，机器人开启了签名校验时填写"],
);

/// Every type, in the order of the page.
pub static CHANNELS: [ChannelType; 15] = [
    ChannelType {
        word: "telegram",
        doc: ["A Telegram bot writes to a chat.", "Telegram 机器人发到一个聊天。"],
        reach: Reach::Http,
        url: Some("https://api.telegram.org"),
        keys: &[
            need(
                "token",
                Value::Secret,
                SECRET,
                ["the bot's token, from @BotFather", "机器人的 token，由 @BotFather 给出"],
            ),
            need(
                "chat",
                Value::Text,
                "\"123456789\"",
                ["the chat's number, or `@channel`", "聊天的数字 id，或 `@频道名`"],
            ),
            may("thread", Value::Number(i64::MAX as u64), "7", ["a topic of the group", "群组里的话题"]),
            server("\"https://tg.example.org\""),
        ],
        title: Limit::None,
        text: Limit::Most(4096, Unit::Utf16),
    },
    ChannelType {
        word: "serverchan",
        doc: [
            "ServerChan (Server酱): Turbo keys (`SCT…`) and those of version 3 (`sctp…`) are told apart by themselves.",
            "Server酱：Turbo 的 SendKey（`SCT…`）和 Server酱³ 的（`sctp…`）自动区分。",
        ],
        reach: Reach::Http,
        url: Some("https://sctapi.ftqq.com"),
        keys: &[
            need("key", Value::Secret, SECRET, ["the SendKey", "SendKey"]),
            may("channel", Value::Text, "\"9|66\"", ["Turbo: where to, by number", "Turbo：消息通道的编号"]),
            may("openid", Value::Text, "\"…\"", ["Turbo: further receivers", "Turbo：抄送的 openid"]),
            may(
                "tags",
                Value::Text,
                "\"tidegate\"",
                ["version 3: tags, with `|` between them", "Server酱³：标签，用 `|` 分隔"],
            ),
            server("\"https://sctapi.ftqq.com\""),
        ],
        title: Limit::Most(32, Unit::Characters),
        text: Limit::Most(32 * 1024, Unit::Bytes),
    },
    ChannelType {
        word: "pushplus",
        doc: ["PushPlus (推送加) to WeChat and others.", "PushPlus 推送加，发到微信等渠道。"],
        reach: Reach::Http,
        url: Some("https://www.pushplus.plus"),
        keys: &[
            need("token", Value::Secret, SECRET, ["the token of the user or of a message", "用户或消息令牌"]),
            may("topic", Value::Text, "\"family\"", ["a group; without it only you", "群组编码，不填只发给自己"]),
            may(
                "channel",
                Value::Text,
                "\"wechat\"",
                [
                    "`wechat` (default), `cp`, `webhook`, `mail`, …",
                    "发送渠道：`wechat`（默认）、`cp`、`webhook`、`mail` 等",
                ],
            ),
            may(
                "webhook",
                Value::Text,
                "\"…\"",
                ["the code of that channel, where it needs one", "该渠道的编码，需要时填写"],
            ),
            server("\"https://www.pushplus.plus\""),
        ],
        title: Limit::Most(100, Unit::Characters),
        text: Limit::Most(20_000, Unit::Characters),
    },
    ChannelType {
        word: "bark",
        doc: [
            "Bark on an iPhone; with `encryption_key` neither the server nor Apple can read it.",
            "iPhone 上的 Bark；填了 `encryption_key` 时服务器和苹果都看不到内容。",
        ],
        reach: Reach::Http,
        url: Some("https://api.day.app"),
        keys: &[
            need("key", Value::Secret, SECRET, ["the device's key", "设备的 key"]),
            may("group", Value::Text, "\"tidegate\"", ["how messages are grouped", "消息分组"]),
            may("sound", Value::Text, "\"birdsong\"", ["the sound", "铃声"]),
            may(
                "critical",
                Value::Flag,
                "true",
                ["errors sound even when the phone is muted", "错误级别的消息静音时也响铃"],
            ),
            may(
                "encryption_key",
                Value::Secret,
                SECRET,
                [
                    "16, 24 or 32 characters: AES-128, -192 or -256 in the mode CBC, as in the app",
                    "16、24 或 32 个字符：AES-128/192/256，CBC 模式，与 App 里的设置一致",
                ],
            ),
            server("\"https://bark.example.org\""),
        ],
        // Apple takes 4096 bytes with everything around the text.
        title: Limit::Most(256, Unit::JsonBytes),
        text: Limit::Most(2400, Unit::JsonBytes),
    },
    ChannelType {
        word: "wecom",
        doc: ["A group robot of WeCom (企业微信).", "企业微信群机器人。"],
        reach: Reach::Http,
        url: None,
        keys: &[
            hook("\"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…\""),
            may("mention", Value::Texts, "[\"@all\"]", ["user ids to mention", "要 @ 的成员 userid"]),
        ],
        title: Limit::None,
        text: Limit::Most(2048, Unit::Bytes),
    },
    ChannelType {
        word: "dingtalk",
        doc: ["A group robot of DingTalk (钉钉).", "钉钉群自定义机器人。"],
        reach: Reach::Http,
        url: None,
        keys: &[hook("\"https://oapi.dingtalk.com/robot/send?access_token=…\""), SIGN],
        title: Limit::None,
        // The whole request has 20000 bytes at most.
        text: Limit::Most(19_500, Unit::JsonBytes),
    },
    ChannelType {
        word: "feishu",
        doc: ["A group robot of Feishu (飞书) or Lark.", "飞书或 Lark 群自定义机器人。"],
        reach: Reach::Http,
        url: None,
        keys: &[hook("\"https://open.feishu.cn/open-apis/bot/v2/hook/…\""), SIGN],
        title: Limit::Most(1024, Unit::JsonBytes),
        // The whole request has 20 KB at most.
        text: Limit::Most(18_000, Unit::JsonBytes),
    },
    ChannelType {
        word: "gotify",
        doc: ["A Gotify server.", "Gotify 服务器。"],
        reach: Reach::Http,
        url: None,
        keys: &[
            need("url", Value::Server, "\"https://gotify.example.org\"", ["the server", "服务器地址"]),
            need("token", Value::Secret, SECRET, ["the token of an application", "应用的 token"]),
            may(
                "priority",
                Value::Number(10),
                "4",
                [
                    "of ordinary messages; warnings have at least 6, errors 8",
                    "普通消息的优先级；警告至少 6，错误至少 8",
                ],
            ),
        ],
        title: Limit::None,
        text: Limit::None,
    },
    ChannelType {
        word: "ntfy",
        doc: ["A topic of ntfy.sh or of an ntfy server.", "ntfy.sh 或自建 ntfy 服务器的主题。"],
        reach: Reach::Http,
        url: Some("https://ntfy.sh"),
        keys: &[
            need("topic", Value::Secret, SECRET, ["the topic; who knows it can read it", "主题，知道它的人都能读"]),
            may("token", Value::Secret, SECRET, ["an access token", "访问令牌"]),
            may("username", Value::Text, "\"me\"", ["or a name", "或用户名"]),
            may("password", Value::Secret, SECRET, ["with its password", "与密码"]),
            may("tags", Value::Texts, "[\"ocean\"]", ["tags; some become emojis", "标签，部分会变成表情"]),
            may(
                "priority",
                Value::Number(5),
                "3",
                ["of ordinary messages; warnings have at least 4, errors 5", "普通消息的优先级；警告至少 4，错误 5"],
            ),
            server("\"https://ntfy.example.org\""),
        ],
        title: Limit::Most(256, Unit::Bytes),
        text: Limit::Most(4096, Unit::Bytes),
    },
    ChannelType {
        word: "discord",
        doc: ["A webhook of a Discord channel.", "Discord 频道的 webhook。"],
        reach: Reach::Http,
        url: None,
        keys: &[need(
            "url",
            Value::Link,
            "\"https://discord.com/api/webhooks/…/…\"",
            ["the webhook's address", "webhook 地址"],
        )],
        title: Limit::None,
        text: Limit::Most(2000, Unit::Utf16),
    },
    ChannelType {
        word: "pushdeer",
        doc: ["PushDeer, its own server or yours.", "PushDeer，官方或自建服务器。"],
        reach: Reach::Http,
        url: Some("https://api2.pushdeer.com"),
        keys: &[
            need("key", Value::Secret, SECRET, ["the push key", "pushkey"]),
            server("\"https://deer.example.org\""),
        ],
        title: Limit::None,
        text: Limit::None,
    },
    ChannelType {
        word: "smtp",
        doc: ["Mail.", "邮件。"],
        reach: Reach::Smtp,
        url: None,
        keys: &[
            need("host", Value::Text, "\"smtp.example.org\"", ["the mail server", "邮件服务器"]),
            may(
                "port",
                Value::Number(65_535),
                "587",
                ["465 with `tls`, 587 with `starttls`, 25 with `none`", "默认 `tls` 465，`starttls` 587，`none` 25"],
            ),
            may(
                "encryption",
                Value::Word(&["tls", "starttls", "none"]),
                "\"starttls\"",
                [
                    "`tls` (default), `starttls`, or `none` to a machine of your own",
                    "`tls`（默认）、`starttls`，或只用于内网的 `none`",
                ],
            ),
            may("username", Value::Text, "\"me@example.org\"", ["the login", "登录名"]),
            may("password", Value::Secret, SECRET, ["its password", "密码"]),
            need("from", Value::Text, "\"tidegate <me@example.org>\"", ["the sender", "发件人"]),
            need("to", Value::Texts, "[\"me@example.org\"]", ["the receivers", "收件人"]),
        ],
        title: Limit::None,
        text: Limit::None,
    },
    ChannelType {
        word: "webhook",
        doc: ["Any HTTP address, with a body of your own making.", "任意 HTTP 地址，请求体可自定义。"],
        reach: Reach::Http,
        url: None,
        keys: &[
            need(
                "url",
                Value::Link,
                "\"https://push.example.org/…\"",
                ["the address; `{title}` and the others of `body` work here too", "地址；`body` 里的占位符这里也能用"],
            ),
            may(
                "method",
                Value::Word(&["POST", "PUT", "PATCH", "GET"]),
                "\"POST\"",
                ["`POST` (default), `PUT`, `PATCH` or `GET`", "`POST`（默认）、`PUT`、`PATCH` 或 `GET`"],
            ),
            may(
                "headers",
                Value::Pairs,
                "{ X-Key = { env = \"KEY\" } }",
                ["further headers; values may be secrets", "附加请求头，值可以是密文来源"],
            ),
            may(
                "body",
                Value::Text,
                "'{\"text\": \"{text}\"}'",
                [
                    "a template with `{title}`, `{text}`, `{level}`, `{script}`, `{time}`; default: a JSON object of all of them",
                    "模板，可用 `{title}` `{text}` `{level}` `{script}` `{time}`；默认是含全部字段的 JSON 对象",
                ],
            ),
            may(
                "content_type",
                Value::Text,
                "\"text/plain\"",
                [
                    "of the template; by default JSON where it begins with `{` or `[`, a form where it is one, else text",
                    "模板的类型；默认按模板开头判断",
                ],
            ),
        ],
        title: Limit::None,
        text: Limit::None,
    },
    ChannelType {
        word: "pbh",
        doc: [
            "A push channel that PBH has already: its settings are read there, and tidegate sends.",
            "沿用 PBH 里已有的推送渠道：从那里读取设置，由 tidegate 发送。",
        ],
        reach: Reach::Http,
        url: None,
        keys: &[
            need("pbh", Value::Pbh, "\"home\"", ["the PBH", "PBH 的名字"]),
            need("channel", Value::Text, "\"telegram\"", ["the channel's name there", "那里的渠道名"]),
        ],
        title: Limit::None,
        text: Limit::None,
    },
    ChannelType {
        word: "log",
        doc: ["A line of the log. It is there without being configured.", "日志里的一行。无需配置就有。"],
        reach: Reach::Log,
        url: None,
        keys: &[],
        title: Limit::None,
        text: Limit::None,
    },
];

/// The keys that every channel has, whatever its type; the log has the first alone.
pub static POLICY: [Key; 7] = [
    may(
        "min_level",
        Value::Word(&["info", "warn", "error"]),
        "\"warn\"",
        ["what matters less is not sent here", "低于该级别的不发到这里"],
    ),
    may(
        "default",
        Value::Flag,
        "false",
        ["whether it gets messages that name no channel", "没有指名渠道的消息是否也发到这里"],
    ),
    may(
        "quiet",
        Value::Text,
        "\"23:00-08:00\"",
        [
            "quiet hours in the configured time zone: errors go through, the rest comes together at their end",
            "免打扰时段（按配置的时区）：错误照发，其余等免打扰结束后合并成一条发出",
        ],
    ),
    may(
        "digest",
        Value::Text,
        "\"6h\"",
        [
            "collect messages and send them together: so often, or once a day as in `\"08:00\"`; errors go at once",
            "合并发送：每隔一段时间，或每天一次如 `\"08:00\"`；错误立即发送",
        ],
    ),
    may(
        "per_hour",
        Value::Number(10_000),
        "20",
        [
            "messages within an hour; the others follow in one (\"7 more suppressed\")",
            "每小时最多几条，超出的之后合成一条",
        ],
    ),
    may(
        "fallback",
        Value::Text,
        "\"mail\"",
        ["the channel that has the message where this one fails", "发送失败时改用的渠道"],
    ),
    may("timeout", Value::Text, "\"15s\"", ["of one attempt", "一次发送的时限"]),
];
