//! The files in `deploy/` against the built binaries.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

use vouch_localnet::{built_binary, find_on_path, workspace_root};

/// Where the binaries are installed.
const INSTALLED: &str = "/usr/local/bin/";

/// A unit: its settings, each with all its values.
struct Unit {
    name: String,
    text: String,
    settings: BTreeMap<String, Vec<String>>,
}

impl Unit {
    fn values(&self, setting: &str) -> &[String] {
        self.settings.get(setting).map_or(&[], Vec::as_slice)
    }

    /// The binary's name and its first argument.
    fn command(&self) -> (String, Option<String>) {
        let [line] = self.values("ExecStart") else {
            panic!("{}: one ExecStart", self.name)
        };
        let mut words = line.split_whitespace();
        let binary = words.next().expect("a binary").strip_prefix(INSTALLED);
        let binary = binary.unwrap_or_else(|| panic!("{}: {line}", self.name));
        (binary.to_owned(), words.next().map(str::to_owned))
    }

    /// The names that it sets, and those of its example file.
    fn environment(&self) -> BTreeSet<String> {
        let short = self.name.strip_prefix("vouch-").expect("a prefix");
        let expected = format!("/etc/vouch/{short}.env");
        assert_eq!(self.values("EnvironmentFile"), [expected], "{}", self.name);
        let example = deploy().join(format!("env/{short}.env"));
        let example = fs::read_to_string(&example).expect("an example of the file");
        let set = self.values("Environment").iter();
        let set = set.flat_map(|values| values.split_whitespace());
        let lines = example.lines().filter(|line| !line.starts_with('#'));
        set.chain(lines)
            .map(|pair| pair.split_once('=').expect("NAME=value").0.to_owned())
            .collect()
    }
}

fn deploy() -> PathBuf {
    workspace_root().join("deploy")
}

fn units() -> Vec<Unit> {
    let mut units = Vec::new();
    for entry in fs::read_dir(deploy().join("systemd")).expect("units") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a unit");
        let mut settings = BTreeMap::<String, Vec<String>>::new();
        for line in text.lines() {
            if !line.starts_with(['#', '[']) && !line.is_empty() {
                let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
                settings.entry(name.into()).or_default().push(value.into());
            }
        }
        let name = path.file_stem().and_then(|name| name.to_str());
        units.push(Unit {
            name: name.expect("a name").to_owned(),
            text,
            settings,
        });
    }
    units.sort_by(|one, other| one.name.cmp(&other.name));
    units
}

/// The environment variables that a command of a binary lists in its help.
fn listed(binary: &str, argument: Option<&str>) -> BTreeSet<String> {
    let help = Command::new(built_binary(binary).expect("it is built"))
        .args(argument)
        .arg("--help")
        .output()
        .expect("it starts");
    assert!(help.status.success(), "{help:?}");
    let text = String::from_utf8(help.stdout).expect("text");
    let names = text.split("[env: ").skip(1);
    names
        .map(|rest| rest.split([']', '=']).next().expect("a name").to_owned())
        .collect()
}

#[test]
fn units_set_only_what_the_binaries_read() {
    let units = units();
    let names: Vec<_> = units.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "vouch-api",
            "vouch-indexer",
            "vouch-keeper",
            "vouch-migrate",
            "vouch-webhooks"
        ]
    );
    for unit in &units {
        let set = unit.environment();
        let (binary, argument) = unit.command();
        let listed = listed(&binary, argument.as_deref());
        let unknown: Vec<_> = set.difference(&listed).collect();
        assert!(
            unknown.is_empty(),
            "{}: {unknown:?} of {listed:?}",
            unit.name
        );
        assert!(set.contains("DATABASE_URL"), "{}", unit.name);
    }
}

#[test]
fn units_are_hardened_and_systemd_reads_them() {
    for unit in units() {
        for (setting, value) in [
            ("DynamicUser", "yes"),
            ("NoNewPrivileges", "yes"),
            ("ProtectSystem", "strict"),
            ("ProtectHome", "yes"),
            ("PrivateTmp", "yes"),
            ("PrivateDevices", "yes"),
            ("MemoryDenyWriteExecute", "yes"),
            ("CapabilityBoundingSet", ""),
        ] {
            assert_eq!(unit.values(setting), [value], "{}: {setting}", unit.name);
        }
        let restarts = unit.values("Restart");
        match unit.values("Type") {
            [kind] if kind == "oneshot" => assert!(restarts.is_empty(), "{}", unit.name),
            [kind] if kind == "exec" => assert_eq!(restarts, ["on-failure"], "{}", unit.name),
            other => panic!("{}: {other:?}", unit.name),
        }
    }
    // Where systemd is installed, it has the last word. Any program stands for the installed ones.
    let Some(analyze) = find_on_path("systemd-analyze") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let program = find_on_path("true").expect("a program");
    for unit in units() {
        let binary = format!("{INSTALLED}{}", unit.command().0);
        let text = unit.text.replace(&binary, &program.display().to_string());
        let file = dir.path().join(format!("{}.service", unit.name));
        fs::write(&file, text).expect("a file");
    }
    for unit in units() {
        let file = dir.path().join(format!("{}.service", unit.name));
        for args in [
            &["verify", "--man=no"][..],
            // The score, at most 100: the lower, the less a service that is taken over can do.
            &["security", "--offline=yes", "--threshold=20"],
        ] {
            let output = Command::new(&analyze).args(args).arg(&file).output();
            let output = output.expect("it starts");
            assert!(output.status.success(), "{}: {output:?}", unit.name);
            if args[0] == "verify" {
                assert!(output.stderr.is_empty(), "{}: {output:?}", unit.name);
            }
        }
    }
}

#[test]
fn the_image_runs_as_nobody_and_holds_no_settings() {
    let text = fs::read_to_string(deploy().join("Containerfile")).expect("a recipe");
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let of = |word: &str| {
        let prefix = format!("{word} ");
        lines
            .iter()
            .filter_map(move |line| line.strip_prefix(&prefix))
            .collect::<Vec<_>>()
    };
    // Three stages: the front end is built into the binaries, and the last stage has a user of its
    // own and nothing of the others but binaries
    assert_eq!(of("FROM").len(), 3);
    assert_eq!(of("USER"), ["65532:65532"]);
    assert_eq!(of("ENV").len() + of("ARG").len(), 0);
    let [web, build] = of("RUN")[..] else {
        panic!("two RUN")
    };
    assert!(web.starts_with("cd web && npm ci "), "{web}");
    assert!(of("COPY").contains(&"--from=web /vouch/web/dist web/dist"));
    let packages: BTreeSet<_> = build.split(" -p ").skip(1).collect();
    let copied = of("COPY").into_iter().filter_map(|line| {
        let file = line.strip_prefix("--from=build /vouch/target/release/")?;
        file.strip_suffix(&format!(" {INSTALLED}"))
    });
    assert_eq!(copied.collect::<BTreeSet<_>>(), packages);
    assert_eq!(of("COPY").len(), packages.len() + 3);
    // And it has every service that has a unit
    let services = units().into_iter().map(|unit| unit.command().0);
    assert_eq!(
        services.collect::<BTreeSet<_>>(),
        packages.iter().map(|name| (*name).to_owned()).collect()
    );
    // And its compiler is not older than the code asks for
    let manifest = fs::read_to_string(workspace_root().join("Cargo.toml")).expect("a manifest");
    let minimum = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    let minimum = minimum.expect("a version").trim_matches('"');
    assert!(
        of("FROM")[1].contains(&format!("/rust:{minimum}-")),
        "{minimum}"
    );
}
