//! Everything of the world layer in one place: what scripts and the engine room are given.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::bans::Bans;
use crate::config::Config;
use crate::database::Database;
use crate::error::Result;
use crate::events::Bus;
use crate::fleet::Fleet;
use crate::holds::Holds;
use crate::http::Http;
use crate::journal::{Journal, Line, Live};
use crate::language::Language;
use crate::ledger::Ledger;
use crate::notify::Notifier;
use crate::secret::Masker;
use crate::series::Series;
use crate::store::Store;
use crate::time::Clock;
use crate::vault::{Env, Vault};

/// The services of one process under one configuration. It never changes: a new configuration is a new host
/// ([`Host::renew`]), and the engine decides which runs begin on which.
pub struct Host {
    pub config: Arc<Config>,
    pub clock: Arc<dyn Clock>,
    pub runtime: Handle,
    pub http: Http,
    pub vault: Arc<Vault>,
    pub masker: Masker,
    pub journal: Arc<dyn Journal>,
    /// What goes to the journal, for whoever looks on.
    pub live: Arc<Live>,
    pub fleet: Arc<Fleet>,
    pub database: Database,
    pub store: Store,
    pub ledger: Ledger,
    pub series: Series,
    pub notifier: Arc<Notifier>,
    pub bans: Arc<Bans>,
    pub holds: Arc<Holds>,
    /// To the daemon of this process.
    pub bus: Bus,
    /// For `check` without a configuration: any instance name stands for an instance.
    pub accepts_any_instance: bool,
}

/// Where state and history are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Storage {
    /// In the configured data folder.
    Folder,
    /// Nowhere: for `check`, `demo` and tests.
    Memory,
}

/// What a host is built from, beside its configuration.
pub struct Setting {
    pub clock: Arc<dyn Clock>,
    pub env: Env,
    pub journal: Arc<dyn Journal>,
    pub storage: Storage,
    pub accepts_any_instance: bool,
}

impl Host {
    /// Opens the database and builds the clients. Nothing is sent yet.
    ///
    /// # Errors
    /// `config` where the data folder cannot be used.
    pub async fn open(config: Config, setting: Setting) -> Result<Arc<Self>> {
        let Setting { clock, env, journal, storage, accepts_any_instance } = setting;
        let masker = Masker::default();
        let live = Arc::new(Live::default());
        let journal: Arc<dyn Journal> = Arc::new(Masked { journal, masker: masker.clone(), live: Arc::clone(&live) });
        let http = Http::new(Arc::clone(&clock));
        let vault = Arc::new(Vault::new(env, masker.clone()));
        let database = match storage {
            Storage::Folder => Database::open(&config.data, Arc::clone(&clock)).await?,
            Storage::Memory => Database::memory(Arc::clone(&clock)).await?,
        };
        let base = Base {
            runtime: Handle::current(),
            clock,
            http,
            vault,
            masker,
            journal,
            live,
            store: Store::new(&database),
            ledger: Ledger::new(&database),
            series: Series::new(&database),
            database,
            bus: Bus::default(),
            accepts_any_instance,
        };
        Ok(base.over(config, None))
    }

    /// The services of a new configuration, beside the old ones: whoever began with those ends with them. Clock,
    /// database and journal are the same, and so is the data folder, which cannot change while it is in use.
    pub fn renew(&self, mut config: Config) -> Arc<Self> {
        config.data.clone_from(&self.config.data);
        self.http.forget();
        let base = Base {
            runtime: self.runtime.clone(),
            clock: Arc::clone(&self.clock),
            http: self.http.clone(),
            vault: Arc::clone(&self.vault),
            masker: self.masker.clone(),
            journal: Arc::clone(&self.journal),
            live: Arc::clone(&self.live),
            store: self.store.clone(),
            ledger: self.ledger.clone(),
            series: self.series.clone(),
            database: self.database.clone(),
            bus: self.bus.clone(),
            accepts_any_instance: self.accepts_any_instance,
        };
        base.over(config, Some(self))
    }
}

/// What no configuration changes while the process lives.
struct Base {
    runtime: Handle,
    clock: Arc<dyn Clock>,
    http: Http,
    vault: Arc<Vault>,
    masker: Masker,
    journal: Arc<dyn Journal>,
    live: Arc<Live>,
    store: Store,
    ledger: Ledger,
    series: Series,
    database: Database,
    bus: Bus,
    accepts_any_instance: bool,
}

impl Base {
    fn over(self, config: Config, before: Option<&Host>) -> Arc<Host> {
        let Self {
            runtime,
            clock,
            http,
            vault,
            masker,
            journal,
            live,
            store,
            ledger,
            series,
            database,
            bus,
            accepts_any_instance,
        } = self;
        let fleet = match before {
            Some(before) => before.fleet.renew(&config),
            None => Fleet::new(&config, http.clone(), Arc::clone(&vault), masker.clone(), Arc::clone(&clock)),
        };
        let holds = match before {
            Some(before) => before.holds.over(Arc::clone(&fleet)),
            None => Holds::new(store.clone(), Arc::clone(&fleet)),
        };
        let notifier = Notifier::new(
            &config,
            Arc::clone(&fleet),
            http.clone(),
            Arc::clone(&vault),
            store.clone(),
            &database,
            Arc::clone(&journal),
        );
        Arc::new(Host {
            bans: Arc::new(Bans::new(store.clone(), Arc::clone(&fleet))),
            holds: Arc::new(holds),
            notifier: Arc::new(notifier),
            config: Arc::new(config),
            runtime,
            clock,
            http,
            vault,
            masker,
            journal,
            live,
            fleet,
            database,
            store,
            ledger,
            series,
            bus,
            accepts_any_instance,
        })
    }
}

/// No line leaves with a secret in it, whoever wrote it.
struct Masked {
    journal: Arc<dyn Journal>,
    masker: Masker,
    live: Arc<Live>,
}

impl Journal for Masked {
    fn write(&self, line: &Line) {
        let mut line = line.clone();
        line.message = self.masker.mask(&line.message).into_owned();
        if let serde_json::Value::Object(data) = self.masker.mask_json(line.data.into()) {
            line.data = data;
        } else {
            line.data = serde_json::Map::new();
        }
        self.journal.write(&line);
        self.live.pass(line);
    }

    fn language(&self) -> Language {
        self.journal.language()
    }
}
