//! The file that keeps clicks while Postgres is away.
//!
//! One JSON object per line. [`Spool::append`] returns when the lines are on disk. The
//! file is emptied only after all of its lines are in Postgres. A crash before that
//! replays some of them, which the click's id makes harmless. A last line without its
//! newline was never acknowledged and is cut off.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;
use vouch_db::api::clicks::Click;

use super::referrer;

/// The open spool file. It is locked, so a second process cannot open it.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    path: PathBuf,
    /// Bytes of whole, synced lines.
    end: u64,
    /// Bytes of lines that are in Postgres.
    replayed: u64,
    /// Number of lines after `replayed`.
    waiting: u64,
    /// A failed append may have left half a line after `end`.
    dirty: bool,
}

/// Consecutive lines of the file.
pub(crate) struct Chunk {
    pub(crate) clicks: Vec<Click>,
    /// Lines that are not clicks, to be set aside.
    pub(crate) unreadable: Vec<Vec<u8>>,
    end: u64,
    lines: u64,
}

/// A click as a line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    id: Uuid,
    /// Unix milliseconds.
    at: i64,
    campaign: String,
    referral: String,
    code: String,
    /// Base64.
    visitor: String,
    user_agent: Option<String>,
    referrer_url: Option<String>,
    source: Option<String>,
    utm: Option<serde_json::Value>,
    wallet: Option<String>,
    verdict: String,
    verdict_reason: Option<String>,
    /// Lines of older services have none.
    #[serde(default)]
    device: Option<String>,
    #[serde(default)]
    country: Option<String>,
}

impl Spool {
    /// Opens or creates the file, and cuts off a torn last line.
    ///
    /// # Errors
    /// When it cannot be read and written, or another process has locked it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("cannot open the click spool {shown}"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                bail!("the click spool {shown} belongs to another process that is running")
            }
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock the click spool {shown}"));
            }
        }
        sync_parent(path).with_context(|| format!("cannot sync the folder of {shown}"))?;

        let (mut end, mut waiting) = (0_u64, 0_u64);
        let mut reader = BufReader::new(&mut file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            if read == 0 || line.last() != Some(&b'\n') {
                break;
            }
            end += read as u64;
            waiting += 1;
        }
        file.set_len(end)?;
        file.sync_all()?;
        Ok(Self {
            file,
            path: path.to_owned(),
            end,
            replayed: 0,
            waiting,
            dirty: false,
        })
    }

    /// Number of clicks that are not in Postgres yet.
    pub(crate) const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Appends clicks to the file and waits until they are on disk.
    ///
    /// # Errors
    /// When the disk refuses; then none of the clicks counts as stored.
    pub(crate) fn append(&mut self, clicks: &[Click]) -> Result<()> {
        if self.dirty {
            self.file
                .set_len(self.end)
                .context("cannot cut off half a line")?;
            self.dirty = false;
        }
        let mut lines = Vec::with_capacity(clicks.len() * 512);
        for click in clicks {
            serde_json::to_writer(&mut lines, &Line::from(click))?;
            lines.push(b'\n');
        }
        self.dirty = true;
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&lines)?;
        self.file.sync_data()?;
        self.dirty = false;
        self.end += lines.len() as u64;
        self.waiting += clicks.len() as u64;
        Ok(())
    }

    /// The next lines that are not in Postgres yet; at most `max`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next_chunk(&mut self, max: usize) -> io::Result<Chunk> {
        self.file.seek(SeekFrom::Start(self.replayed))?;
        let mut reader = BufReader::new(&mut self.file).take(self.end - self.replayed);
        let mut chunk = Chunk {
            clicks: Vec::new(),
            unreadable: Vec::new(),
            end: self.replayed,
            lines: 0,
        };
        for _ in 0..max {
            let mut line = Vec::new();
            let read = reader.read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            chunk.end += read as u64;
            chunk.lines += 1;
            match serde_json::from_slice::<Line>(&line)
                .ok()
                .and_then(Line::into_click)
            {
                Some(click) => chunk.clicks.push(click),
                None => chunk.unreadable.push(line),
            }
        }
        Ok(chunk)
    }

    /// Records that a chunk is in Postgres. Empties the file after the last one.
    ///
    /// # Errors
    /// When the disk refuses; the lines are then replayed again.
    pub(crate) fn done(&mut self, chunk: &Chunk) -> io::Result<()> {
        self.replayed = chunk.end;
        self.waiting -= chunk.lines;
        if self.replayed == self.end {
            self.file.set_len(0)?;
            (self.end, self.replayed, self.waiting) = (0, 0, 0);
            self.file.sync_all()?;
        }
        Ok(())
    }

    /// Appends lines that Postgres will never accept to a file beside this one, so they
    /// neither block the others nor get lost.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn set_aside(&self, lines: &[Vec<u8>]) -> io::Result<PathBuf> {
        let mut name = self.path.clone().into_os_string();
        name.push(".rejected");
        let path = PathBuf::from(name);
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        for line in lines {
            file.write_all(line)?;
        }
        file.sync_all()?;
        sync_parent(&path)?;
        Ok(path)
    }
}

