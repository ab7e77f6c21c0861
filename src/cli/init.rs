//! `tidegate init`: a folder to begin with, in watch mode.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use super::{Exit, Session};
use crate::config::{self, Config, KIWIVM_URL, SecretSource};
use crate::error::{Error, Kind, Result};

/// Where PBH listens unless it was told otherwise.
const PBH_URL: &str = "http://127.0.0.1:9898";

const SCRIPT: &str = include_str!("../../scripts/quota-guard.rhai");

const IGNORED: &str = "# What tidegate writes, and what must not be shared.\n/data/\n/secrets/\n.env\n";

/// Writes a configuration and a first script, and says what to do next.
#[derive(clap::Args)]
#[command(
    after_help = "Example: `tidegate init seedbox`, then the lines that it prints. What exists is never touched."
)]
pub struct Init {
    /// The folder to write into.
    #[arg(default_value = ".")]
    dir: PathBuf,
}

impl Init {
    /// # Errors
    /// `config` where the folder cannot be written, or holds a configuration that is wrong.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let ask = |question: &str| {
            session.say(question);
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer).ok()?;
            Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty())
        };
        // Whoever pipes something in, or reads the output with a program, is not asked.
        let person = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let known = Known::gather(&|name| session.var(name), &|question| person.then(|| ask(question)).flatten());

        for (path, text) in
            [(config::FILE, known.document().as_str()), ("scripts/quota-guard.rhai", SCRIPT), (".gitignore", IGNORED)]
        {
            let verb = if write(&self.dir.join(path), text)? { "wrote" } else { "kept " };
            session.line(&format!("{verb} {}", shown(&self.dir.join(path))))?;
        }
        // Read back, for it may be one that was there before.
        let config = Config::open(Some(&self.dir.join(config::FILE)), &|name| session.var(name), Path::new(""))?;
        session.line("\nNext:")?;
        for line in next(&self.dir, &config, &|name| session.var(name)) {
            session.line(&format!("  {line}"))?;
        }
        Ok(Exit::Ok)
    }
}

/// What can be known about the user's services.
struct Known {
    veid: Option<u64>,
    kiwivm_url: Option<String>,
    pbh_url: String,
}

impl Known {
    /// From the environment; what is not there is asked for.
    fn gather(var: &dyn Fn(&str) -> Option<String>, ask: &dyn Fn(&str) -> Option<String>) -> Self {
        let veid = var("KIWIVM_VEID")
            .or_else(|| ask("The VEID of your VPS (KiwiVM panel > API; Enter to fill it in later):"))
            .and_then(|veid| veid.trim().parse().ok())
            .filter(|veid| *veid > 0);
        let pbh_url = var("PBH_URL")
            .or_else(|| ask(&format!("The address of PeerBanHelper (Enter for {PBH_URL}):")))
            .filter(|url| url.starts_with("http"));
        Self {
            veid,
            kiwivm_url: var("KIWIVM_URL").filter(|url| url.trim_end_matches('/') != KIWIVM_URL),
            pbh_url: pbh_url.unwrap_or_else(|| PBH_URL.into()),
        }
    }

    /// A `tidegate.toml`.
    fn document(&self) -> String {
        let vps = format!(
            "[vps.main]\nveid    = {}\napi_key = {{ env = \"KIWIVM_API_KEY\" }}\n{}",
            self.veid.unwrap_or(123_456),
            self.kiwivm_url.as_ref().map(|url| format!("url     = {}\n", text(url))).unwrap_or_default(),
        );
        let vps = if self.veid.is_some() {
            vps
        } else {
            let commented: Vec<_> = vps.lines().map(|line| format!("# {line}")).collect();
            format!("# Put your VEID here and take the `# ` away.\n{}\n", commented.join("\n"))
        };
        format!(
            "# The configuration of tidegate. Relative paths are relative to this file.\n\
             # `tidegate check` names everything that is wrong with it.\n\
             \n\
             # \"watch\" is a dry run: scripts read everything and say what they would do, and nothing is changed.\n\
             # Write \"live\" when what they say is right; one script alone goes live with `[script.NAME]`, `mode = \"live\"`.\n\
             mode = \"watch\"\n\
             \n\
             # Of schedules and printed times; without it the system's.\n\
             # timezone = \"Asia/Shanghai\"\n\
             \n\
             # Your VPS. VEID and API key are in its KiwiVM panel, on the page \"API\": the VEID is a number, the key\n\
             # begins with private_. The key is not written here but read from the environment; `{{ file = \"secrets/kiwivm\" }}`\n\
             # reads it from a file.\n\
             {vps}\
             \n\
             # Your PeerBanHelper. Its token is the one that its WebUI asks for at login: in the WebUI's settings, or as\n\
             # `server.token` in PeerBanHelper's config.yml.\n\
             [pbh.home]\n\
             url   = {}\n\
             token = {{ env = \"PBH_TOKEN\" }}\n\
             \n\
             # Where messages go, beside the log.\n\
             # [notify.phone]\n\
             # type = \"webhook\"\n\
             # url  = \"https://push.example.org/…\"\n\
             \n\
             # What cannot be put back has to be granted, script by script.\n\
             # [script.housekeeping]\n\
             # allow = [\"kiwivm/main:snapshot_delete\"]\n",
            text(&self.pbh_url),
        )
    }
}

