//! `up` and `down` leave nothing running, even after failures, Ctrl-C and kills.
//!
//! Each test has its own state folder, so it neither sees nor disturbs a product that
//! runs on this machine.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use vouch_localnet::{PortBlock, Signal, built_binary, signal};

/// Time limit for starting or stopping the whole product on a busy machine.
const DEADLINE: Duration = Duration::from_secs(180);

/// A state folder, and ports that no other test gets.
struct World {
    state: tempfile::TempDir,
    ports: PortBlock,
}

impl World {
    fn new() -> Self {
        let state = tempfile::Builder::new()
            .prefix("vouch-")
            .tempdir()
            .expect("a temporary folder");
        // If we are root, Postgres runs as another user, who must be able to enter the
        // folder.
        fs::set_permissions(state.path(), fs::Permissions::from_mode(0o755)).expect("ours");
        let ports = PortBlock::take().expect("free ports");
        Self { state, ports }
    }

    fn rpc_port(&self) -> u16 {
        self.ports.first
    }

    fn api_port(&self) -> u16 {
        self.ports.first + 2
    }

    fn xtask(&self, args: &[&str]) -> Command {
        let mut command = Command::new(built_binary("xtask").expect("xtask is built"));
        command
            .args(args)
            .env("VOUCH_STATE", self.state.path())
            .env("VOUCH_BUILT", "1")
            // Without DATABASE_URL, as for a new user, the server is private.
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null());
        if args[0] == "up" {
            command.args(["--api-port", &self.api_port().to_string()]);
            command.args(["--rpc-port", &self.rpc_port().to_string()]);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.xtask(args).output().expect("xtask runs")
    }

    /// Starts `up` in the foreground; its output goes to the file `up.out`.
    fn up(&self) -> Child {
        let out = File::create(self.out_file()).expect("ours");
        self.xtask(&["up"])
            .stdout(out.try_clone().expect("a file"))
            .stderr(out)
            .spawn()
            .expect("xtask runs")
    }

    fn out_file(&self) -> PathBuf {
        self.state.path().join("up.out")
    }

    fn out(&self) -> String {
        fs::read_to_string(self.out_file()).unwrap_or_default()
    }

