//! Checks a registration and a conversion as the program would: by the accounts that it would read.

use solana_sdk::{account::Account, clock::Clock, sysvar};
use vouch_client::{
    Code, PROGRAM_ID, ProgramError, Pubkey,
    accounts::{AccountType, Binding, Campaign, DecodeError, Funding, Referral, Referrer, VERSION},
    instructions::{Bind, Convert, CreateReferral, Evidence, Offer},
    pda,
    preflight::{self, ChainState, Reward, VoucherState},
    token,
    voucher::{self, Statement},
};

use super::Chain;
use crate::error::{ApiError, ApiResult};

/// A code that the program would accept for registration.
pub(crate) struct FreeCode {
    pub(crate) code: Code,
    pub(crate) campaign: Campaign,
    /// Whether the owner has a referrer account, if the campaign counts per owner.
    pub(crate) owner_registered: bool,
}

/// The times that a voucher's attestor signed, in unix seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VoucherTimes {
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
}

/// A conversion that the program would accept.
pub(crate) struct Checked {
    pub(crate) campaign: Campaign,
    pub(crate) referral: Referral,
    /// The chain's time, in unix seconds.
    pub(crate) now: i64,
    /// The arguments of the conversion, with the evidence.
    pub(crate) args: Convert,
    /// The message that the attestor must have signed, if there is a voucher.
    pub(crate) message: Option<[u8; voucher::MESSAGE_LEN]>,
    /// How the wallet has to be bound to the code before, in the same transaction.
    pub(crate) bind: Option<Bind>,
    /// Address of the conversion.
    pub(crate) conversion: Pubkey,
    /// The reward of the conversion.
    pub(crate) reward: Reward,
}

impl Chain {
    /// Returns the first of `codes` that is free, ignoring the code in `args`.
    ///
    /// # Errors
    /// The error of `create_referral` that the program would return, or
    /// `chain_unavailable`.
    pub(crate) async fn check_create_referral(
        &self,
        args: &CreateReferral,
        codes: &[Code],
    ) -> ApiResult<FreeCode> {
        let referrals = codes.iter().map(|code| pda::referral(&args.campaign, code));
        let referrer = pda::referrer(&args.campaign, &args.owner);
        let addresses: Vec<Pubkey> = [args.campaign, sysvar::clock::ID, referrer]
            .into_iter()
            .chain(referrals)
            .collect();
        let accounts = self.accounts(addresses).await?;
        let campaign =
            ours::<Campaign>(accounts.first())?.ok_or_else(ApiError::campaign_not_found)?;
        let now = now(accounts.get(1))?;
        let free = codes
            .iter()
            .zip(accounts.iter().skip(3))
            // An address that merely received lamports is still free.
            .find(|(_, account)| !is_ours(account.as_ref()))
            .map(|(code, _)| *code);
        preflight::check_create_referral(&campaign, args, now, free.is_none())?;
        let code = free.ok_or(ProgramError::CodeTaken)?;
        Ok(FreeCode {
            code,
            campaign,
            owner_registered: is_ours(accounts.get(2).and_then(Option::as_ref)),
        })
    }

    /// Returns the conversion if `convert` would succeed. The evidence is the `voucher`,
    /// if there is one; the evidence in `asked` is ignored. With `bind_first`, a wallet that is not
    /// bound to any code that can earn is taken as one that is bound to this code.
    ///
    /// # Errors
    /// The error of `convert` that the program would return, `code_not_found`,
    /// `campaign_not_found` or `chain_unavailable`.
    pub(crate) async fn check_convert(
        &self,
        address: &Pubkey,
        code: &Code,
        asked: &Convert,
        voucher: Option<VoucherTimes>,
        bind_first: bool,
    ) -> ApiResult<Checked> {
        // If wallets count once, which is common, one call reads everything.
        let guess = pda::conversion(address, &asked.referee.to_bytes());
        let addresses = [
            *address,
            pda::referral(address, code),
            sysvar::clock::ID,
            guess,
            pda::binding(address, &asked.referee),
        ];
        let accounts = self.accounts(addresses.to_vec()).await?;
        let campaign =
            ours::<Campaign>(accounts.first())?.ok_or_else(ApiError::campaign_not_found)?;
        let referral = ours::<Referral>(accounts.get(1))?.ok_or_else(ApiError::code_not_found)?;
        let now = now(accounts.get(2))?;
        let binding = ours::<Binding>(accounts.get(4))?;

        let offer = Offer::at(*address, &campaign, &referral, now)
            .map_err(|error| ApiError::internal().because(error))?;
        let message = voucher.map(|voucher| {
            voucher::message(&Statement {
                campaign: *address,
                campaign_created_at: campaign.created_at,
                referral: offer.referral_address,
                referee: asked.referee,
                action: asked.action,
                amount: asked.amount,
                reference: asked.reference,
                issued_at: voucher.issued_at,
                expires_at: voucher.expires_at,
            })
        });
        let digest = message.as_ref().map(voucher::digest);
        let args = Convert {
            evidence: digest.map_or(Evidence::None, |digest| Evidence::Voucher { digest }),
            ..*asked
        };
        let conversion = offer.conversion(&args.referee, &args.reference);
        let settings = offer.settings();
        let bind = if bind_first && settings.attribution_window > 0 {
            let bound = binding.as_ref().filter(|it| now < it.expires_at);
            self.bind(&offer, code, &args, bound).await?
        } else {
            None
        };
        let binding = if bind.is_some() {
            Some(Binding {
                version: VERSION,
                campaign: *address,
                wallet: asked.referee,
                referral: offer.referral_address,
                rent_payer: asked.payer,
                bound_at: now,
                expires_at: now.saturating_add(settings.attribution_window.into()),
            })
        } else {
            binding
        };
        let [elsewhere, vault, referrer, credential, revocation] = self
            .some_accounts([
                (conversion != guess).then_some(conversion),
                (campaign.funding == Funding::Vault).then_some(campaign.vault),
                campaign
                    .per_owner
                    .then(|| pda::referrer(address, &referral.owner)),
                settings.has_gate().then(|| {
                    let (issuer, schema) = (&settings.gate_credential, &settings.gate_schema);
                    pda::attestation(issuer, schema, &args.referee)
                }),
                digest.map(|digest| pda::revocation(address, &digest)),
            ])
            .await?;
        let at_conversion = if conversion == guess {
            accounts.get(3).and_then(Option::as_ref)
        } else {
            elsewhere.as_ref()
        };
        let referrer = ours::<Referrer>(Some(&referrer))?;
        let seen = ChainState {
            code: Some(*code),
            binding: binding.as_ref(),
            referrer: referrer.as_ref(),
            credential_expires_at: credential.as_ref().and_then(credential_expiry),
            voucher: voucher.map(|voucher| VoucherState {
                issued_at: voucher.issued_at,
                expires_at: voucher.expires_at,
                revoked: is_ours(revocation.as_ref()),
            }),
            converted: is_ours(at_conversion),
            vault_balance: vault
                .and_then(|vault| token::balance(&vault.data))
                .unwrap_or(0),
        };
        let reward = preflight::check_convert(&offer, &args, &seen)?;
        Ok(Checked {
            now,
            args,
            message,
            reward,
            bind,
            conversion,
            campaign,
            referral,
        })
    }

