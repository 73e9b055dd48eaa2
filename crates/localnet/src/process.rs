//! Child processes that cannot be left behind.
//!
//! Each child has its own process group, so Ctrl-C in a terminal reaches only
//! the supervisor, which then stops its children in order. On Linux the kernel
//! also signals each child when the supervisor dies, however it dies.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

use crate::binaries::find_on_path;

/// Interval for polling a condition.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// A command to run, and the way to end it.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// Short name for messages.
    pub name: String,
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables that are set for it.
    pub env: Vec<(String, String)>,
    /// Inherited variables that are removed.
    pub env_remove: Vec<String>,
    /// Its working directory; `None`: the supervisor's.
    pub dir: Option<PathBuf>,
    /// The file its output is appended to; `None`: the supervisor's output.
    pub log: Option<PathBuf>,
    /// The signal that asks the process to finish.
    pub stop_signal: Signal,
    /// Time to finish after the signal; then the process is killed.
    pub grace: Duration,
    /// The user and group to run as; only root may set them.
    pub user: Option<(u32, u32)>,
}

impl ProcessSpec {
    /// `program` with the supervisor's environment and output, ended by SIGTERM.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            env_remove: Vec::new(),
            dir: None,
            log: None,
            stop_signal: Signal::TERM,
            grace: Duration::from_secs(20),
            user: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the executable or the log file cannot be opened.
    pub fn spawn(self) -> Result<Process> {
        let mut command = self.command()?;
        command.process_group(0).stdin(Stdio::null());
        if let Some(log) = &self.log {
            let file = open_log(log)?;
            command.stdout(file.try_clone()?).stderr(file);
        }
        let child = spawn_from_lasting_thread(command)
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        tracing::debug!(name = self.name, pid = child.id(), "started");
        Ok(Process {
            spec: self,
            child,
            status: None,
        })
    }

    /// On Linux the command is wrapped:
    /// - `setpriv --reuid` drops root first, because changing the user clears
    ///   the death signal;
    /// - `setpriv --pdeathsig` asks the kernel to signal the child when its
    ///   parent dies;
    /// - `sh` then makes sure that the parent was still there by that time.
    ///
    /// All of them exec, so the process keeps its id.
    fn command(&self) -> Result<Command> {
        let mut line: Vec<OsString> = Vec::new();
        let setpriv = find_on_path("setpriv");
        if let Some((uid, gid)) = self.user {
            let setpriv = setpriv
                .as_ref()
                .context("setpriv (package util-linux) is needed to drop root")?;
            line.push(setpriv.into());
            line.push(format!("--reuid={uid}").into());
            line.push(format!("--regid={gid}").into());
            line.extend(["--clear-groups", "--"].map(Into::into));
        }
        if let Some(setpriv) = &setpriv {
            line.push(setpriv.into());
            line.extend(["--pdeathsig", signal_name(self.stop_signal)?, "--"].map(Into::into));
            line.extend(["sh", "-c"].map(Into::into));
            line.push(r#"[ "$PPID" = "$1" ] || exit 1; shift; exec "$@""#.into());
            line.extend(["sh".into(), std::process::id().to_string().into()]);
        }
        line.push(self.program.clone().into());
        line.extend(self.args.iter().cloned());

        let mut command = Command::new(&line[0]);
        command.args(&line[1..]);
        for name in &self.env_remove {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        Ok(command)
    }
}

/// A running child. Dropping it stops it: first by its stop signal, after its
/// grace by SIGKILL, and waits until it is gone.
#[derive(Debug)]
pub struct Process {
    spec: ProcessSpec,
    child: Child,
    status: Option<ExitStatus>,
}

impl Process {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The file its output goes to.
    pub fn log(&self) -> Option<&Path> {
        self.spec.log.as_deref()
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// When the system call fails.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait().context("cannot wait for a child")?;
        }
        Ok(self.status)
    }

    /// Waits until the process ends by itself.
    ///
    /// # Errors
    /// When the system call fails.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.exited()? {
                return Ok(status);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Fails, with the end of the log, when the process is no longer running.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        if let Some(status) = self.exited()? {
            bail!("{} ended with {status}{}", self.spec.name, self.log_tail());
        }
        Ok(())
    }

    /// Sends a signal to the process alone. Does nothing when it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if matches!(self.exited(), Ok(None)) {
            let _ = kill_process(self.pid(), signal);
        }
    }

    /// Kills it at once, as a crash would, and waits until it is gone.
    ///
    /// # Errors
    /// When the system call fails.
    pub async fn kill(mut self) -> Result<()> {
        self.kill_group();
        self.wait().await.map(drop)
    }

    /// Sends the stop signal. Kills the process when its grace is over.
    ///
    /// # Errors
    /// When the process had to be killed, or had ended before.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        self.ensure_running()?;
        self.signal(self.spec.stop_signal);
        match tokio::time::timeout(self.spec.grace, self.wait()).await {
            Ok(status) => status,
            Err(_) => {
                self.kill_group();
                self.wait().await?;
                bail!(
                    "{} did not stop within {:?} and was killed{}",
                    self.spec.name,
                    self.spec.grace,
                    self.log_tail()
                )
            }
        }
    }

    /// The last lines of the log, to append to a message.
    pub fn log_tail(&self) -> String {
        let Some(log) = &self.spec.log else {
            return String::new();
        };
        let text = fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(8 * 1024)..]);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n  ");
        format!("\nthe end of {}:\n  {tail}", log.display())
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn kill_group(&self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(self.spec.stop_signal);
        let deadline = Instant::now() + self.spec.grace;
        while matches!(self.exited(), Ok(None)) {
            if Instant::now() > deadline {
                self.kill_group();
                let _ = self.child.wait();
                break;
            }
            thread::sleep(POLL);
        }
    }
}

/// Sends a signal to a process that is not our child.
///
/// # Errors
/// When there is no such process, or we may not signal it.
pub fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.context("not a process id")?;
    kill_process(pid, signal).with_context(|| format!("cannot signal the process {pid:?}"))
}

fn signal_name(signal: Signal) -> Result<&'static str> {
    Ok(match signal {
        Signal::TERM => "TERM",
        Signal::INT => "INT",
        Signal::QUIT => "QUIT",
        Signal::KILL => "KILL",
        other => bail!("not a stop signal: {other:?}"),
    })
}

fn open_log(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

type Job = (Command, mpsc::Sender<std::io::Result<Child>>);

/// The kernel ties the death signal to the thread that started the child, not to its
/// process. So a single thread, which never ends, starts all children.
fn spawn_from_lasting_thread(command: Command) -> Result<Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::Builder::new()
            .name("spawner".into())
            .spawn(move || {
                for (mut command, answer) in jobs {
                    let _ = answer.send(command.spawn());
                }
            })
            .expect("the first thread of a program can be started");
        sender
    });
    let (answer, child) = mpsc::channel();
    spawner.send((command, answer))?;
    Ok(child.recv()??)
}
