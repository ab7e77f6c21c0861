//! A daemon over a scripts folder of its own, on a clock that stands still until a test moves it; and the
//! real program in an environment of its own.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tidegate::clock::{VirtualClock, track};
use tidegate::config::Config;
use tidegate::daemon::{Daemon, Options, ScriptStatus, TriggerStatus};
use tidegate::host::{Host, Setting, Storage};
use tidegate::journal::{Line, Memory, Silent};
use tidegate::ledger::{Entry, Filter, State};
use tidegate::script::STACK;
use tidegate::sim::{Scenario, Sim};
use tidegate::time::{Busy, Clock, Duration, Time};
use tidegate::watch::Means;

use crate::wall::Wall;

/// Friday 2026-07-03 08:00 UTC.
pub const START: Time = Time::from_seconds(1_783_065_600);

pub const fn seconds(seconds: i64) -> Duration {
    Duration::from_seconds(seconds)
}

pub const fn minutes(minutes: i64) -> Duration {
    Duration::from_seconds(60 * minutes)
}

/// The world of the demo: a VPS `tokyo`, a PBH `home`, the clients `tokyo-qb` and `tokyo-seed`.
pub async fn simulated() -> (Sim, Arc<Host>) {
    let clock: Arc<dyn tidegate::time::Clock> = VirtualClock::new(START);
    let local = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    let sim = Sim::start(Scenario::default(), Arc::clone(&clock), local, local).await.unwrap();
    let urls = sim.urls();
    let vps = &urls.vps[0];
    let config = format!(
        "timezone = \"UTC\"\ndata = {:?}\n[vps.{}]\nveid = {}\napi_key = \"{}\"\nurl = \"{}\"\ndownloaders = {:?}\n\
         [pbh.home]\nurl = \"{}\"\ntoken = \"{}\"\n[secret.push_key]\nenv = \"PUSH_KEY\"\n[notify.phone]\ntype = \"log\"\n",
        env!("CARGO_TARGET_TMPDIR"),
        vps.name,
        vps.veid,
        vps.api_key,
        urls.kiwivm_url,
        vps.downloaders,
        urls.pbh_url,
        urls.pbh_token
    );
    let config = Config::load(&config, Path::new("tidegate.toml"), &|_| None).unwrap();
    let setting = Setting {
        clock,
        env: Arc::new(|name| (name == "PUSH_KEY").then(|| "hunter22".into())),
        journal: Arc::new(Silent),
        storage: Storage::Memory,
        accepts_any_instance: false,
    };
    let host = Host::open(config, setting).await.unwrap();
    (sim, host)
}

