//! `tidegate init`: a folder to begin with, in watch mode.
//!
//! | file | holds |
//! |---|---|
//! | `ask` | questions to whoever is there |
//! | `survey` | what the services say of themselves |
//! | `gather` | what is needed, out of both |
//! | `document` | the files that are written |

use std::path::{Path, PathBuf};

use super::{Exit, Session, definitions};
use crate::config::{self, Config, SecretSource};
use crate::error::{Error, Kind, Result};
use crate::language::Language;
use crate::recipes::{RECIPES, Recipe, table};
use crate::reference::definitions::FOLDER;

mod ask;
mod document;
mod gather;
mod survey;
#[cfg(test)]
mod tests;

use ask::Ask;
use document::{Service, unit};
use gather::gather;

/// Where PBH listens unless it was told otherwise.
const PBH_URL: &str = "http://127.0.0.1:9898";

const IGNORED: &str = "# What tidegate writes, and what must not be shared.\n/data/\n/secrets/\n.env\n";

const UNIT: &str = "tidegate.service";

/// Writes a configuration, a first script, definitions for editors and a systemd unit, and says what to do next.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate init seedbox\n\nIt asks for what it cannot find out, tries token and key at once, and links torrent \
    clients to the VPSes that they run on. Without a terminal, or with `--yes`, it takes what the variables KIWIVM_VEID, \
    KIWIVM_API_KEY, PBH_URL and PBH_TOKEN say, and what is usual. What exists is never touched; go on with the lines that it prints."
)]
pub struct Init {
    /// The folder to write into.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Ask nothing.
    #[arg(long, short)]
    yes: bool,
    /// Who starts the daemon: a unit of the user's own systemd, of the system's, or none.
    #[arg(long, value_enum, value_name = "WHO")]
    service: Option<Service>,
}

impl Init {
    /// # Errors
    /// `config` where the folder cannot be written, or holds a configuration that is wrong.
    pub fn run(self, session: &Session) -> Result<Exit> {
        use std::io::IsTerminal as _;
        // Whoever pipes something in, or reads the output with a program, is not asked.
        let person = !self.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let ask = Ask { session, person, language: Language::of_locale(&|name| session.var(name)) };
        let file = self.dir.join(config::FILE);
        // What is there is not asked about.
        let gathered = if file.exists() { None } else { Some(gather(&self.dir, &ask)?) };
        let report = |wrote: bool, path: &Path| {
            let verb = if wrote { "wrote" } else { "kept " };
            session.line(&format!("{verb} {}", shown(path)))
        };
        let (toml, secrets) = match &gathered {
            Some(gathered) => (gathered.document.toml(), gathered.secrets.as_slice()),
            None => (String::new(), [].as_slice()),
        };
        report(write(&file, &toml, false)?, &file)?;
        for (path, secret) in secrets {
            let path = self.dir.join(path);
            report(write(&path, &format!("{secret}\n"), true)?, &path)?;
        }
        // Read back, for it may be one that was there before.
        let config = Config::open(Some(&file), &|name| session.var(name), Path::new(""))?;
        let chosen = chosen(&ask);
        for recipe in &chosen {
            let path = self.dir.join(format!("scripts/{}.rhai", recipe.name));
            report(write(&path, &recipe.filled(&config), false)?, &path)?;
        }
        // Without a script there yet, too: the daemon watches it.
        std::fs::create_dir_all(&config.scripts).map_err(|error| unwritable(&config.scripts, &error))?;
        let path = self.dir.join(".gitignore");
        report(write(&path, IGNORED, false)?, &path)?;
        let folder = self.dir.join(FOLDER);
        let new = !folder.exists();
        if new {
            definitions::write(&folder, &config)?;
        }
        report(new, &folder)?;
        let service = self.service.unwrap_or_else(|| service(&ask));
        if service != Service::None {
            let path = self.dir.join(UNIT);
            let program = std::env::current_exe().unwrap_or_else(|_| "tidegate".into());
            let folder = std::path::absolute(&self.dir).unwrap_or_else(|_| self.dir.clone());
            report(write(&path, &unit(service, &program, &folder), false)?, &path)?;
        }
        session.line("\nNext:")?;
        for line in
            granted(&chosen, &config).into_iter().chain(next(&self.dir, &config, service, &|name| session.var(name)))
        {
            session.line(&format!("  {line}"))?;
        }
        Ok(Exit::Ok)
    }
}

/// The scripts to begin with; one of them where nobody says otherwise.
fn chosen(ask: &Ask) -> Vec<&'static Recipe> {
    for recipe in RECIPES.iter().filter(|_| ask.person) {
        ask.session.say(&format!("  {}: {}", recipe.name, recipe.sentence(ask.language)));
    }
    let usual = RECIPES[0].name;
    let answer = ask.text(
        &format!("Which of these automations to begin with, by name (Enter for {usual}, `-` for none):"),
        &format!("先用哪些自动化，写名字（直接回车为 {usual}，`-` 表示不要）："),
    );
    let answer = answer.unwrap_or_else(|| usual.to_owned());
    let wanted: Vec<_> = answer.split([',', ' ', '，', '、']).collect();
    RECIPES.iter().filter(|recipe| wanted.contains(&recipe.name)).collect()
}

/// What the owner has to allow the chosen scripts: nothing that loses data is granted by this command.
fn granted(chosen: &[&Recipe], config: &Config) -> Vec<String> {
    let tables = chosen.iter().filter_map(|recipe| table(recipe.name, &recipe.grants(config)));
    let lines: Vec<_> =
        tables.flat_map(|table| table.lines().map(|line| format!("#   {line}")).collect::<Vec<_>>()).collect();
    let head = (!lines.is_empty()).then(|| format!("# allow what the scripts need, in {}:", config::FILE));
    head.into_iter().chain(lines).collect()
}

/// Who is to start the daemon.
fn service(ask: &Ask) -> Service {
    if !cfg!(target_os = "linux") {
        return Service::None;
    }
    let answer = ask.text(
        "A systemd unit: user, system or none (Enter for user):",
        "systemd 单元：user、system 或 none（直接回车为 user）：",
    );
    match answer.as_deref() {
        Some("system") => Service::System,
        Some("none" | "-" | "n" | "no") => Service::None,
        _ => Service::User,
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Kind::Config, format!("`{}` cannot be written: {error}", path.display()))
        .hint("check the permissions of the folder, or name another: `tidegate init DIR`")
}

/// Writes a new file, for nobody else to read where it is `private`. False where the file is there already.
fn write(path: &Path, text: &str, private: bool) -> Result<bool> {
    let fail = |error: std::io::Error| unwritable(path, &error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = private;
    match options.open(path) {
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
fn next(dir: &Path, config: &Config, service: Service, var: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
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
    lines.dedup();
    lines.push("tidegate check".into());
    let dry = config.mode == config::Mode::Watch;
    let remark = if dry { "   # a dry run until mode = \"live\" in tidegate.toml" } else { "" };
    lines.push(format!("tidegate run{remark}"));
    let enable = match service {
        Service::User => Some("systemctl --user enable --now"),
        Service::System => Some("sudo systemctl enable --now"),
        Service::None => None,
    };
    lines.extend(enable.map(|enable| format!("{enable} \"$PWD/{UNIT}\"   # in place of `run`: as a service")));
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
