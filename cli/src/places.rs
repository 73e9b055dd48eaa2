//! Places of fields in the program's accounts, for searches of a node.

/// Of a referral's campaign.
pub(crate) const REFERRAL_CAMPAIGN: usize = 47;
/// Of a referral's owner.
pub(crate) const REFERRAL_OWNER: usize = 79;
/// Of a referral's partner.
pub(crate) const REFERRAL_PARTNER: usize = 143;
/// Of a conversion's status.
pub(crate) const CONVERSION_STATUS: usize = 9;
/// The place of a conversion's referral.
pub(crate) const CONVERSION_REFERRAL: usize = 16;
/// The place of a conversion's referee.
pub(crate) const CONVERSION_REFEREE: usize = 48;

#[cfg(test)]
mod tests {
    use vouch_client::{
        Pubkey,
        accounts::{AccountType, Conversion, Referral, Status},
    };

    use super::*;

    /// An account of zeros with these bytes at this place.
    fn with<T: AccountType>(place: usize, bytes: &[u8]) -> T {
        let mut data = vec![0; T::SIZE];
        data[..8].copy_from_slice(&T::DISCRIMINATOR);
        data[8] = vouch_client::accounts::VERSION;
        data[place..place + bytes.len()].copy_from_slice(bytes);
        T::decode(&data).expect("an account")
    }

    #[test]
    fn fields_stand_at_their_places() {
        let wallet = Pubkey::new_from_array([7; 32]);
        let bytes = wallet.to_bytes();
        assert_eq!(with::<Referral>(REFERRAL_CAMPAIGN, &bytes).campaign, wallet);
        assert_eq!(with::<Referral>(REFERRAL_OWNER, &bytes).owner, wallet);
        assert_eq!(with::<Referral>(REFERRAL_PARTNER, &bytes).partner, wallet);
        assert_eq!(
            with::<Conversion>(CONVERSION_REFERRAL, &bytes).referral,
            wallet
        );
        assert_eq!(
            with::<Conversion>(CONVERSION_REFEREE, &bytes).referee,
            wallet
        );
        assert_eq!(
            with::<Conversion>(CONVERSION_STATUS, &[2]).status,
            Status::Cancelled
        );
    }
}