/// Scripts recurse further than the stack of a thread is deep.
pub fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let runtime = tokio::runtime::Handle::current();
    std::thread::scope(|scope| {
        let work = move || {
            let _entered = runtime.enter();
            work()
        };
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

/// A temporary folder with a configuration and scripts. It outlives daemons, as a disk does.
pub struct Home {
    folder: TempDir,
    config: String,
    /// The configuration as it was given.
    tables: String,
}

impl Home {
    pub fn new() -> Self {
        Self::with("")
    }

    /// With a `tidegate.toml`; its times are in UTC unless it says otherwise.
    pub fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("scripts")).expect("a folder for scripts");
        let tables = config.to_owned();
        let config = if config.contains("timezone") { config.into() } else { format!("timezone = \"UTC\"\n{config}") };
        let home = Self { folder, config, tables };
        home.write("tidegate.toml", &home.config);
        home
    }

    /// The same folder under another configuration.
    pub fn configured(self, config: &str) -> Self {
        self.write("tidegate.toml", config);
        Self { config: config.into(), ..self }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).expect("a file that can be written");
    }

    /// Saves a script.
    pub fn script(&self, name: &str, text: impl AsRef<[u8]>) {
        self.write(&format!("scripts/{name}.rhai"), text);
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(&format!("scripts/{name}.rhai"))).expect("a script to remove");
    }

    /// Starts a daemon at [`START`].
    pub async fn start(&self) -> World {
        self.start_at(START).await
    }

    pub async fn start_at(&self, time: Time) -> World {
        self.start_with(time, Options { dry_run: false, means: Means::Asked }).await
    }

    pub async fn start_with(&self, time: Time, options: Options) -> World {
        let clock = VirtualClock::new(time);
        let still = clock.busy();
        self.open(clock, still, options, &self.config).await
    }

    /// Starts a daemon at [`START`] over the simulated services.
    pub async fn start_in_sim(&self) -> (World, Sim) {
        self.in_sim(false).await
    }

    /// The same, and every script runs dry.
    pub async fn dry_in_sim(&self) -> (World, Sim) {
        self.in_sim(true).await
    }

    async fn in_sim(&self, dry_run: bool) -> (World, Sim) {
        self.in_world(Scenario::default(), "", dry_run).await
    }

    /// Starts a daemon over another world, with `more` below the instances in the configuration.
    pub async fn start_in(&self, scenario: Scenario, more: &str) -> (World, Sim) {
        self.in_world(scenario, more, false).await
    }

    async fn in_world(&self, scenario: Scenario, more: &str, dry_run: bool) -> (World, Sim) {
        let clock = VirtualClock::new(START);
        let still = clock.busy();
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let sim = Sim::start(scenario, Arc::<VirtualClock>::clone(&clock), any, any).await;
        let sim = sim.expect("the simulated services");
        let options = Options { dry_run, means: Means::Asked };
        let config = self.config_of(&sim) + more;
        self.write("tidegate.toml", &config);
        let world = self.open(clock, still, options, &config).await;
        (world, sim)
    }

    fn config_of(&self, sim: &Sim) -> String {
        format!("{}{}", sim.urls().configuration(), self.tables)
    }

    /// Ends a daemon over the simulated services, and starts another one at the same moment.
    pub async fn restart_in_sim(&self, world: World, sim: &Sim) -> World {
        let clock = Arc::clone(&world.clock);
        world.stop().await;
        let still = clock.busy();
        let options = Options { dry_run: false, means: Means::Asked };
        self.open(clock, still, options, &self.config_of(sim)).await
    }

    /// Starts a daemon under the configuration as it was given, on a clock that somebody else has too.
    pub async fn start_beside(&self, clock: &Arc<VirtualClock>, means: Means) -> World {
        let options = Options { dry_run: false, means };
        self.open(Arc::clone(clock), clock.busy(), options, &self.config).await
    }

    /// Starts a daemon that keeps nothing and changes nothing: for long stretches of time.
    pub async fn start_in_memory(&self, time: Time) -> World {
        let clock = VirtualClock::new(time);
        let still = clock.busy();
        let options = Options { dry_run: true, means: Means::Asked };
        self.open_on(Arc::clone(&clock), clock, Storage::Memory, still, options, &self.config).await
    }

    /// Starts a daemon whose clock on the wall can be set.
    pub async fn start_on_wall(&self, time: Time) -> (World, Arc<Wall>) {
        let clock = VirtualClock::new(time);
        let still = clock.busy();
        let wall = Wall::new(Arc::clone(&clock));
        let options = Options { dry_run: false, means: Means::Asked };
        let world = self.open_on(clock, Arc::<Wall>::clone(&wall), Storage::Folder, still, options, &self.config).await;
        (world, wall)
    }

    async fn open(&self, clock: Arc<VirtualClock>, still: Busy, options: Options, config: &str) -> World {
        self.open_on(Arc::clone(&clock), clock, Storage::Folder, still, options, config).await
    }

    async fn open_on(
        &self,
        clock: Arc<VirtualClock>,
        wall: Arc<dyn Clock>,
        storage: Storage,
        still: Busy,
        options: Options,
        config: &str,
    ) -> World {
        let config = Config::load(config, &self.path("tidegate.toml"), &|_| None).expect("a good configuration");
        let journal = Arc::new(Memory::default());
        let setting = Setting {
            clock: wall,
            env: Arc::new(|_| None),
            journal: Arc::<Memory>::clone(&journal),
            storage,
            accepts_any_instance: false,
        };
        let host = Host::open(config, setting).await.expect("a host");
        let daemon = Daemon::start(Arc::clone(&host), options).await.expect("a daemon");
        World { host, daemon, journal, clock, still: Some(still) }
    }

    /// The real program, in this folder and with nothing of the environment around it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(args).current_dir(self.folder.path()).env_clear().env("HOME", self.folder.path());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program starts")
    }

    /// `tidegate run --log json`, up to its line `ready`.
    pub fn spawn(&self) -> Program {
        let mut program = self.spawn_at_once();
        program.wait_for("ready");
        program
    }

    /// The same, from its first line.
    pub fn spawn_at_once(&self) -> Program {
        Program::new(self.command(&["run", "--log", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped()))
    }
}

