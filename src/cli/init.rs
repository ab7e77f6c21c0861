//! `tidegate init`: a folder to begin with, in watch mode.
//!
//! | file | holds |
//! |---|---|
//! | `ask` | questions to whoever is there |
//! | `hidden` | an answer that is not shown |
//! | `survey` | what the services say of themselves |
//! | `gather` | what is needed, out of both |
//! | `document` | the files that are written |
//! | `next` | the lines to go on with |

use std::path::{Path, PathBuf};

use super::{Exit, Session, definitions};
use crate::config::{self, Config};
use crate::error::{Error, Kind, Result};
use crate::recipes::{RECIPES, Recipe, recipe};
use crate::reference::definitions::FOLDER;
use crate::text::nearest;

mod ask;
mod document;
mod gather;
mod hidden;
mod next;
mod survey;
#[cfg(test)]
mod tests;

use ask::Ask;
use document::{Service, unit};
use gather::gather;
use next::{granted, next};

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
    /// `config` where the folder cannot be written, or holds a configuration that is wrong, or a variable is wrong that
    /// nobody is asked about.
    pub fn run(self, session: &Session) -> Result<Exit> {
        match self.write(session) {
            Err(error) if error.kind == Kind::Cancelled => Ok(Exit::Interrupted),
            written => written.map(|()| Exit::Ok),
        }
    }

    /// Asks everything, and then writes: whoever leaves in between has nothing half done.
    fn write(self, session: &Session) -> Result<()> {
        use std::io::IsTerminal as _;
        // Whoever pipes something in, or reads the output with a program, is not asked.
        let person = !self.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let ask = Ask { session, person, language: session.language.get() };
        let file = self.dir.join(config::FILE);
        // What is there is not asked about.
        let gathered = if file.exists() { None } else { Some(gather(&self.dir, &ask)?) };
        let chosen = chosen(&ask)?;
        let service = match self.service {
            Some(service) => service,
            None => service(&ask)?,
        };
        let report = |wrote: bool, path: &Path| {
            let language = session.language.get();
            let verb = if wrote { language.pick("wrote", "写入") } else { language.pick("kept ", "保留") };
            session.line(&format!("{verb} {}", shown(path)))
        };
        let (toml, secrets) = match &gathered {
            Some(gathered) => (gathered.document.toml(), gathered.secrets.as_slice()),
            None => (String::new(), [].as_slice()),
        };
        let wrote = write(&file, &toml, false)?;
        // Read back, for it may be one that was there before.
        let config = Config::open(Some(&file), &|name| session.var(name), Path::new(""))?;
        session.language.set(config.language);
        report(wrote, &file)?;
        for (path, secret) in secrets {
            let path = self.dir.join(path);
            report(write(&path, &format!("{secret}\n"), true)?, &path)?;
        }
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
        if service != Service::None {
            let path = self.dir.join(UNIT);
            let program = std::env::current_exe().unwrap_or_else(|_| "tidegate".into());
            let folder = std::path::absolute(&self.dir).unwrap_or_else(|_| self.dir.clone());
            report(write(&path, &unit(service, &program, &folder), false)?, &path)?;
        }
        session.line(config.language.pick("\nNext:", "\n接下来："))?;
        let lines = next(&self.dir, &config, service, &|name| session.var(name));
        for line in granted(&chosen, &config).into_iter().chain(lines) {
            session.line(&format!("  {line}"))?;
        }
        Ok(())
    }
}

/// The scripts to begin with; one of them where nobody says otherwise.
fn chosen(ask: &Ask) -> Result<Vec<&'static Recipe>> {
    for recipe in RECIPES.iter().filter(|_| ask.person) {
        ask.session.say(&format!("  {}: {}", recipe.name, recipe.sentence(ask.language)));
    }
    let usual = RECIPES[0].name;
    ask.until(
        &format!("Which of these automations to begin with, by name (Enter for {usual}, `-` for none):"),
        &format!("先用哪些自动化，写名字（直接回车为 {usual}，`-` 表示不要）："),
        |answer| {
            let answer = answer.unwrap_or(usual);
            let names = answer.split([',', ' ', '，', '、']).filter(|name| !name.is_empty());
            let named = |name| recipe(name).ok_or_else(|| unknown(ask, name));
            if answer == "-" { Ok(Vec::new()) } else { names.map(named).collect() }
        },
    )
}

fn unknown(ask: &Ask, name: &str) -> String {
    let near = nearest(name, RECIPES.iter().map(|recipe| recipe.name));
    let [english, chinese] = match near {
        Some(near) => [format!("; did you mean `{near}`?"), format!("；是不是 `{near}`？")],
        None => [".".into(), "。".into()],
    };
    ask.either(format!("There is no automation `{name}`{english}"), format!("没有名为 `{name}` 的自动化{chinese}"))
}

/// Who is to start the daemon.
fn service(ask: &Ask) -> Result<Service> {
    if !cfg!(target_os = "linux") {
        return Ok(Service::None);
    }
    ask.until(
        "A systemd unit: user, system or none (Enter for user):",
        "systemd 单元：user、system 或 none（直接回车为 user）：",
        |answer| match answer {
            None | Some("user") => Ok(Service::User),
            Some("system") => Ok(Service::System),
            Some("none" | "-" | "n" | "no") => Ok(Service::None),
            Some(_) => Err(ask.pick("Write user, system or none.", "请写 user、system 或 none。").into()),
        },
    )
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
