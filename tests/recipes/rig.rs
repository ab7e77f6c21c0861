//! One scene: a script in the simulated world, what happens there, and what the script makes of it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate::clock::VirtualClock;
use tidegate::config::Mode;
use tidegate::journal::{Level, Line};
use tidegate::permission::{Grant, Grants};
use tidegate::script::{Context, Session, Setup};
use tidegate::server::Server;
use tidegate::sim::{Scenario, Sim, Snapshot};
use tidegate::time::Clock as _;
use tidegate::watch::Means;
use tokio_util::sync::CancellationToken;

use crate::harness::{Home, START, World, minutes, on_a_deep_stack};
use crate::messages::post::Post;
use crate::served::ask;

/// A row of the table.
pub struct Scene {
    /// The script's name.
    pub script: &'static str,
    /// What it shows.
    pub shows: &'static str,
    /// Changes the demo's world.
    pub world: fn(&mut Scenario),
    /// Settings of the script with another value: so that it need not take a day.
    pub settings: &'static [(&'static str, &'static str)],
    /// More of the configuration. `{port}` is a port that answers, `{away}` the address of another PBH,
    /// `{web}` that of a server that answers everything alike.
    pub config: &'static str,
    /// Whether runs fail in it, as they do without a reading.
    pub may_fail: bool,
    pub steps: &'static [Step],
}

/// What is the same in most scenes.
pub const SCENE: Scene =
    Scene { script: "", shows: "", world: |_| (), settings: &[], config: "", may_fail: false, steps: &[] };

pub enum Step {
    /// So many minutes pass.
    Pass(i64),
    /// Something happens in the world.
    Fate(fn(&Sim)),
    /// A person does something, in the words of a script.
    Do(&'static str),
    /// The daemon ends and starts again.
    Restart,
    /// Since the last look the script changed nothing and said nothing.
    Quiet,
    /// Since the last look the script made these calls that change something, each once, in this order.
    Did(&'static [&'static str]),
    /// And these parts of messages, a part a message.
    Told(&'static [&'static str]),
    /// What an expression gives.
    Is(&'static str, &'static str),
    /// What holds in the world, whatever the services say.
    Holds(fn(&Snapshot) -> bool),
    /// The other PBH bans what this one does.
    Shared,
    /// A request to the daemon, with a body of JSON, is answered with this status.
    Asked(&'static str, &'static str, u16),
    /// A file of the configuration's folder is written.
    Written(&'static str, &'static str),
    /// What came to the other server since the last look, each once.
    Got(&'static [&'static str]),
}

pub fn gib(n: u64) -> u64 {
    n << 30
}

/// The script with other settings.
pub fn with_settings(text: &str, settings: &[(&str, &str)]) -> String {
    settings.iter().fold(text.to_owned(), |text, (name, value)| {
        let start = text.find(&format!("\nconst {name} = ")).unwrap_or_else(|| panic!("no setting `{name}`")) + 1;
        let end = start + text[start..].find(';').expect("an end of the setting");
        format!("{}const {name} = {value}{}", &text[..start], &text[end..])
    })
}

struct Stage {
    home: Home,
    world: World,
    sim: Sim,
    /// Of another PBH, `[pbh.away]`.
    away: Sim,
    post: Post,
    script: &'static str,
    may_fail: bool,
    /// What was said that no step has looked at.
    lines: Vec<Line>,
    /// Which scene and step it is, for whoever reads why it failed.
    place: String,
}

/// Plays a scene with the text of its script.
pub async fn play(scene: &Scene, text: &str) {
    let clock = VirtualClock::new(START);
    let still = clock.busy();
    let mut scenario = Scenario::default();
    (scene.world)(&mut scenario);
    let sim = services(scenario, &clock).await;
    let away = services(elsewhere(), &clock).await;
    let port = sim.urls().kiwivm_url.split([':', '/']).nth(4).expect("a port").to_owned();
    let post = Post::answering(&json!({"port": 51413}));
    let web = post.listen();
    let known =
        |text: &str| text.replace("{port}", &port).replace("{away}", &away.urls().pbh_url).replace("{web}", &web);
    let config = format!("{}[server]\naddress = \"127.0.0.1:0\"\n{}", sim.urls().configuration(), known(scene.config));
    let home = Home::with(&config);
    home.script(scene.script, known(&with_settings(text, scene.settings)));
    std::fs::create_dir(home.path("secrets")).expect("a folder");
    // Polling is work in each second, so only where files are watched.
    let writes = scene.steps.iter().any(|step| matches!(step, Step::Written(..)));
    let world = home.start_beside(&clock, if writes { Means::Poll } else { Means::Asked }).await;
    drop(still);
    let mut stage = Stage {
        home,
        world,
        sim,
        away,
        post,
        script: scene.script,
        may_fail: scene.may_fail,
        lines: Vec::new(),
        place: String::new(),
    };
    for (number, step) in scene.steps.iter().enumerate() {
        stage.place = format!("{}, step {}", scene.shows, number + 1);
        stage = stage.step(step).await;
    }
}

async fn services(scenario: Scenario, clock: &Arc<VirtualClock>) -> Sim {
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    Sim::start(scenario, Arc::<VirtualClock>::clone(clock), any, any).await.expect("the simulated services")
}

