//! The address that a service listens on.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::net::TcpListener;

use crate::Heartbeat;

/// The address of a service, by default this machine's own with port `PORT`.
#[derive(Debug, Clone, Args)]
pub struct Listen<const PORT: u16> {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long = "listen", env = "LISTEN",
          default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)))]
    pub address: SocketAddr,

    /// File to write the actual address to, after binding.
    #[arg(long, env = "PORT_FILE")]
    pub port_file: Option<PathBuf>,
}

impl<const PORT: u16> Listen<PORT> {
    /// Listens, and writes the port file if there is to be one.
    ///
    /// # Errors
    /// When the address is taken or is not this machine's, or the file cannot be written.
    pub async fn bind(&self) -> Result<TcpListener> {
        let listener = self.listen().await?;
        self.announce(&listener)?;
        Ok(listener)
    }

    /// Listens without a port file, for a service that still has to prepare what it serves. It calls
    /// [`Self::announce`] when it has.
    ///
    /// # Errors
    /// When the address is taken or is not this machine's.
    pub async fn listen(&self) -> Result<TcpListener> {
        match TcpListener::bind(self.address).await {
            Ok(listener) => Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                bail!(
                    "cannot listen on {}: another process already does",
                    self.address
                )
            }
            Err(error) => bail!("cannot listen on {}: {error}", self.address),
        }
    }

    /// Writes the port file if there is to be one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn announce(&self, listener: &TcpListener) -> Result<()> {
        let address = listener.local_addr()?;
        if let Some(path) = &self.port_file {
            write_port_file(path, address)?;
        }
        Ok(())
    }
}

/// The address of the probes, and when a service counts as stuck.
#[derive(Debug, Clone, Args)]
pub struct Probes<const PORT: u16> {
    /// The address of /livez, /readyz, /healthz and /metrics.
    #[command(flatten)]
    pub listen: Listen<PORT>,

    /// Seconds without a sign of life of the work after which /livez reports a failure.
    #[arg(long, env = "STUCK_AFTER_SECONDS", default_value_t = 120,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub stuck_after_seconds: u64,
}

impl<const PORT: u16> Probes<PORT> {
    /// A heartbeat that may be silent for as long as these settings allow.
    #[must_use]
    pub fn heartbeat(&self) -> Heartbeat {
        Heartbeat::new(Duration::from_secs(self.stuck_after_seconds))
    }
}

/// Writes the address so that a reader never sees a part of it.
///
/// # Errors
/// When the file cannot be written.
pub fn write_port_file(path: &Path, address: SocketAddr) -> Result<()> {
    let mut temporary = path.to_path_buf().into_os_string();
    temporary.push(".new");
    std::fs::write(&temporary, address.to_string())
        .and_then(|()| std::fs::rename(&temporary, path))
        .with_context(|| format!("cannot write the port file {}", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        probes: Probes<8090>,
    }

    #[tokio::test]
    async fn a_service_listens_and_says_where() {
        // Given a service with a free port
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("service.port");
        let file = file.to_str().expect("a path");
        let cli = Cli::try_parse_from(["x", "--listen", "127.0.0.1:0", "--port-file", file]);
        let listen = cli.expect("settings").probes.listen;
        // When it listens
        let listener = listen.bind().await.expect("a free port");
        // Then the file has the address alone, and no other file is left
        let address = listener.local_addr().expect("an address");
        let written = std::fs::read_to_string(file).expect("the file");
        assert_eq!(written, address.to_string());
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1);
        // And a second one is refused
        let second = Listen::<8090> {
            address,
            port_file: None,
        };
        assert_eq!(
            second.bind().await.expect_err("it is taken").to_string(),
            format!("cannot listen on {address}: another process already does")
        );
    }

    #[test]
    fn the_port_and_the_patience_have_defaults() {
        let cli = Cli::try_parse_from(["x"]).expect("no settings");
        assert_eq!(cli.probes.listen.address.to_string(), "127.0.0.1:8090");
        assert_eq!(cli.probes.heartbeat().limit(), Duration::from_secs(120));
        assert!(Cli::try_parse_from(["x", "--stuck-after-seconds", "0"]).is_err());
    }
}