/// The click as a line of the file, newline included.
pub(crate) fn line(click: &Click) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Line::from(click))?;
    line.push(b'\n');
    Ok(line)
}

/// A new file is durable only after its folder was synced.
fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

impl From<&Click> for Line {
    fn from(click: &Click) -> Self {
        let millis = click.clicked_at.unix_timestamp_nanos() / 1_000_000;
        Self {
            id: click.id,
            at: i64::try_from(millis).unwrap_or_default(),
            campaign: click.campaign.clone(),
            referral: click.referral.clone(),
            code: click.code.clone(),
            visitor: BASE64.encode(&click.visitor),
            user_agent: click.user_agent.clone(),
            referrer_url: click.referrer_url.clone(),
            source: click.source.clone(),
            utm: click.utm.clone(),
            wallet: click.wallet.clone(),
            verdict: click.verdict.clone(),
            verdict_reason: click.verdict_reason.clone(),
            device: click.device.clone(),
            country: click.country.clone(),
        }
    }
}

impl Line {
    fn into_click(self) -> Option<Click> {
        Some(Click {
            id: self.id,
            clicked_at: OffsetDateTime::from_unix_timestamp_nanos(
                i128::from(self.at).checked_mul(1_000_000)?,
            )
            .ok()?,
            campaign: self.campaign,
            referral: self.referral,
            code: self.code,
            visitor: BASE64.decode(self.visitor).ok()?,
            user_agent: self.user_agent,
            // Older services have written the whole of it.
            referrer_url: self.referrer_url.as_deref().and_then(referrer::page),
            source: self.source,
            utm: self.utm,
            wallet: self.wallet,
            verdict: self.verdict,
            verdict_reason: self.verdict_reason,
            device: self.device,
            country: self.country,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn click(code: &str) -> Click {
        Click {
            id: Uuid::now_v7(),
            clicked_at: OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_123_000_000)
                .unwrap(),
            campaign: "campaign".into(),
            referral: "referral".into(),
            code: code.into(),
            visitor: vec![0, 255, 10],
            user_agent: Some("line\nbreak \"quoted\" \u{1f600}".into()),
            referrer_url: None,
            source: Some("qr".into()),
            utm: Some(serde_json::json!({ "utm_source": "x" })),
            wallet: None,
            verdict: "human".into(),
            verdict_reason: None,
            device: Some("phone".into()),
            country: Some("DE".into()),
        }
    }

    fn all(spool: &mut Spool) -> Vec<Click> {
        spool.next_chunk(usize::MAX).unwrap().clicks
    }

    #[test]
    fn clicks_survive_the_process() {
        // Given a spool with two clicks
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let clicks = [click("AAAAAA"), click("BBBBBB")];
        let mut spool = Spool::open(&path).unwrap();
        spool.append(&clicks).unwrap();
        drop(spool);
        // When another process opens it
        let mut spool = Spool::open(&path).unwrap();
        // Then every field is there, in order
        assert_eq!(spool.waiting(), 2);
        assert_eq!(all(&mut spool), clicks);
    }

    #[test]
    fn lines_of_older_services_are_clicks() {
        // Given a line without what clicks did not have then
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let one = click("AAAAAA");
        let written = String::from_utf8(line(&one).unwrap()).unwrap();
        let older = written.replace(r#","device":"phone","country":"DE""#, "");
        assert_ne!(older, written);
        // And with the whole address of the page
        let whole = r#""referrer_url":"https://me:secret@a.example/b?token=1#c""#;
        let older = older.replace(r#""referrer_url":null"#, whole);
        assert!(older.contains("token"));
        std::fs::write(&path, older).unwrap();
        // Then it is a click without either
        let mut spool = Spool::open(&path).unwrap();
        let expected = Click {
            referrer_url: Some("https://a.example/b".into()),
            device: None,
            country: None,
            ..one
        };
        assert_eq!(all(&mut spool), [expected]);
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_next_one_is_whole() {
        // Given a spool whose process was killed during a write
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let first = click("AAAAAA");
        Spool::open(&path)
            .unwrap()
            .append(std::slice::from_ref(&first))
            .unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"id\":\"0193").unwrap();
        drop(file);
        // When it is opened and written again
        let mut spool = Spool::open(&path).unwrap();
        let second = click("BBBBBB");
        spool.append(std::slice::from_ref(&second)).unwrap();
        // Then both whole clicks are there, and nothing unreadable
        let chunk = spool.next_chunk(10).unwrap();
        assert_eq!(chunk.clicks, [first, second]);
        assert!(chunk.unreadable.is_empty());
    }

    #[test]
    fn killed_between_commit_and_truncate_replays_the_same_ids() {
        // Given three clicks, two of them replayed when the process dies
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let clicks = [click("AAAAAA"), click("BBBBBB"), click("CCCCCC")];
        let mut spool = Spool::open(&path).unwrap();
        spool.append(&clicks).unwrap();
        let chunk = spool.next_chunk(2).unwrap();
        spool.done(&chunk).unwrap();
        assert_eq!(spool.waiting(), 1);
        drop(spool);
        // When it is opened again, then all three are replayed, with the same ids
        let mut spool = Spool::open(&path).unwrap();
        assert_eq!(all(&mut spool), clicks);
    }

    #[test]
    fn the_file_is_emptied_only_after_its_last_line() {
        // Given three clicks, and a fourth that comes in while they are replayed
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let mut spool = Spool::open(&path).unwrap();
        spool
            .append(&[click("AAAAAA"), click("BBBBBB"), click("CCCCCC")])
            .unwrap();
        let first = spool.next_chunk(2).unwrap();
        let late = click("DDDDDD");
        spool.append(std::slice::from_ref(&late)).unwrap();
        spool.done(&first).unwrap();
        assert!(path.metadata().unwrap().len() > 0);
        // When the rest is done
        let rest = spool.next_chunk(10).unwrap();
        assert_eq!(rest.clicks.len(), 2);
        assert_eq!(rest.clicks[1], late);
        spool.done(&rest).unwrap();
        // Then the file is empty, and usable
        assert_eq!((path.metadata().unwrap().len(), spool.waiting()), (0, 0));
        spool.append(std::slice::from_ref(&late)).unwrap();
        assert_eq!(all(&mut spool), [late]);
    }

    #[test]
    fn two_processes_cannot_share_a_spool() {
        // Given an open spool, when it is opened again, then that is refused
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let _first = Spool::open(&path).unwrap();
        let refusal = Spool::open(&path).unwrap_err().to_string();
        assert!(
            refusal.ends_with("belongs to another process that is running"),
            "{refusal}"
        );
    }

    #[test]
    fn a_line_that_is_no_click_is_handed_out_apart() {
        // Given a file with a broken line between two clicks
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let clicks = [click("AAAAAA"), click("BBBBBB")];
        let mut bytes = line(&clicks[0]).unwrap();
        bytes.extend(b"garbage\n");
        bytes.extend(line(&clicks[1]).unwrap());
        std::fs::write(&path, bytes).unwrap();
        // Then the clicks are returned, and the line separately
        let mut spool = Spool::open(&path).unwrap();
        let chunk = spool.next_chunk(10).unwrap();
        assert_eq!(chunk.clicks, clicks);
        assert_eq!(chunk.unreadable, [b"garbage\n".to_vec()]);
    }
}
