//! The files that `init` writes.

use std::path::Path;

use crate::config;
use crate::language::Language;

/// A secret of the configuration: where it is read from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Source {
    Env(String),
    /// Below the configuration's folder.
    File(String),
}

impl Source {
    fn toml(&self) -> String {
        match self {
            Self::Env(name) => format!("{{ env = {} }}", text(name)),
            Self::File(path) => format!("{{ file = {} }}", text(path)),
        }
    }
}

/// A `[vps.NAME]`.
#[derive(Clone, Debug)]
pub(super) struct Vps {
    pub name: String,
    pub veid: u64,
    pub key: Source,
    pub url: Option<String>,
    /// The clients that run on it, where that is known.
    pub downloaders: Vec<String>,
}

/// A `[downloader.NAME]`: a client at another address than the one that PBH has.
#[derive(Clone, Debug)]
pub(super) struct Downloader {
    pub name: String,
    /// Nothing where somebody has to fill it in.
    pub url: Option<String>,
    /// How PBH reaches it.
    pub theirs: String,
}

/// A `tidegate.toml`.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// Of its comments, and of what tidegate says: a service has no locale to go by.
    pub language: Language,
    pub vps: Vec<Vps>,
    pub pbh_url: String,
    pub token: Source,
    pub downloaders: Vec<Downloader>,
}

impl Document {
    pub fn toml(&self) -> String {
        let say = |english, chinese| self.language.pick(english, chinese);
        format!(
            "{head}\n\n{modes}\nmode = \"watch\"\n{language}\n{zone}\n# timezone = \"Asia/Shanghai\"\n\n{machines}\n{vps}\n\
             {pbh}\n[pbh.home]\nurl   = {url}\ntoken = {token}\n{downloaders}\n\
             {channels}\n# [notify.phone]\n# type = \"webhook\"\n# url  = \"https://push.example.org/…\"\n\n\
             {grants}\n# [script.housekeeping]\n# allow = [\"kiwivm/main:snapshot_delete\"]\n",
            head = say(
                "# The configuration of tidegate. Relative paths are relative to this file.\n\
                 # `tidegate check` names everything that is wrong with it.",
                "# tidegate 的配置。相对路径从本文件所在目录算起。\n# `tidegate check` 会列出其中的全部问题。",
            ),
            modes = say(
                "# \"watch\" is a dry run: scripts read everything and say what they would do, and nothing is changed.\n\
                 # Write \"live\" when what they say is right; one script alone goes live with `[script.NAME]`, `mode = \"live\"`.",
                "# \"watch\" 是演练：脚本照常读取，说出会做什么，但什么都不改。\n\
                 # 确认无误后改成 \"live\"；只让一个脚本真正执行，写 `[script.名字]` 和 `mode = \"live\"`。",
            ),
            // English is what is spoken without it.
            language = say("", "\n# 日志、消息与报错的语言：\"zh\" 或 \"en\"。\nlanguage = \"zh\"\n"),
            zone = say(
                "# Of schedules and printed times; without it the system's.",
                "# 时间表与所显示时间的时区；不写则用系统的。",
            ),
            machines = say(
                "# Your VPSes. VEID and API key are in the KiwiVM panel of each, on the page \"API\": the VEID is a number, the key\n\
                 # begins with private_. The key is not written here but read from the environment, or from a file:\n\
                 # `{ file = \"secrets/kiwivm\" }`.",
                "# 你的 VPS。VEID 和 API 密钥在各自 KiwiVM 面板的 API 页：VEID 是一个数字，密钥以 private_ 开头。\n\
                 # 密钥不写在这里，而是从环境变量或文件读取：`{ file = \"secrets/kiwivm\" }`。",
            ),
            vps = self.vps(),
            pbh = say(
                "# Your PeerBanHelper. Its token is the one that its WebUI asks for at login: in the WebUI's settings, or as\n\
                 # `server.token` in PeerBanHelper's config.yml.",
                "# 你的 PeerBanHelper。令牌就是登录它的 WebUI 时要输入的那个：在 WebUI 的设置里，\n\
                 # 或 PeerBanHelper 的 config.yml 中的 `server.token`。",
            ),
            url = text(&self.pbh_url),
            token = self.token.toml(),
            downloaders = self.downloaders(),
            channels = say("# Where messages go, beside the log.", "# 除日志外，消息发到哪里。"),
            grants = say(
                "# What cannot be put back has to be granted, script by script.",
                "# 无法撤回的操作要逐个脚本授权。",
            ),
        )
    }

