//! Free ports on loopback.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use anyhow::{Context, Result, bail};

use crate::instance::lock;
use crate::paths::cache_dir;

/// Below the range from which Linux hands out ports by itself (32768 and up).
const FIRST: u16 = 20_000;
const BLOCKS: u16 = 150;

/// Consecutive loopback ports that were free when taken. A lock keeps other runs of this
/// library away from them until the block is dropped.
#[derive(Debug)]
pub struct PortBlock {
    /// The first port of the block.
    pub first: u16,
    _lock: File,
}

impl PortBlock {
    /// Number of ports in a block.
    pub const LEN: u16 = 64;

    /// Takes a free block.
    ///
    /// # Errors
    /// When every block is in use.
    pub fn take() -> Result<Self> {
        let dir = cache_dir()?.join("ports");
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        for index in 0..BLOCKS {
            let first = FIRST + index * Self::LEN;
            let Some(lock) = lock(&dir.join(first.to_string()))? else {
                continue;
            };
            if (first..first + Self::LEN).all(is_free) {
                return Ok(Self { first, _lock: lock });
            }
        }
        bail!("no {} free ports in a row from {FIRST} on", Self::LEN)
    }
}

/// Fails when `port` on loopback is in use. The message names `what` needs the port and
/// the `flag` that chooses another.
///
/// # Errors
/// When the port is in use.
pub fn ensure_free(port: u16, what: &str, flag: &str) -> Result<()> {
    if is_free(port) {
        return Ok(());
    }
    bail!("port {port} for the {what} is taken by another program: choose another with {flag}")
}

fn is_free(port: u16) -> bool {
    // Also check all addresses: a program that listens there would get part of the
    // traffic.
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
        && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