/// A PBH with one client, and nothing to ban.
fn elsewhere() -> Scenario {
    let mut scenario = Scenario { seed: 2, ..Scenario::default() };
    scenario.pbh.past_bans = 0;
    scenario.vps.clear();
    scenario.downloader.truncate(1);
    scenario.downloader[0].id = "away-qb".into();
    scenario.downloader[0].torrent.clear();
    scenario
}

impl Stage {
    async fn step(mut self, step: &Step) -> Self {
        let place = self.place.clone();
        match step {
            Step::Pass(duration) => self.world.advance(minutes(*duration)).await,
            Step::Fate(fate) => fate(&self.sim),
            Step::Do(code) => drop(self.eval(code).await),
            Step::Restart => {
                let clock = Arc::clone(&self.world.clock);
                let (_, journal) = self.world.stop().await;
                self.lines.extend(journal.take());
                self.world = self.home.start_beside(&clock, Means::Asked).await;
            }
            Step::Quiet => {
                let (did, told) = self.look();
                assert!(did.is_empty() && told.is_empty(), "{place}: {did:?} {told:?}");
            }
            Step::Did(expected) => {
                let (did, told) = self.look();
                assert_eq!(did, *expected, "{place}; it said {told:?} and called {:#?}", self.calls());
                self.lines.retain(|line| line.event == "notify");
            }
            Step::Told(expected) => {
                let (did, told) = self.look();
                let fits = told.len() == expected.len()
                    && expected.iter().zip(&told).all(|(part, message)| message.contains(part));
                assert!(fits, "{place}: {told:#?} instead of {expected:?}; it did {did:?}");
                self.lines.clear();
            }
            Step::Is(code, expected) => assert_eq!(self.eval(code).await, *expected, "{place}: {code}"),
            Step::Holds(holds) => {
                let snapshot = self.sim.world().snapshot();
                assert!(holds(&snapshot), "{place}: {snapshot:#?}");
            }
            Step::Asked(request, body, status) => {
                let headers: &[_] = if body.is_empty() { &[] } else { &["Content-Type: application/json"] };
                let server = Server::start(Arc::clone(&self.world.host), self.world.daemon.handle()).await;
                let server = server.expect("a server");
                let (answered, said) = ask(server.address().expect("an address"), request, headers, body).await;
                assert_eq!(answered, *status, "{place}: {said}");
            }
            Step::Written(file, text) => self.home.write(file, text),
            Step::Got(expected) => {
                let mut got: Vec<_> =
                    self.post.take().iter().map(|letter| format!("{} {}", letter.method, letter.path)).collect();
                got.dedup();
                assert_eq!(got, *expected, "{place}");
            }
            Step::Shared => {
                let [here, there] = [&self.sim, &self.away].map(|sim| sim.world().snapshot().bans);
                assert!(!here.is_empty() && here.iter().all(|ip| there.contains(ip)), "{place}: {here:?}, {there:?}");
            }
        }
        // Nothing that a recipe does may fail.
        self.lines.extend(self.world.journal.take());
        let failed = self
            .lines
            .iter()
            .find(|line| line.event == "reload_failed" || (line.event == "run_finished" && line.level >= Level::Error));
        assert!(self.may_fail || failed.is_none(), "{place}: {failed:#?}");
        self
    }

    /// What the script changed and told since the last look: calls once each, messages all.
    fn look(&mut self) -> (Vec<String>, Vec<String>) {
        self.lines.extend(self.world.journal.take());
        let own = || self.lines.iter().filter(|line| line.script.as_deref() == Some(self.script));
        let mut did: Vec<String> = Vec::new();
        for line in own().filter(|line| line.event == "call" && line.data["effect"] != "read") {
            let endpoint = line.data["endpoint"].as_str().unwrap_or_default();
            // What it keeps for itself changes nothing in the world.
            let own = line.data["service"] == "notify" || (line.data["service"] == "state" && endpoint != "publish");
            if !own && !did.iter().any(|known| known == endpoint) {
                did.push(endpoint.into());
            }
        }
        let told = own().filter(|line| line.event == "notify").map(|line| line.message.clone()).collect();
        (did, told)
    }

    /// What its calls that change something were, whole.
    fn calls(&self) -> Vec<String> {
        let changes = |line: &&Line| line.event == "call" && line.data["effect"] != "read";
        let own = self.lines.iter().filter(|line| line.script.as_deref() == Some(self.script)).filter(changes);
        own.map(|line| format!("{} {} {}", line.data["instance"], line.data["endpoint"], line.data["args"])).collect()
    }

    /// What a text comes to that may do everything. Time stands still meanwhile.
    async fn eval(&self, code: &str) -> String {
        let host = Arc::clone(&self.world.host);
        let allow = Grant::SERVICES.iter().map(|service| Grant::parse(&format!("{service}:*")).unwrap()).collect();
        let setup = Setup {
            script: "person".into(),
            trigger: None,
            run: "person".into(),
            mode: Mode::Live,
            grants: Grants { allow, deny: Vec::new() },
            deadline: host.clock.now() + minutes(60),
            cancel: CancellationToken::new(),
            permits: None,
        };
        let work = move |code: String| {
            let context = Context::new(host, setup);
            Session::new(Path::new(".")).eval(&context, &code).map(|answer| match answer.json {
                Value::String(text) => text,
                value => value.to_string(),
            })
        };
        let owned = code.to_owned();
        let answer = tokio::task::spawn_blocking(move || on_a_deep_stack(|| work(owned))).await.unwrap();
        answer.unwrap_or_else(|error| panic!("{}: `{code}`: {error:?}", self.place))
    }
}
