//! Keys of attestors, of campaigns that leave it to this service to sign their vouchers.

use std::{collections::HashMap, path::Path};

use anyhow::{Context as _, Result};
use solana_sdk::signer::keypair::Keypair;
use vouch_client::Pubkey;

use crate::sponsor::config::read_key;

/// The attestors' keys, by campaign.
#[derive(Default)]
pub(crate) struct Keyring(HashMap<Pubkey, Keypair>);

impl Keyring {
    /// The keys in a folder: each a keypair file named after its campaign, such as
    /// `4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb.json`. Names that begin with a dot are not read, and neither is
    /// the sponsor's key: systemd puts all credentials of a service into one folder.
    ///
    /// # Errors
    /// When the folder has another file, a key that cannot be used, or one that others may read.
    pub(crate) fn open(folder: Option<&Path>, sponsor: Option<&Path>) -> Result<Self> {
        let Some(folder) = folder else {
            return Ok(Self::default());
        };
        let of_folder = || format!("ATTESTOR_KEYS: cannot use {}", folder.display());
        let sponsor = sponsor.and_then(|path| path.canonicalize().ok());
        let mut keys = HashMap::new();
        for entry in std::fs::read_dir(folder).with_context(of_folder)? {
            let path = entry.with_context(of_folder)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_sponsor = sponsor.is_some() && path.canonicalize().ok() == sponsor;
            if name.starts_with('.') || is_sponsor {
                continue;
            }
            let of_file = || format!("ATTESTOR_KEYS: cannot use {}", path.display());
            let campaign = name
                .strip_suffix(".json")
                .and_then(|name| name.parse::<Pubkey>().ok())
                .context("its name is not the address of a campaign and .json")
                .with_context(of_file)?;
            keys.insert(campaign, read_key(&path).with_context(of_file)?);
        }
        Ok(Self(keys))
    }

    /// The key of the campaign's attestor, if this service has it.
    pub(crate) fn of(&self, campaign: &Pubkey) -> Option<&Keypair> {
        self.0.get(campaign)
    }
}

#[cfg(test)]
mod tests {
    use solana_sdk::signer::{Signer as _, keypair::write_keypair_file};

    use super::*;

    #[test]
    fn a_folder_has_one_key_for_each_campaign_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let campaign = Pubkey::new_from_array([4; 32]);
        let key = Keypair::new();
        let file = folder.path().join(format!("{campaign}.json"));
        write_keypair_file(&key, file.to_str().unwrap()).unwrap();
        std::fs::write(folder.path().join("..data"), "x").unwrap();
        let keyring = Keyring::open(Some(folder.path()), None).unwrap();
        assert_eq!(keyring.of(&campaign).unwrap().pubkey(), key.pubkey());
        assert!(keyring.of(&Pubkey::default()).is_none());
        assert!(Keyring::open(None, None).unwrap().of(&campaign).is_none());
        // Given a file of another name, then the service does not start without its key
        let other = folder.path().join("attestor.json");
        std::fs::copy(&file, &other).unwrap();
        let error = Keyring::open(Some(folder.path()), None).err().unwrap();
        let said = format!(
            "ATTESTOR_KEYS: cannot use {}: its name is not the address of a campaign and .json",
            other.display()
        );
        assert_eq!(format!("{error:#}"), said);
        // But the sponsor's key may be in the same folder, by whatever path
        let alias = folder.path().join(".alias");
        std::os::unix::fs::symlink(&other, &alias).unwrap();
        for sponsor in [&other, &alias] {
            let keyring = Keyring::open(Some(folder.path()), Some(sponsor)).unwrap();
            assert_eq!(keyring.of(&campaign).unwrap().pubkey(), key.pubkey());
        }
    }
}