/// As TOML writes it.
fn text(value: &str) -> String {
    toml::Value::from(value).to_string()
}

/// False where the file is there already.
fn write(path: &Path, text: &str) -> Result<bool> {
    let fail = |error: std::io::Error| {
        Error::new(Kind::Config, format!("`{}` cannot be written: {error}", path.display()))
            .hint("check the permissions of the folder, or name another: `tidegate init DIR`")
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    match std::fs::File::create_new(path) {
        Ok(mut file) => std::io::Write::write_all(&mut file, text.as_bytes()).map_err(fail).map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(fail(error)),
    }
}

/// Without a `./` before it.
fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

/// The lines to type, with a remark where one is needed.
fn next(dir: &Path, config: &Config, var: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut lines = Vec::new();
    if dir != Path::new(".") {
        lines.push(format!("cd {}", quoted(&dir.display().to_string())));
    }
    if config.vps.is_empty() {
        lines.push(format!("# put the VEID of your VPS into {}: KiwiVM panel > API", config::FILE));
        lines.extend(export("KIWIVM_API_KEY", "private_…", "KiwiVM panel > API", var));
    }
    for vps in config.vps.values() {
        if let SecretSource::Env(name) = &vps.api_key {
            lines.extend(export(name, "private_…", "KiwiVM panel > API", var));
        }
    }
    for pbh in config.pbh.values() {
        if let SecretSource::Env(name) = &pbh.token {
            lines.extend(export(name, "…", "PeerBanHelper WebUI > settings, or server.token in its config.yml", var));
        }
    }
    lines.push("tidegate check".into());
    let dry = config.mode == config::Mode::Watch;
    let remark = if dry { "   # a dry run until mode = \"live\" in tidegate.toml" } else { "" };
    lines.push(format!("tidegate run{remark}"));
    lines
}

fn export(name: &str, example: &str, place: &str, var: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    var(name).is_none().then(|| format!("export {name}='{example}'   # {place}"))
}

/// For a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+~".contains(c);
    if word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    fn set(name: &str) -> Option<String> {
        let value = match name {
            "KIWIVM_VEID" => "654321",
            "KIWIVM_API_KEY" => "private_abc",
            "KIWIVM_URL" => "http://127.0.0.1:4000/v1",
            "PBH_URL" => "https://pbh.example.org/sub",
            "PBH_TOKEN" => "token",
            _ => return None,
        };
        Some(value.into())
    }

    fn load(document: &str, var: config::Env) -> Config {
        Config::load(document, Path::new("tidegate.toml"), var).unwrap()
    }

    #[test]
    fn with_the_variables_set_nothing_is_asked_and_nothing_is_left_to_do() {
        let document = Known::gather(&set, &|question| panic!("asked: {question}")).document();
        let config = load(&document, &set);
        let vps = &config.vps["main"];
        assert_eq!((vps.veid, vps.url.as_str()), (654_321, "http://127.0.0.1:4000/v1"));
        assert_eq!(config.pbh["home"].url, "https://pbh.example.org/sub");
        assert_eq!(config.mode, config::Mode::Watch);
        assert_eq!(config.advice(), []);
        assert!(!document.contains("private_abc") && !document.contains("\"token\""));
        let next = next(Path::new("."), &config, &set);
        assert_eq!(next, ["tidegate check", "tidegate run   # a dry run until mode = \"live\" in tidegate.toml"]);
    }

    #[test]
    fn without_them_the_vps_waits_for_its_number() {
        let document = Known::gather(&none, &none).document();
        let config = load(&document, &none);
        assert!(config.vps.is_empty());
        assert_eq!(config.pbh["home"].url, PBH_URL);
        let uncommented = document.replace("# [vps", "[vps").replace("# veid", "veid").replace("# api_key", "api_key");
        assert_eq!(load(&uncommented, &none).vps["main"].veid, 123_456);
        insta::assert_snapshot!(next(Path::new("my box"), &config, &none).join("\n"), @r#"
        cd 'my box'
        # put the VEID of your VPS into tidegate.toml: KiwiVM panel > API
        export KIWIVM_API_KEY='private_…'   # KiwiVM panel > API
        export PBH_TOKEN='…'   # PeerBanHelper WebUI > settings, or server.token in its config.yml
        tidegate check
        tidegate run   # a dry run until mode = "live" in tidegate.toml
        "#);
    }

    #[test]
    fn a_person_is_asked_for_what_cannot_be_known() {
        let answer =
            |question: &str| Some(if question.contains("VEID") { "77" } else { "http://10.0.0.2:9898" }.into());
        let config = load(&Known::gather(&none, &answer).document(), &none);
        assert_eq!((config.vps["main"].veid, config.pbh["home"].url.as_str()), (77, "http://10.0.0.2:9898"));
    }

    #[test]
    fn what_exists_is_never_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scripts/a.rhai");
        assert!(write(&path, "new").unwrap());
        assert!(!write(&path, "newer").unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(write(&path.join("b"), "x").unwrap_err().kind, Kind::Config);
    }

    #[test]
    fn addresses_cannot_break_out_of_their_quotes() {
        let known = Known { veid: None, kiwivm_url: None, pbh_url: "http://h/\"\nmode = \"live".into() };
        let problems = Config::load(&known.document(), Path::new("t.toml"), &none);
        assert!(problems.is_err() || problems.unwrap().mode == config::Mode::Watch);
    }
}
