//! `tidegate recipe`: automations that are ready to copy.

use serde::Serialize;

use super::{Exit, Session};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::recipes::{RECIPES, Recipe, recipe, table};
use crate::text::suggestion;

/// Lists ready automations, or prints one with the names of your instances in its settings.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate recipe weekly-snapshot > scripts/weekly-snapshot.rhai\n\nThe script goes to standard output; what it needs in tidegate.toml is said beside it."
)]
pub struct Show {
    /// The recipe to print.
    name: Option<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// A recipe as programs read it.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    /// What it is for, in the reader's language.
    sentence: String,
    /// What `allow` must hold for it.
    grants: Vec<String>,
    /// With the names of the user's instances; only where one recipe was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
}

impl Show {
    /// # Errors
    /// `argument` where there is no such recipe; where the configuration is wrong.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let Some(name) = &self.name else {
            let listed = RECIPES.iter().map(|recipe| listed(recipe, &config)).collect::<Vec<_>>();
            if self.json {
                session.json(&listed)?;
                return Ok(Exit::Ok);
            }
            for row in &listed {
                session.line(&format!("{}\n    {}", row.name, row.sentence))?;
                if !row.grants.is_empty() {
                    session.line(&format!("    needs: {}", row.grants.join(", ")))?;
                }
            }
            return Ok(Exit::Ok);
        };
        let found = recipe(name).ok_or_else(|| {
            let names = RECIPES.iter().map(|recipe| recipe.name);
            let hint = suggestion(name, names).unwrap_or_else(|| "`tidegate recipe` lists them".into());
            Error::new(Kind::Argument, format!("there is no recipe `{name}`")).hint(hint)
        })?;
        let row = listed(found, &config);
        let script = found.filled(&config);
        if self.json {
            session.json(&Listed { script: Some(script), ..row })?;
            return Ok(Exit::Ok);
        }
        session.line(script.trim_end())?;
        if let Some(table) = table(found.name, &row.grants) {
            session.say(&format!("It needs this in tidegate.toml:\n\n{table}"));
        }
        Ok(Exit::Ok)
    }
}

fn listed(recipe: &'static Recipe, config: &Config) -> Listed {
    Listed {
        name: recipe.name,
        sentence: recipe.sentence(config.language),
        grants: recipe.grants(config),
        script: None,
    }
}
