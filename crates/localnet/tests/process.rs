//! Child processes end with their supervisor, however the supervisor ends.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use vouch_localnet::{ProcessSpec, Signal};

/// Set in the process that plays the supervisor.
const PLAY: &str = "VOUCH_TEST_SUPERVISOR_FILE";

fn runs(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_killed_supervisor_takes_its_children_along() -> Result<()> {
    // This test is also the supervisor, in a second process. It starts a child from a
    // thread that ends, writes down the child's id, and hangs.
    if let Ok(file) = std::env::var(PLAY) {
        let child = std::thread::spawn(|| ProcessSpec::new("sleep", "sleep").args(["600"]).spawn())
            .join()
            .expect("the thread ends")?;
        std::fs::write(format!("{file}.new"), child.id().to_string())?;
        std::fs::rename(format!("{file}.new"), &file)?;
        tokio::time::sleep(Duration::from_secs(600)).await;
        return Ok(());
    }

    // Given a supervisor with a child
    let file = std::env::temp_dir().join(format!("vouch-supervisor-{}", std::process::id()));
    let mut supervisor = Command::new(std::env::current_exe()?)
        .args(["--exact", "a_killed_supervisor_takes_its_children_along"])
        .env(PLAY, &file)
        .spawn()?;
    until("the child runs", || file.exists()).await;
    let child: u32 = std::fs::read_to_string(&file)?.parse()?;
    std::fs::remove_file(&file)?;
    // It outlived the thread that started it
    assert!(runs(child));

    // When the supervisor is killed
    supervisor.kill()?;
    supervisor.wait()?;

    // Then the child is gone, too
    until("the child is gone", || !runs(child)).await;
    Ok(())
}

#[tokio::test]
async fn a_child_that_does_not_listen_is_killed_after_its_grace() -> Result<()> {
    // Given a child that ignores SIGTERM
    let mut spec = ProcessSpec::new("stubborn", "sh").args([
        "-c",
        "trap '' TERM; echo ready; while :; do sleep 0.1; done",
    ]);
    spec.grace = Duration::from_millis(300);
    let log = std::env::temp_dir().join(format!("vouch-stubborn-{}", std::process::id()));
    spec.log = Some(log.clone());
    let mut child = spec.spawn()?;
    let pid = child.id();
    until("it traps the signal", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("ready"))
    })
    .await;
    child.signal(Signal::TERM);
    assert!(child.exited()?.is_none());

    // When it is stopped
    let error = child.stop().await.expect_err("it had to be killed");

    // Then it is gone, and the error says that it was killed
    assert_eq!(
        error.to_string().lines().next().context("a message")?,
        "stubborn did not stop within 300ms and was killed"
    );
    assert!(!runs(pid));
    std::fs::remove_file(&log)?;
    Ok(())
}

#[tokio::test]
async fn a_child_that_ends_by_itself_is_reported_with_its_last_words() -> Result<()> {
    // Given a child that fails
    let log = std::env::temp_dir().join(format!("vouch-failing-{}", std::process::id()));
    let mut spec = ProcessSpec::new("failing", "sh").args(["-c", "echo no disk; exit 3"]);
    spec.log = Some(log.clone());
    let mut child = spec.spawn()?;

    // When it has ended
    child.wait().await?;
    let error = child.ensure_running().expect_err("it has ended");

    // Then the error has its status and the end of its log
    assert_eq!(
        error.to_string(),
        format!(
            "failing ended with exit status: 3\nthe end of {}:\n  no disk",
            log.display()
        )
    );
    std::fs::remove_file(&log)?;
    Ok(())
}
