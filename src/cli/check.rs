//! Under construction.

use super::{Exit, Session};
use crate::error::{Error, Result};

#[derive(clap::Args)]
pub struct Check {}

impl Check {
    pub fn run(self, _session: &Session) -> Result<Exit> {
        Err(Error::internal("not built yet"))
    }
}