    fn vps(&self) -> String {
        if self.vps.is_empty() {
            let put =
                self.language.pick("Put your VEID here and take the `# ` away.", "填入你的 VEID，并去掉行首的 `# `。");
            return format!("# {put}\n# [vps.main]\n# veid    = 123456\n# api_key = {{ env = \"KIWIVM_API_KEY\" }}\n");
        }
        let table = |vps: &Vps| {
            let url = vps.url.as_ref().map(|url| format!("url     = {}\n", text(url))).unwrap_or_default();
            let names: Vec<_> = vps.downloaders.iter().map(|name| text(name)).collect();
            // Without the key, one VPS has all clients of the one PBH.
            let clients = if self.vps.len() == 1 && names.is_empty() {
                String::new()
            } else {
                let remark = self.language.pick("the torrent clients that run on it", "运行在它上面的下载器");
                format!("downloaders = [{}]   # {remark}\n", names.join(", "))
            };
            format!("[vps.{}]\nveid    = {}\napi_key = {}\n{url}{clients}", key(&vps.name), vps.veid, vps.key.toml())
        };
        self.vps.iter().map(table).collect::<Vec<_>>().join("\n")
    }

    fn downloaders(&self) -> String {
        let table = |client: &Downloader| {
            let name = key(&client.name);
            let theirs = client.theirs.replace('\n', " ");
            let reaches = match self.language {
                Language::English => format!("PBH reaches it at {theirs}"),
                Language::Chinese => format!("PBH 通过 {theirs} 访问它"),
            };
            if let Some(url) = &client.url {
                let stop = self.language.pick(".", "。");
                format!("\n# {reaches}{stop}\n[downloader.{name}]\npbh = \"home\"\nurl = {}\n", text(url))
            } else {
                let write = self.language.pick(
                    ", which means nothing here. Write the address that works from here.",
                    "，从本机访问不到。请写上从本机能用的地址。",
                );
                format!("\n# {reaches}{write}\n# [downloader.{name}]\n# pbh = \"home\"\n# url = \"http://…\"\n")
            }
        };
        self.downloaders.iter().map(table).collect()
    }
}

/// A text, as TOML writes it.
pub(super) fn text(value: &str) -> String {
    toml::Value::from(value).to_string()
}

/// A key of TOML, in quotes where it needs them.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { name.into() } else { text(name) }
}

/// Who starts the daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(super) enum Service {
    /// The user's own systemd.
    User,
    /// The system's.
    System,
    None,
}

/// A unit of systemd. `program` and `folder` are absolute.
pub(super) fn unit(service: Service, program: &Path, folder: &Path) -> String {
    let word = |path: &Path| {
        let text = path.display().to_string().replace('%', "%%").replace('\\', "\\\\").replace('"', "\\\"");
        if text.contains([' ', '\'', '"']) { format!("\"{text}\"") } else { text }
    };
    let plain = |path: &Path| path.display().to_string().replace('%', "%%");
    let config = folder.join(config::FILE);
    let (wanted, rights) = match service {
        Service::System => (
            "multi-user.target",
            format!(
                "# Without a line `User=` it runs as root; a user of its own who owns the folder is better.\n\
                 # User=tidegate\n\
                 NoNewPrivileges=yes\nProtectSystem=strict\nReadWritePaths={}\nPrivateTmp=yes\n",
                word(folder)
            ),
        ),
        _ => ("default.target", String::new()),
    };
    format!(
        "# Written by `tidegate init`. What is in the file .env beside it (NAME=value) is its environment.\n\
         [Unit]\n\
         Description=tidegate\n\
         Wants=network-online.target\n\
         After=network-online.target\n\
         \n\
         [Service]\n\
         Type=notify\n\
         ExecStart={} --config {} run\n\
         ExecReload=/bin/kill -HUP $MAINPID\n\
         EnvironmentFile=-{}\n\
         WatchdogSec=60\n\
         Restart=on-failure\n\
         # A stop is an end by signal, and says so.\n\
         SuccessExitStatus=143 130\n\
         {rights}\
         \n\
         [Install]\n\
         WantedBy={wanted}\n",
        word(program),
        word(&config),
        plain(&folder.join(".env")),
    )
}