/// A daemon under test. The clock stands still except inside [`World::advance`].
pub struct World {
    pub host: Arc<Host>,
    pub daemon: Daemon,
    pub journal: Arc<Memory>,
    pub clock: Arc<VirtualClock>,
    still: Option<Busy>,
}

impl World {
    /// Lets time pass, and everything that is due in it happen, up to the last moment included.
    pub async fn advance(&mut self, duration: Duration) {
        self.until(self.clock.now() + duration).await;
    }

    /// Lets time pass up to `time`, and a millisecond more: the clock only gets there once everything
    /// that was due at `time` has come to rest.
    pub async fn until(&mut self, time: Time) {
        let clock = Arc::<VirtualClock>::clone(&self.clock);
        let asleep = track(Arc::<VirtualClock>::clone(&self.clock), async move {
            clock.sleep_until(time + Duration::from_millis(1)).await;
            clock.busy()
        });
        drop(self.still.take());
        self.still = Some(asleep.await);
    }

    /// Lets the daemon look at its folder, twice where something has vanished.
    pub async fn look(&mut self) {
        self.daemon.look();
        self.advance(seconds(1)).await;
    }

    /// The run history, oldest first.
    pub async fn history(&self) -> Vec<Entry> {
        let mut rows = self.host.ledger.list(&Filter::default()).await.expect("the run history");
        rows.reverse();
        rows
    }

    /// The states of a trigger's rows, oldest first, each with its due time in seconds after [`START`].
    pub async fn rows(&self, trigger: &str) -> Vec<(i64, State)> {
        let rows = self.history().await.into_iter().filter(|row| row.trigger == trigger);
        rows.map(|row| (row.scheduled.map_or(-1, |due| (due - START).millis() / 1000), row.state)).collect()
    }

    /// What scripts said since the last time.
    pub fn said(&self) -> Vec<String> {
        let lines = self.journal.take().into_iter().filter(|line| line.event == "log");
        lines.map(|line| line.message).collect()
    }

    /// The lines of an event, whole, since they were taken last.
    pub fn lines(&self, event: &str) -> Vec<Line> {
        self.journal.lines().into_iter().filter(|line| line.event == event).collect()
    }

    pub async fn script(&self, name: &str) -> Option<ScriptStatus> {
        let status = self.daemon.status().await.expect("a running daemon");
        status.scripts.into_iter().find(|script| script.name == name)
    }

    pub async fn trigger(&self, script: &str, trigger: &str) -> Option<TriggerStatus> {
        self.script(script).await?.triggers.into_iter().find(|status| status.name == trigger)
    }

    /// Stops the daemon and lets time pass until it has ended. Gives how long that took.
    pub async fn stop(mut self) -> (Duration, Arc<Memory>) {
        let before = self.clock.now();
        self.daemon.stop();
        let clock = Arc::<VirtualClock>::clone(&self.clock);
        let ended = track(Arc::<VirtualClock>::clone(&self.clock), async move {
            self.daemon.wait().await.expect("an orderly end");
            (clock.now() - before, clock.busy())
        });
        drop(self.still.take());
        let (took, _busy) = ended.await;
        (took, self.journal)
    }
}

/// The real daemon as a process. It is killed with its test.
pub struct Program {
    pub child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Program {
    pub fn new(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, lines }
    }

    /// The next line of that event; the ones before it are passed over.
    pub fn wait_for(&mut self, event: &str) -> Value {
        self.lines_up_to(event).pop().expect("at least this line")
    }

    /// All lines up to the next one of that event.
    pub fn lines_up_to(&mut self, event: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            let Some(line) = self.try_line() else {
                let mut said = String::new();
                if let Some(mut error) = self.child.stderr.take() {
                    let _ = std::io::Read::read_to_string(&mut error, &mut said);
                }
                panic!("the program ended without `{event}`: {said}");
            };
            let found = line["event"] == event;
            lines.push(line);
            if found {
                return lines;
            }
        }
    }

    pub fn line(&mut self) -> Value {
        self.try_line().expect("a line")
    }

    /// Whatever it still says.
    pub fn rest(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.try_line()).collect()
    }

    /// Nothing where it has ended, be it in the middle of a line.
    fn try_line(&mut self) -> Option<Value> {
        let mut line = String::new();
        let n = self.lines.read_line(&mut line).expect("its output");
        (n > 0 && line.ends_with('\n')).then(|| serde_json::from_str(&line).expect("one JSON object a line"))
    }

    /// Sends a signal by its name, such as `TERM`.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.expect("`kill`").success());
    }

    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().expect("its end").code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
