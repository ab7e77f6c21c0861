//! What the functions of tests act on: a world of their own, and whoever runs scripts in it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::config::ScriptSettings;
use crate::error::{Error, Kind, Result};
use crate::journal::Memory;
use crate::sim::{Scenario, World};
use crate::time::Time;

/// Runs scripts in the world of a test. What it is made of is above this layer.
pub trait Crew: Send + Sync {
    /// Puts a script on, by name or path, with its settings as `change` leaves them. Blocks.
    ///
    /// # Errors
    /// Where there is no such script, it does not load, or it comes too late.
    fn load(&self, name: &str, change: &mut dyn FnMut(&mut ScriptSettings)) -> Result<()>;

    /// Starts the daemon over what was put on, where it does not run yet.
    fn begin(&self) -> BoxFuture<'_, Result<()>>;

    /// Runs a trigger now, `NAME` or `SCRIPT/NAME`, and waits for its end. `data` is what its handler is told.
    fn fire<'a>(&'a self, trigger: &'a str, data: Value) -> BoxFuture<'a, Result<Fired>>;
}

/// How a run ended that a test asked for.
#[derive(Clone, Debug)]
pub struct Fired {
    /// As the run history calls it.
    pub state: &'static str,
    pub error: Option<Error>,
    /// What its closure gave.
    pub value: Value,
    /// Where it was `reply(status, body)`.
    pub status: Option<u16>,
    pub changed: bool,
}

/// What a test begins with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opening {
    /// The world of the demo where absent.
    pub world: Option<Staged>,
    pub start: Option<Time>,
}

/// A world that a test asks for.
#[derive(Clone, Debug)]
pub struct Staged {
    /// As the test put it.
    said: Value,
    pub scenario: Scenario,
}

impl PartialEq for Staged {
    fn eq(&self, other: &Self) -> bool {
        self.said == other.said
    }
}

impl Staged {
    /// A world file by its name in `folder`, or a world as the file would describe it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(said: Value, folder: &Path) -> Result<Self> {
        let scenario = scenario(&said, folder)?;
        Ok(Self { said, scenario })
    }
}

/// See the module.
pub struct Bench {
    pub world: World,
    /// Everything that happened.
    pub seen: Arc<Memory>,
    pub crew: Arc<dyn Crew>,
    /// Where world files are.
    pub folder: PathBuf,
    opening: Opening,
    inner: Mutex<Inner>,
}

struct Inner {
    /// Another opening that the test asks for: it begins again with that.
    wanted: Option<Opening>,
    /// Where the test has come to in time; once it has, a moment more is on the clock.
    at: Option<Time>,
}

impl Bench {
    pub fn new(opening: Opening, folder: PathBuf, world: World, seen: Arc<Memory>, crew: Arc<dyn Crew>) -> Arc<Self> {
        Arc::new(Self { world, seen, crew, folder, opening, inner: Mutex::new(Inner { wanted: None, at: None }) })
    }

    /// Another opening than this test had, where it asked for one.
    pub fn wanted(&self) -> Option<Opening> {
        self.lock().wanted.clone()
    }

    /// Asks for something else to begin with; `Ok(true)` where it is as asked, `Ok(false)` where the test has to begin
    /// again.
    ///
    /// # Errors
    /// `argument` where it was something else already, or time has passed.
    pub(super) fn open(&self, change: impl FnOnce(&mut Opening)) -> Result<bool> {
        let mut wanted = self.opening.clone();
        change(&mut wanted);
        if wanted == self.opening {
            return Ok(true);
        }
        let taken = |before: bool, what: &str| {
            before.then(|| {
                Error::new(Kind::Argument, format!("this test has {what} already"))
                    .hint("say it once: at the top level for all tests of the file, or at the beginning of each")
            })
        };
        let other_world = self.opening.world.is_some() && wanted.world != self.opening.world;
        let other_start = self.opening.start.is_some() && wanted.start != self.opening.start;
        if let Some(error) = taken(other_world, "a world").or_else(|| taken(other_start, "a time to begin at")) {
            return Err(error);
        }
        let mut inner = self.lock();
        if inner.at.is_some() {
            return Err(Error::new(Kind::Argument, "time has passed in this world already")
                .hint("`world` and `start_at` come first in a test"));
        }
        inner.wanted = Some(wanted);
        Ok(false)
    }

    /// Where the test stands in time, `now` where it has not moved yet.
    pub(super) fn at(&self, now: Time) -> Time {
        self.lock().at.unwrap_or(now)
    }

    pub(super) fn move_to(&self, time: Time) {
        self.lock().at = Some(time);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A world as a file or a map describes it; what a map need not say is invented.
fn scenario(said: &Value, folder: &Path) -> Result<Scenario> {
    match said {
        Value::String(name) => Scenario::read(&folder.join(name)),
        Value::Object(map) => {
            let mut map = map.clone();
            for (n, vps) in map.get_mut("vps").and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
                if let Value::Object(vps) = vps {
                    vps.entry("veid").or_insert_with(|| json!(1_000_001 + n));
                    vps.entry("api_key").or_insert_with(|| json!(format!("private_key_of_test_{n}")));
                }
            }
            Scenario::from_json(Value::Object(map))
        }
        _ => Err(Error::new(Kind::Argument, "a world is a file or a map")
            .hint("write `world(\"busy.toml\")` or `world(#{vps: [#{name: \"tokyo\", used: \"900 GiB\"}]})`")),
    }
}