    /// The names and ids of all processes that have this state folder in their arguments
    /// or environment.
    fn running(&self) -> Vec<(String, u32)> {
        let state = self.state.path().to_str().expect("UTF-8").as_bytes();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            // A process may end while we read.
            let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let belongs = |text: Vec<u8>| text.windows(state.len()).any(|part| part == state);
            if belongs(read("cmdline")) || belongs(read("environ")) {
                let name = String::from_utf8_lossy(&read("comm")).trim().to_owned();
                found.push((name, pid));
            }
        }
        found
    }

    fn pid_of(&self, name: &str) -> Option<u32> {
        // The kernel cuts names off after 15 bytes.
        let running = self.running();
        let found = running
            .iter()
            .find(|(comm, _)| *comm == name[..name.len().min(15)]);
        found.map(|(_, pid)| *pid)
    }

    /// Files that remain in the state folder, including locks.
    fn left_over(&self) -> Vec<String> {
        let entries = fs::read_dir(self.state.path()).expect("the state folder");
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        names
            .filter(|name| name != "up.out" && name != "up.log")
            .collect()
    }

    fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !condition() {
            assert!(
                Instant::now() < deadline,
                "not in time: {what}\n{}",
                self.out()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn wait(&self, child: &mut Child) -> ExitStatus {
        let mut status = None;
        self.until("xtask ends", || {
            status = child.try_wait().expect("our child");
            status.is_some()
        });
        status.expect("it ended")
    }
}

impl Drop for World {
    /// A failed assertion must not leave the product running.
    fn drop(&mut self) {
        for (_, pid) in self.running() {
            let _ = signal(pid, Signal::KILL);
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn port_taken() {
    // Given another program on the port of the API
    let world = World::new();
    let _taken = TcpListener::bind(("127.0.0.1", world.api_port())).expect("a free port");

    // When the product is brought up
    let output = world.run(&["up"]);

    // Then the error names the port, and the flag that chooses another
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        format!(
            "error: port {} for the API is taken by another program: \
             choose another with --api-port\n",
            world.api_port()
        )
    );
    // And nothing runs, and no file remains
    assert_eq!(world.running(), []);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn validator_port_taken() {
    // Given another program on the validator's WebSocket port
    let world = World::new();
    let port = world.rpc_port() + 1;
    let _taken = TcpListener::bind(("127.0.0.1", port)).expect("a free port");

    // When the product is brought up
    let output = world.run(&["up"]);

    // Then the error says so, and nothing runs
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        format!(
            "error: port {port} for the validator's WebSocket (RPC port + 1) is taken by another \
             program: choose another with --rpc-port\n"
        )
    );
    assert_eq!(world.running(), []);
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn ctrl_c_while_starting() {
    // Given a start-up that has got as far as the validator
    let world = World::new();
    let mut up = world.up();
    world.until("the validator runs", || {
        world.pid_of("solana-test-validator").is_some()
    });

    // When Ctrl-C arrives
    signal(up.id(), Signal::INT).expect("it runs");
    let status = world.wait(&mut up);

    // Then it stops everything and says so
    assert_eq!(status.code(), Some(1));
    assert!(world.out().contains("interrupted"), "{}", world.out());
    assert_eq!(world.running(), []);
    // And neither folder nor lock remains
    assert_eq!(world.left_over(), Vec::<String>::new());
}

#[test]
fn a_second_up_finds_the_first_and_down_stops_it() {
    // Given a product in the background
    let world = World::new();
    let first = world.run(&["up", "--detach"]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let url = format!("http://127.0.0.1:{}", world.api_port());
    assert!(
        text(&first.stdout).contains(&url),
        "{}",
        text(&first.stdout)
    );

    // When it is brought up again
    let second = world.run(&["up"]);

    // Then the second one prints where the first runs, and starts nothing
    assert!(second.status.success(), "{}", text(&second.stderr));
    let said = text(&second.stdout);
    assert!(said.starts_with("Vouch is up already.\n"), "{said}");
    assert!(said.contains(&url), "{said}");
    let supervisors = world
        .running()
        .into_iter()
        .filter(|(name, _)| name == "xtask");
    assert_eq!(supervisors.count(), 1);

    // And `down` stops everything
    let down = world.run(&["down"]);
    assert_eq!(text(&down.stdout), "stopped\n");
    assert_eq!(world.running(), []);
    assert_eq!(world.left_over(), Vec::<String>::new());

    // And a second `down` finds nothing
    assert_eq!(text(&world.run(&["down"]).stdout), "nothing is running\n");
}

#[test]
fn a_part_that_dies_ends_the_whole() {
    // Given a running product
    let world = World::new();
    let mut up = world.up();
    world.until("it is up", || world.out().contains("Ctrl-C"));

    // When the validator is killed
    let validator = world.pid_of("solana-test-validator").expect("it runs");
    signal(validator, Signal::KILL).expect("it runs");
    let status = world.wait(&mut up);

    // Then `up` names that part, stops the others, and keeps the logs
    assert_eq!(status.code(), Some(1));
    let expected = "error: solana-test-validator ended with signal: 9 (SIGKILL)";
    assert!(world.out().contains(expected), "{}", world.out());
    assert_eq!(world.running(), []);
    assert_eq!(world.left_over(), ["up"]);
}

#[test]
fn a_killed_supervisor_leaves_nothing_running() {
    // Given a running product
    let world = World::new();
    let mut up = world.up();
    world.until("it is up", || world.out().contains("Ctrl-C"));
    assert!(world.running().len() > 4, "{:?}", world.running());

    // When its supervisor is killed
    signal(up.id(), Signal::KILL).expect("it runs");
    world.wait(&mut up);

    // Then everything else ends, too
    world.until("nothing runs", || world.running().is_empty());
    assert!(!exists(up.id()));

    // And the next `up` works
    assert_eq!(text(&world.run(&["down"]).stdout), "nothing is running\n");
    let next = world.run(&["up", "--detach"]);
    assert!(next.status.success(), "{}", text(&next.stderr));
    assert_eq!(text(&world.run(&["down"]).stdout), "stopped\n");
    assert_eq!(world.running(), []);
}