    /// How the referee of `args` is bound to the referral of `offer` before it converts: `None` if it is
    /// `bound`, to this referral or to another one that can earn.
    ///
    /// # Errors
    /// `chain_unavailable` or `overloaded`.
    async fn bind(
        &self,
        offer: &Offer<'_>,
        code: &Code,
        args: &Convert,
        bound: Option<&Binding>,
    ) -> ApiResult<Option<Bind>> {
        let new = Bind {
            payer: args.payer,
            wallet: args.referee,
            campaign: offer.address,
            code: *code,
            bound: None,
        };
        let Some(bound) = bound else {
            return Ok(Some(new));
        };
        if bound.referral == offer.referral_address {
            return Ok(None);
        }
        let accounts = self.accounts(vec![bound.referral]).await?;
        let referral = ours::<Referral>(accounts.first())?;
        let referrer = referral
            .as_ref()
            .filter(|_| offer.campaign.per_owner)
            .map(|referral| pda::referrer(&offer.address, &referral.owner));
        let [account] = self.some_accounts([referrer]).await?;
        let account = ours::<Referrer>(Some(&account))?;
        let (referral, account) = (referral.as_ref(), account.as_ref());
        let is_lost = preflight::is_lost(offer.campaign, referral, account, offer.now);
        Ok(is_lost.then_some(Bind {
            bound: Some((bound.referral, referrer)),
            ..new
        }))
    }

    /// The accounts at those of `addresses` that are `Some`, each at its position.
    async fn some_accounts<const N: usize>(
        &self,
        addresses: [Option<Pubkey>; N],
    ) -> ApiResult<[Option<Account>; N]> {
        let asked: Vec<Pubkey> = addresses.iter().flatten().copied().collect();
        if asked.is_empty() {
            return Ok([const { None }; N]);
        }
        let answer = self.accounts(asked).await?;
        let mut found = answer.iter();
        Ok(addresses.map(|address| address.and_then(|_| found.next().cloned().flatten())))
    }
}

fn is_ours(account: Option<&Account>) -> bool {
    account.is_some_and(|account| account.owner == PROGRAM_ID)
}

/// Decodes the account; `None` if the program does not own it or it has another type.
pub(super) fn ours<T: AccountType>(account: Option<&Option<Account>>) -> ApiResult<Option<T>> {
    let account = account.and_then(Option::as_ref);
    match account.filter(|account| is_ours(Some(account))) {
        None => Ok(None),
        Some(account) => match T::decode(&account.data) {
            Ok(account) => Ok(Some(account)),
            // The caller named an account of the program that has another type.
            Err(DecodeError::UnknownType(_)) => Ok(None),
            Err(error) => Err(ApiError::internal().because(error)),
        },
    }
}

/// Unix seconds at which the credential expires, 0 for never; `None` when the account is
/// not an attestation. `programs/referral/src/credential.rs` describes the layout.
/// Wallet, issuer and schema need no check, because the address is derived from them.
fn credential_expiry(account: &Account) -> Option<i64> {
    const ATTESTATION: u8 = 2;
    let (kind, rest) = account.data.split_first()?;
    if account.owner != pda::ATTESTATION_SERVICE_ID || *kind != ATTESTATION {
        return None;
    }
    let (_wallet_issuer_schema, rest) = rest.split_at_checked(3 * 32)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (_data, rest) = rest.split_at_checked(length)?;
    let (_signer, rest) = rest.split_at_checked(32)?;
    Some(i64::from_le_bytes(*rest.first_chunk::<8>()?))
}

/// The time of the chain's clock, in unix seconds.
pub(super) fn now(clock: Option<&Option<Account>>) -> ApiResult<i64> {
    clock
        .and_then(Option::as_ref)
        .and_then(|clock| bincode::deserialize::<Clock>(&clock.data).ok())
        .map(|clock| clock.unix_timestamp)
        .ok_or_else(ApiError::chain_unavailable)
}
