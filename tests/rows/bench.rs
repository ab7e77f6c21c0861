//! A simulated world of its own for each call, and a host that knows it.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tidegate::api::Row;
use tidegate::clock::VirtualClock;
use tidegate::config::{Config, Mode};
use tidegate::error::Result;
use tidegate::host::{Host, Setting, Storage};
use tidegate::journal::Silent;
use tidegate::permission::{Grant, Grants};
use tidegate::script::{Context, STACK, Session, Setup};
use tidegate::sim::{CasePlan, Request, Scenario, Sim};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::harness::{START, minutes};

/// What the examples give as PBH's token.
pub const TOKEN: &str = "the-token";

pub struct Bench {
    pub sim: Sim,
    host: Arc<Host>,
    runtime: Runtime,
    /// For files.
    _folder: tempfile::TempDir,
}

/// Says what kind of value is where.
const KINDS: &str = r#"
fn kinds(value) {
    switch type_of(value) {
        "map" => {
            let kinds = #{};
            for key in value.keys() { kinds[key] = kinds(value[key]); }
            kinds
        }
        "array" => {
            let kinds = [];
            for item in value { kinds.push(kinds(item)); }
            kinds
        }
        _ => type_of(value)
    }
}
"#;

impl Bench {
    /// A PBH of this release, new where the row is for that; a VPS with open cases where the row is about them. Twenty minutes have passed, so that there are
    /// bans, histories and samples.
    pub fn new(release: &str, row: &Row) -> Self {
        Self::knowing(release, row, TOKEN)
    }

    /// The same with what is taken for PBH's token.
    pub fn knowing(release: &str, row: &Row, token: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_stack_size(STACK)
            .enable_all()
            .build()
            .expect("a runtime");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (sim, host) = runtime.block_on(async {
            let clock = VirtualClock::new(START);
            let mut scenario = Scenario::default();
            scenario.pbh.version = release.into();
            scenario.pbh.token = TOKEN.into();
            scenario.pbh.initialised = row.extra.group != "oobe";
            if row.extra.group == "abuse" {
                scenario.vps[0].cases = vec![CasePlan::Suspension, CasePlan::Violation];
            }
            let port = "127.0.0.1:0".parse().expect("an address");
            let sim = Sim::start(scenario, Arc::<VirtualClock>::clone(&clock), port, port).await.expect("a world");
            let urls = sim.urls();
            let vps = &urls.vps[0];
            let config = format!(
                "timezone = \"UTC\"\ndata = {:?}\n\
                 [vps.tokyo]\nveid = {}\napi_key = {:?}\nurl = {:?}\n\
                 [pbh.home]\nurl = {:?}\ntoken = {token:?}\n",
                folder.path().display().to_string(),
                vps.veid,
                vps.api_key,
                urls.kiwivm_url,
                urls.pbh_url,
            );
            let config = Config::load(&config, Path::new("tidegate.toml"), &|_| None).expect("a good configuration");
            let setting = Setting {
                clock,
                env: Arc::new(|_| None),
                journal: Arc::new(Silent),
                storage: Storage::Memory,
                accepts_any_instance: false,
            };
            (sim, Host::open(config, setting).await.expect("a host"))
        });
        let bench = Self { sim, host, runtime, _folder: folder };
        bench.eval(r#"sleep("20m")"#).expect("twenty minutes");
        bench
    }

    /// What a script evaluates to, as JSON.
    pub fn eval(&self, text: &str) -> Result<Value> {
        let allow = ["kiwivm:*", "pbh:*"].map(|grant| Grant::parse(grant).expect("a grant"));
        let setup = Setup {
            script: "rows".into(),
            trigger: None,
            run: "test".into(),
            mode: Mode::Live,
            grants: Grants { allow: allow.into(), ..Grants::default() },
            deadline: self.host.clock.now() + minutes(24 * 60),
            cancel: CancellationToken::new(),
            permits: None,
        };
        let (host, text) = (Arc::clone(&self.host), text.to_owned());
        let thread = self.runtime.spawn_blocking(move || {
            let context = Context::new(host, setup);
            Session::new(Path::new(".")).eval(&context, &text).map(|answer| answer.json)
        });
        self.runtime.block_on(thread).expect("no panic")
    }

    /// The kinds of value that an expression is made of: the value with the name of its type for each leaf.
    pub fn kinds(&self, expression: &str) -> Result<Value> {
        self.eval(&format!("{KINDS}\nkinds({expression})"))
    }

    /// Gets PBH's free licence, for which a riddle is to be solved.
    pub fn license(&self) {
        let captcha = self.eval("pbh().plus_captcha()").expect("a riddle");
        let challenge = BASE64_STANDARD.decode(captcha["challengeBase64"].as_str().unwrap()).unwrap();
        let bits = captcha["difficultyBits"].as_u64().unwrap();
        let solves = |nonce: &u64| {
            let hash = Sha256::new().chain_update(&challenge).chain_update(nonce.to_be_bytes()).finalize();
            u64::from_be_bytes(hash[..8].try_into().unwrap()).leading_zeros() >= u32::try_from(bits).unwrap()
        };
        let nonce = (0u64..1 << 40).find(solves).unwrap();
        let nonce = BASE64_STANDARD.encode(nonce.to_be_bytes());
        let renew = format!("pbh().plus_free_license_renew({}, {nonce:?})", captcha["challengeId"]);
        self.eval(&renew).expect("a licence");
    }

    pub fn forget(&self) {
        self.sim.world().forget();
    }

    /// The last request for a row.
    pub fn last(&self, row: &Row) -> Option<Request> {
        self.sim.world().requests().into_iter().rev().find(|request| request.id.as_deref() == Some(row.id))
    }
}
