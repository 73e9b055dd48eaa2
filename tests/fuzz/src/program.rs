//! The 25 instructions, as the contract has them.

use borsh::BorshDeserialize;
use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    Code, PROGRAM_ID, ProgramError as E,
    accounts::{
        Account, Action, Campaign, Closed, Conversion, Funding, Proof, Referee, Referral,
        RewardKind, Status, Uniqueness,
    },
};

use crate::{
    model::{
        Body, FEE, INSTRUCTIONS, METADATA_POINTER, SYSTEM, TOKEN, TOKEN_2022, Tx, associated,
        derive, sha256,
    },
    rules::{self, Parts, RawSettings, RawTerms},
};

/// 30 days.
const CLAIM_PERIOD: i64 = 2_592_000;
/// Bits of the three parts.
const BITS: [u8; 3] = [1, 2, 4];
const ALL: u8 = 7;

/// An instruction's name, and what its accounts must be: `s` signs, `w` is written,
/// `d` may be another one, too, `o` may be absent; `C`, `R`, `V`, `B` a campaign,
/// referral, conversion, binding, `P` the System program.
pub type Spec = (&'static str, &'static [&'static str]);

/// How many of an instruction's accounts must be there. Those after are optional, and
/// a call without all of them has none of them.
#[must_use]
pub fn declared(name: &str) -> Option<usize> {
    match name {
        "convert" => Some(9),
        "purchase" => Some(8),
        "claim" => Some(6),
        _ => None,
    }
}

/// Every instruction.
pub const SPECS: [Spec; 25] = [
    ("create_campaign", &["swd", "s", "w", "", "", "", "P"]),
    ("update_campaign", &["s", "wC"]),
    ("set_paused", &["s", "wC"]),
    ("propose_authority", &["s", "wC"]),
    ("accept_authority", &["s", "wC"]),
    ("close_campaign", &["s", "wC"]),
    (
        "reclaim_campaign",
        &["s", "wC", "wd", "wo", "wo", "wo", "o"],
    ),
    ("fund_vault", &["s", "C", "", "w", "w", ""]),
    ("withdraw_vault", &["s", "C", "", "w", "w", ""]),
    ("set_suspended", &["s", "C", "wR"]),
    ("create_referral", &["swd", "s", "C", "w", "so", "P"]),
    ("update_referral", &["s", "wR"]),
    ("set_partner", &["s", "s", "C", "wR"]),
    ("remove_partner", &["s", "wR"]),
    ("propose_owner", &["s", "wR"]),
    ("accept_owner", &["s", "C", "wR"]),
    ("close_referral", &["s", "wR", "wd"]),
    ("bind", &["swd", "s", "C", "R", "w", "P"]),
    (
        "convert",
        &[
            "swd", "s", "C", "wR", "w", "wo", "w", "", "P", "so", "o", "oB", "wo", "wo", "wo",
        ],
    ),
    (
        "purchase",
        &[
            "swd", "swd", "C", "wR", "w", "wd", "wd", "P", "o", "wdo", "o", "wdo", "o", "oB",
            "wdo", "wdo", "wdo",
        ],
    ),
    (
        "claim",
        &["C", "wR", "wV", "wd", "wo", "o", "wdo", "wdo", "wo"],
    ),
    (
        "cancel_conversion",
        &["s", "C", "wR", "wV", "wdo", "o", "wdo", "o"],
    ),
    ("reclaim_referral", &["", "w", "w"]),
    ("reclaim_conversion", &["", "wV", "w"]),
    ("reclaim_referee", &["", "wB", "w"]),
];

/// First eight bytes of the instruction with this name.
#[must_use]
pub fn discriminator(name: &str) -> [u8; 8] {
    let hash = sha256(&[b"global:", name.as_bytes()]);
    *hash.first_chunk().expect("32 bytes")
}

/// Which of [`SPECS`] this data calls.
#[must_use]
pub fn called(data: &[u8]) -> Option<usize> {
    use std::sync::LazyLock;

    static ALL: LazyLock<Vec<[u8; 8]>> =
        LazyLock::new(|| SPECS.iter().map(|(name, _)| discriminator(name)).collect());
    ALL.iter().position(|known| data.starts_with(known))
}

/// Address of a campaign.
#[must_use]
pub fn campaign_at(creator: &Pubkey, id: u64) -> (Pubkey, u8) {
    derive(
        &[b"campaign", creator.as_ref(), &id.to_le_bytes()],
        &PROGRAM_ID,
    )
}

/// Address of a referral; `None` for bytes that are no seed.
#[must_use]
pub fn referral_at(campaign: &Pubkey, code: &[u8; 12]) -> (Pubkey, u8) {
    let end = code
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    derive(&[b"referral", campaign.as_ref(), &code[..end]], &PROGRAM_ID)
}

/// Address of a binding.
#[must_use]
pub fn binding_at(campaign: &Pubkey, wallet: &Pubkey) -> (Pubkey, u8) {
    derive(
        &[b"referee", campaign.as_ref(), wallet.as_ref()],
        &PROGRAM_ID,
    )
}

/// Address of a conversion.
#[must_use]
pub fn conversion_at(campaign: &Pubkey, key: &[u8; 32]) -> (Pubkey, u8) {
    derive(&[b"conversion", campaign.as_ref(), key], &PROGRAM_ID)
}

/// What the campaign counts once.
#[must_use]
pub fn key_of(
    campaign: &Campaign,
    referee: &Pubkey,
    referral: &Pubkey,
    reference: &[u8; 32],
) -> [u8; 32] {
    match (campaign.uniqueness, campaign.proof) {
        (Uniqueness::Wallet, _) => referee.to_bytes(),
        (Uniqueness::WalletAndCode, _) => sha256(&[referee.as_ref(), referral.as_ref()]),
        (Uniqueness::Order, Proof::Attested) => *reference,
        (Uniqueness::Order, _) => sha256(&[referee.as_ref(), reference]),
    }
}

/// Where `owner` gets its rewards.
#[must_use]
pub fn reward_account(campaign: &Campaign, owner: &Pubkey) -> (Pubkey, u8) {
    if campaign.mint == SYSTEM {
        (*owner, 0)
    } else {
        associated(owner, &campaign.mint, &campaign.token_program)
    }
}

fn is_token_program(program: &Pubkey) -> bool {
    *program == TOKEN || *program == TOKEN_2022
}

/// What a call does, into `tx`.
pub fn run(tx: &mut Tx<'_>, data: &[u8]) {
    let Some(index) = called(data) else {
        return tx.fail("no such instruction");
    };
    let (name, spec) = SPECS[index];
    let args = &mut &data[8..];
    macro_rules! args {
        () => {
            match BorshDeserialize::deserialize(args) {
                Ok(args) => args,
                Err(_) => return tx.fail("the arguments end early"),
            }
        };
    }
    if !check_accounts(tx, name, spec) {
        return;
    }
    match name {
        "create_campaign" => {
            let (id, terms, settings) = args!();
            create_campaign(tx, id, terms, &settings);
        }
        "update_campaign" => update_campaign(tx, &args!()),
        "set_paused" => set_paused(tx, args!()),
        "propose_authority" => propose_authority(tx, args!()),
        "accept_authority" => accept_authority(tx),
        "close_campaign" => close_campaign(tx),
        "reclaim_campaign" => reclaim_campaign(tx),
        "fund_vault" => fund_vault(tx, args!()),
        "withdraw_vault" => withdraw_vault(tx, args!()),
        "set_suspended" => set_suspended(tx, args!()),
        "create_referral" => {
            let (code, usage_limit, expires_at) = args!();
            create_referral(tx, code, usage_limit, expires_at);
        }
        "update_referral" => {
            let (active, usage_limit, expires_at) = args!();
            update_referral(tx, active, usage_limit, expires_at);
        }
        "set_partner" => set_partner(tx, args!()),
        "remove_partner" => remove_partner(tx),
        "propose_owner" => propose_owner(tx, args!()),
        "accept_owner" => accept_owner(tx),
        "close_referral" => close_referral(tx),
        "bind" => bind(tx, args!()),
        "convert" => convert(tx, &args!()),
        "purchase" => purchase(tx, &args!()),
        "claim" => claim(tx),
        "cancel_conversion" => cancel_conversion(tx),
        "reclaim_referral" => reclaim_referral(tx),
        "reclaim_conversion" => reclaim_conversion(tx, args!()),
        _ => reclaim_referee(tx),
    }
}

/// What the framework checks before the program does.
fn check_accounts(tx: &mut Tx<'_>, name: &str, spec: &[&str]) -> bool {
    let declared = declared(name).unwrap_or(spec.len());
    let given = tx.metas.len();
    if given < declared {
        tx.fail("too few accounts");
        return false;
    }
    tx.visible = declared;
    check_each(tx, spec, 0..declared);
    if !tx.is_good() || declared == spec.len() || !looks_further(tx, name) {
        return tx.is_good();
    }
    // None of those that are left may be one that is declared as written.
    let (first, rest) = tx.metas.split_at(declared);
    let twice = first.iter().zip(spec).any(|(meta, flags)| {
        let absent = flags.contains('o') && meta.key == PROGRAM_ID;
        let strict = flags.contains('w') && !flags.contains('d') && !absent;
        strict && rest.iter().any(|other| other.key == meta.key)
    });
    if twice {
        tx.fail("an account is there twice");
    }
    if given >= spec.len() {
        tx.visible = spec.len();
        check_each(tx, spec, declared..spec.len());
    }
    tx.is_good()
}

/// Whether anything depends on the optional accounts at the end.
fn looks_further(tx: &Tx<'_>, name: &str) -> bool {
    match name {
        "convert" => {
            let (campaign, referral) = (tx.campaign(2), tx.referral(3));
            campaign.proof == Proof::Attested
                || campaign.attribution_window != 0
                || campaign.referee_share_bps != 0
                || referral.partner_share_bps != 0
                || campaign.vault != SYSTEM
        }
        "claim" => tx.conversion(2).settled & 6 != 6 || tx.campaign(0).vault != SYSTEM,
        _ => true,
    }
}

/// What the framework checks of these accounts.
fn check_each(tx: &mut Tx<'_>, spec: &[&str], range: std::ops::Range<usize>) {
    let declared = range.start == 0;
    let metas = &tx.metas[..range.end];
    for index in range {
        let (meta, flags) = (metas[index], spec[index]);
        let key = meta.key;
        if flags.contains('o') && key == PROGRAM_ID {
            continue;
        }
        if flags.contains('s') && !tx.signs(&key) {
            tx.fail("a signature is missing");
        }
        if flags.contains('w') && !tx.writable(&key) {
            tx.fail("an account is read-only");
        }
        let mut others = metas.iter().enumerate();
        let twice = others.any(|(other, meta)| other != index && meta.key == key);
        // Optional ones at the end are not compared with each other.
        if declared && twice && flags.contains('w') && !flags.contains('d') {
            tx.fail("an account is there twice");
        }
        let body = tx.cell(&key).body.clone();
        let account = match &body {
            Body::Vouch(account) => Some(account),
            _ => None,
        };
        for flag in flags.chars() {
            match flag {
                'C' => tx.need(
                    matches!(account, Some(Account::Campaign(_))),
                    E::CampaignNotFound,
                ),
                'R' => tx.need(
                    matches!(account, Some(Account::Referral(_))),
                    E::ReferralNotFound,
                ),
                'V' => tx.need(
                    matches!(account, Some(Account::Conversion(_))),
                    E::ConversionNotFound,
                ),
                'B' => tx.need(
                    matches!(account, Some(Account::Referee(_))),
                    E::BindingNotFound,
                ),
                'P' if key != SYSTEM => tx.fail("not the System program"),
                _ => {}
            }
        }
    }
}

/// The accounts by their place.
impl Tx<'_> {
    fn at(&self, index: usize) -> Pubkey {
        self.metas[index].key
    }

    fn given(&self, index: usize) -> Option<Pubkey> {
        if index >= self.visible {
            return None;
        }
        let key = self.at(index);
        (key != PROGRAM_ID).then_some(key)
    }

    fn campaign(&self, index: usize) -> Campaign {
        match &self.cell(&self.at(index)).body {
            Body::Vouch(Account::Campaign(campaign)) => (**campaign).clone(),
            _ => unreachable!("its type was checked"),
        }
    }

    fn referral(&self, index: usize) -> Referral {
        match &self.cell(&self.at(index)).body {
            Body::Vouch(Account::Referral(referral)) => (**referral).clone(),
            _ => unreachable!("its type was checked"),
        }
    }

    fn conversion(&self, index: usize) -> Conversion {
        match &self.cell(&self.at(index)).body {
            Body::Vouch(Account::Conversion(conversion)) => (**conversion).clone(),
            _ => unreachable!("its type was checked"),
        }
    }

    fn put(&mut self, index: usize, account: Account) {
        let key = self.at(index);
        self.cell_mut(&key).body = Body::Vouch(account);
    }

    fn put_campaign(&mut self, index: usize, campaign: Campaign) {
        self.put(index, Account::Campaign(Box::new(campaign)));
    }

    fn put_referral(&mut self, index: usize, referral: Referral) {
        self.put(index, Account::Referral(Box::new(referral)));
    }

    /// Base units there; 0 where there is no account of this program.
    fn balance(&self, key: &Pubkey, program: &Pubkey) -> u64 {
        match &self.cell(key).body {
            Body::Token(account) if account.program == *program => account.amount,
            _ => 0,
        }
    }

    fn close_to(&mut self, key: &Pubkey, to: &Pubkey) {
        let lamports = self.cell(key).lamports;
        self.move_lamports(key, to, lamports);
        self.cell_mut(key).body = Body::Nothing;
    }

    fn leave_closed(&mut self, key: &Pubkey, campaign: Pubkey, rent_payer: Pubkey) {
        let closed = Closed {
            version: 1,
            campaign,
            rent_payer,
        };
        let kept = self.rent(73);
        let rest = self.cell(key).lamports.saturating_sub(kept);
        self.move_lamports(key, &rent_payer, rest);
        self.cell_mut(key).body = Body::Vouch(Account::Closed(Box::new(closed)));
    }

    fn need_settings(&mut self, terms: &RawTerms, settings: &RawSettings, committed: u64) {
        for error in rules::wrong(terms, settings, committed) {
            match error {
                Some(error) => self.need(false, error),
                None => self.fail("a flag is neither 0 nor 1"),
            }
        }
    }
}

fn apply(campaign: &mut Campaign, s: &RawSettings) {
    campaign.reward_kind = if s.reward_kind == 1 {
        RewardKind::Percent
    } else {
        RewardKind::Fixed
    };
    campaign.reward_fixed = s.reward_fixed;
    campaign.reward_bps = s.reward_bps;
    campaign.reward_max = s.reward_max;
    campaign.min_amount = s.min_amount;
    campaign.referee_share_bps = s.referee_share_bps;
    campaign.max_partner_share_bps = s.max_partner_share_bps;
    campaign.tiers = s.tiers;
    campaign.bonuses = s.bonuses;
    campaign.hold_seconds = s.hold_seconds;
    campaign.longest_hold = campaign.longest_hold.max(s.hold_seconds);
    campaign.attribution_window = s.attribution_window;
    campaign.starts_at = s.starts_at;
    campaign.ends_at = s.ends_at;
    campaign.budget = s.budget;
    campaign.attested_codes = s.attested_codes == 1;
    campaign.attestor = s.attestor;
    campaign.treasury = s.treasury;
}

/// Refuses a mint that a campaign cannot use.
fn need_mint(tx: &mut Tx<'_>, key: &Pubkey, program: &Pubkey, fees: bool) {
    let known = is_token_program(program);
    tx.need(known, E::WrongTokenProgram);
    let allowed = match &tx.cell(key).body {
        Body::Mint(mint) => {
            mint.program == *program
                && match mint.extension {
                    None | Some(METADATA_POINTER) => true,
                    Some(FEE) => fees,
                    Some(_) => false,
                }
        }
        _ => false,
    };
    tx.need(allowed, E::UnsupportedMint);
}

fn create_campaign(tx: &mut Tx<'_>, id: u64, terms: RawTerms, settings: &RawSettings) {
    let [payer, creator, key, mint, payment_mint, token_program] =
        [0, 1, 2, 3, 4, 5].map(|i| tx.at(i));
    let (address, bump) = campaign_at(&creator, id);
    if key != address {
        return tx.fail("not the campaign's address");
    }
    tx.need(!tx.cell(&key).is_ours(), E::CampaignExists);
    tx.need_settings(&terms, settings, 0);
    tx.need(
        settings.ends_at == 0 || settings.ends_at > tx.now,
        E::InvalidSchedule,
    );
    let (split, paid) = (terms.funding == 2, terms.proof == 2);
    tx.need(!split || mint == payment_mint, E::WrongPaymentMint);
    tx.need(paid || payment_mint == SYSTEM, E::WrongPaymentMint);
    if paid && payment_mint != SYSTEM {
        let program = match &tx.cell(&payment_mint).body {
            Body::Mint(mint) => mint.program,
            Body::Token(account) => account.program,
            _ => SYSTEM,
        };
        if is_token_program(&program) {
            need_mint(tx, &payment_mint, &program, false);
        } else {
            tx.need(false, E::UnsupportedMint);
        }
    }
    let mut mint_decimals = 0;
    let mut vault = SYSTEM;
    if split && mint == SYSTEM {
        tx.need(token_program == SYSTEM, E::WrongTokenProgram);
    } else {
        need_mint(tx, &mint, &token_program, !split);
        if let Body::Mint(facts) = tx.cell(&mint).body.clone() {
            mint_decimals = facts.decimals;
            if terms.funding == 0 {
                tx.need(facts.authority == Some(address), E::MintAuthorityMismatch);
                let least = if settings.reward_kind == 0 {
                    settings.reward_fixed
                } else {
                    1
                };
                tx.need(facts.supply.checked_add(least).is_some(), E::InvalidReward);
            }
        }
        if terms.funding != 0 {
            vault = associated(&address, &mint, &token_program).0;
        }
    }
    if !tx.is_good() {
        return;
    }
    let mut campaign = Campaign {
        version: 1,
        bump,
        funding: [
            Funding::MintAuthority,
            Funding::Vault,
            Funding::PaymentSplit,
        ][usize::from(terms.funding)],
        proof: [Proof::Open, Proof::Attested, Proof::Payment][usize::from(terms.proof)],
        uniqueness: [
            Uniqueness::Wallet,
            Uniqueness::WalletAndCode,
            Uniqueness::Order,
        ][usize::from(terms.uniqueness)],
        reward_kind: RewardKind::Fixed,
        paused: false,
        closed: false,
        attested_codes: false,
        mint_decimals,
        creator,
        id,
        authority: creator,
        pending_authority: SYSTEM,
        mint,
        token_program,
        vault,
        attestor: SYSTEM,
        treasury: SYSTEM,
        payment_mint,
        rent_payer: payer,
        reward_fixed: 0,
        reward_bps: 0,
        referee_share_bps: 0,
        max_partner_share_bps: 0,
        reward_max: 0,
        min_amount: 0,
        tiers: Default::default(),
        bonuses: Default::default(),
        hold_seconds: 0,
        attribution_window: 0,
        starts_at: 0,
        ends_at: 0,
        budget: 0,
        committed: 0,
        created_at: tx.now,
        closed_at: 0,
        owed: 0,
        longest_hold: 0,
        reserved: [0; 108],
    };
    apply(&mut campaign, settings);
    tx.create(&payer, &key, Account::Campaign(Box::new(campaign)));
}

fn update_campaign(tx: &mut Tx<'_>, settings: &RawSettings) {
    let mut campaign = tx.campaign(1);
    tx.need(tx.at(0) == campaign.authority, E::Unauthorized);
    tx.need(!campaign.closed, E::CampaignClosed);
    let ends_at = settings.ends_at;
    tx.need(
        ends_at == 0 || ends_at > tx.now || ends_at == campaign.ends_at,
        E::InvalidSchedule,
    );
    let terms = RawTerms {
        funding: campaign.funding as u8,
        proof: campaign.proof as u8,
        uniqueness: campaign.uniqueness as u8,
    };
    tx.need_settings(&terms, settings, campaign.committed);
    if tx.is_good() {
        apply(&mut campaign, settings);
        tx.put_campaign(1, campaign);
    }
}

/// What the authority does to an open campaign.
fn by_authority(tx: &mut Tx<'_>, change: impl FnOnce(&mut Campaign, i64)) {
    let mut campaign = tx.campaign(1);
    tx.need(tx.at(0) == campaign.authority, E::Unauthorized);
    tx.need(!campaign.closed, E::CampaignClosed);
    if tx.is_good() {
        change(&mut campaign, tx.now);
        tx.put_campaign(1, campaign);
    }
}

fn set_paused(tx: &mut Tx<'_>, paused: bool) {
    by_authority(tx, |campaign, _| campaign.paused = paused);
}

fn propose_authority(tx: &mut Tx<'_>, new: [u8; 32]) {
    by_authority(tx, |campaign, _| campaign.pending_authority = new.into());
}

fn accept_authority(tx: &mut Tx<'_>) {
    let mut campaign = tx.campaign(1);
    tx.need(
        tx.at(0) == campaign.pending_authority,
        E::NotPendingAuthority,
    );
    tx.need(!campaign.closed, E::CampaignClosed);
    if tx.is_good() {
        campaign.authority = tx.at(0);
        campaign.pending_authority = SYSTEM;
        tx.put_campaign(1, campaign);
    }
}

fn close_campaign(tx: &mut Tx<'_>) {
    by_authority(tx, |campaign, now| {
        campaign.closed = true;
        campaign.closed_at = now;
    });
}

fn claims_are_over(campaign: &Campaign, now: i64) -> bool {
    let last = campaign.closed_at + i64::from(campaign.longest_hold) + CLAIM_PERIOD;
    campaign.closed && now >= last
}

fn reclaim_campaign(tx: &mut Tx<'_>) {
    let campaign = tx.campaign(1);
    let key = tx.at(1);
    let [mint, vault, destination, program] = [3, 4, 5, 6].map(|i| tx.given(i));
    tx.need(tx.at(0) == campaign.authority, E::Unauthorized);
    tx.need(campaign.closed, E::CampaignNotClosed);
    tx.need(
        !campaign.closed || claims_are_over(&campaign, tx.now),
        E::ClaimPeriodOpen,
    );
    tx.need(tx.at(2) == campaign.rent_payer, E::WrongRentPayer);
    let mints = campaign.funding == Funding::MintAuthority;
    let mut vault_is_there = false;
    if campaign.vault != SYSTEM {
        need_vault(tx, &campaign, vault);
        vault_is_there = matches!(&tx.cell(&campaign.vault).body,
            Body::Token(account) if account.program == campaign.token_program);
    }
    if mints || vault_is_there {
        need_reward_mint(tx, &campaign, mint, program);
    }
    let rest = tx.balance(&campaign.vault, &campaign.token_program);
    tx.need(
        !vault_is_there || rest == 0 || destination.is_some(),
        E::MissingAccount,
    );
    if !tx.is_good() {
        return;
    }
    if mints {
        if let Body::Mint(facts) = &mut tx.cell_mut(&campaign.mint).body {
            facts.authority = Some(campaign.authority);
        }
    } else if vault_is_there {
        if let Some(destination) = destination.filter(|_| rest != 0) {
            tx.transfer(
                &campaign.token_program,
                &campaign.vault,
                &campaign.mint,
                &destination,
                &key,
                rest,
            );
        }
        if let Body::Token(vault) = &tx.cell(&campaign.vault).body
            && (vault.amount != 0 || vault.withheld.unwrap_or(0) != 0)
        {
            tx.fail("the vault is not empty");
        }
        tx.close_to(&campaign.vault, &campaign.rent_payer);
    }
    tx.leave_closed(&key, key, campaign.rent_payer);
}

fn need_reward_mint(
    tx: &mut Tx<'_>,
    campaign: &Campaign,
    mint: Option<Pubkey>,
    program: Option<Pubkey>,
) {
    tx.need(mint.is_some() && program.is_some(), E::MissingAccount);
    tx.need(mint.is_none_or(|mint| mint == campaign.mint), E::WrongMint);
    tx.need(
        program.is_none_or(|program| program == campaign.token_program),
        E::WrongTokenProgram,
    );
}

fn need_vault(tx: &mut Tx<'_>, campaign: &Campaign, vault: Option<Pubkey>) {
    tx.need(vault.is_some(), E::MissingAccount);
    tx.need(
        vault.is_none_or(|vault| vault == campaign.vault),
        E::WrongVault,
    );
}

fn fund_vault(tx: &mut Tx<'_>, amount: u64) {
    let campaign = tx.campaign(1);
    let [funder, mint, source, vault, program] = [0, 2, 3, 4, 5].map(|i| tx.at(i));
    tx.need(campaign.funding == Funding::Vault, E::NoVault);
    tx.need(!campaign.closed, E::CampaignClosed);
    need_reward_mint(tx, &campaign, Some(mint), Some(program));
    need_vault(tx, &campaign, Some(vault));
    if tx.is_good() {
        tx.transfer(&program, &source, &mint, &vault, &funder, amount);
    }
}

fn withdraw_vault(tx: &mut Tx<'_>, amount: u64) {
    let campaign = tx.campaign(1);
    let [authority, key, mint, vault, to, program] = [0, 1, 2, 3, 4, 5].map(|i| tx.at(i));
    tx.need(authority == campaign.authority, E::Unauthorized);
    tx.need(campaign.vault != SYSTEM, E::NoVault);
    need_reward_mint(tx, &campaign, Some(mint), Some(program));
    need_vault(tx, &campaign, Some(vault));
    if !tx.is_good() {
        return;
    }
    let left = tx.balance(&vault, &program).checked_sub(amount);
    tx.need(
        left.is_some_and(|left| left >= campaign.owed),
        E::InsufficientVault,
    );
    if tx.is_good() {
        tx.transfer(&program, &vault, &mint, &to, &key, amount);
    }
}

fn set_suspended(tx: &mut Tx<'_>, suspended: bool) {
    let (campaign, mut referral) = (tx.campaign(1), tx.referral(2));
    tx.need(tx.at(0) == campaign.authority, E::Unauthorized);
    tx.need(referral.campaign == tx.at(1), E::WrongCampaign);
    if tx.is_good() {
        referral.suspended = suspended;
        tx.put_referral(2, referral);
    }
}

fn create_referral(tx: &mut Tx<'_>, code: [u8; 12], usage_limit: u64, expires_at: i64) {
    let campaign = tx.campaign(2);
    let [payer, owner, campaign_key, key] = [0, 1, 2, 3].map(|i| tx.at(i));
    let (address, bump) = referral_at(&campaign_key, &code);
    if key != address {
        return tx.fail("not the referral's address");
    }
    let parsed = Code::from_padded(&code);
    tx.need(parsed.is_ok(), E::InvalidCode);
    tx.need(!campaign.closed, E::CampaignClosed);
    if campaign.attested_codes {
        let attestor = tx.given(4);
        tx.need(attestor.is_some(), E::AttestationRequired);
        tx.need(
            attestor.is_none_or(|attestor| attestor == campaign.attestor),
            E::WrongAttestor,
        );
    }
    tx.need(expires_at == 0 || expires_at > tx.now, E::InvalidExpiry);
    tx.need(!tx.cell(&key).is_ours(), E::CodeTaken);
    if !tx.is_good() {
        return;
    }
    let referral = Referral {
        version: 1,
        bump,
        code_len: parsed.map_or(0, |code| code.len()),
        active: true,
        suspended: false,
        bonuses_paid: 0,
        partner_account_bump: 0,
        partner_share_bps: 0,
        code,
        campaign: campaign_key,
        owner,
        pending_owner: SYSTEM,
        partner: SYSTEM,
        rent_payer: payer,
        reward_account: reward_account(&campaign, &owner).0,
        usage_limit,
        conversions: 0,
        expires_at,
        created_at: tx.now,
        rewards_total: 0,
        rewards_pending: 0,
        partner_pending: 0,
        open_conversions: 0,
        reserved: [0; 17],
    };
    tx.create(&payer, &key, Account::Referral(Box::new(referral)));
}

fn update_referral(tx: &mut Tx<'_>, active: bool, usage_limit: u64, expires_at: i64) {
    let mut referral = tx.referral(1);
    tx.need(tx.at(0) == referral.owner, E::NotReferralOwner);
    tx.need(
        expires_at == 0 || expires_at > tx.now || expires_at == referral.expires_at,
        E::InvalidExpiry,
    );
    tx.need(
        usage_limit == 0 || referral.conversions <= usage_limit,
        E::InvalidUsageLimit,
    );
    if tx.is_good() {
        referral.active = active;
        referral.usage_limit = usage_limit;
        referral.expires_at = expires_at;
        tx.put_referral(1, referral);
    }
}

fn set_partner(tx: &mut Tx<'_>, share_bps: u16) {
    let (campaign, mut referral) = (tx.campaign(2), tx.referral(3));
    let partner = tx.at(1);
    tx.need(referral.campaign == tx.at(2), E::WrongCampaign);
    tx.need(tx.at(0) == referral.owner, E::NotReferralOwner);
    tx.need(
        referral.partner == SYSTEM || referral.partner == partner,
        E::PartnerExists,
    );
    tx.need(
        partner != referral.owner && share_bps > 0 && share_bps <= campaign.max_partner_share_bps,
        E::InvalidPartner,
    );
    if tx.is_good() {
        referral.partner = partner;
        referral.partner_share_bps = share_bps;
        referral.partner_account_bump = reward_account(&campaign, &partner).1;
        tx.put_referral(3, referral);
    }
}

fn remove_partner(tx: &mut Tx<'_>) {
    let mut referral = tx.referral(1);
    tx.need(tx.at(0) == referral.partner, E::NotPartner);
    tx.need(referral.partner_pending == 0, E::RewardsPending);
    if tx.is_good() {
        referral.partner = SYSTEM;
        referral.partner_share_bps = 0;
        referral.partner_account_bump = 0;
        tx.put_referral(1, referral);
    }
}

fn propose_owner(tx: &mut Tx<'_>, new: [u8; 32]) {
    let mut referral = tx.referral(1);
    tx.need(tx.at(0) == referral.owner, E::NotReferralOwner);
    if tx.is_good() {
        referral.pending_owner = new.into();
        tx.put_referral(1, referral);
    }
}

fn accept_owner(tx: &mut Tx<'_>) {
    let (campaign, mut referral) = (tx.campaign(1), tx.referral(2));
    let new = tx.at(0);
    tx.need(referral.campaign == tx.at(1), E::WrongCampaign);
    tx.need(referral.pending_owner == new, E::NotPendingOwner);
    tx.need(referral.partner != new, E::InvalidPartner);
    if tx.is_good() {
        referral.owner = new;
        referral.pending_owner = SYSTEM;
        referral.reward_account = reward_account(&campaign, &new).0;
        tx.put_referral(2, referral);
    }
}

fn close_referral(tx: &mut Tx<'_>) {
    let referral = tx.referral(1);
    let key = tx.at(1);
    tx.need(tx.at(0) == referral.owner, E::NotReferralOwner);
    tx.need(referral.open_conversions == 0, E::RewardsPending);
    tx.need(tx.at(2) == referral.rent_payer, E::WrongRentPayer);
    if tx.is_good() {
        tx.leave_closed(&key, referral.campaign, referral.rent_payer);
    }
}

/// Refuses unless campaign and referral let `wallet` be brought now.
fn need_open(
    tx: &mut Tx<'_>,
    campaign: &Campaign,
    key: &Pubkey,
    referral: &Referral,
    wallet: &Pubkey,
    code: &[u8; 12],
) {
    let now = tx.now;
    tx.need(referral.campaign == *key, E::WrongCampaign);
    tx.need(referral.code == *code, E::CodeMismatch);
    tx.need(
        referral.owner != *wallet && referral.partner != *wallet,
        E::SelfReferral,
    );
    tx.need(!campaign.closed, E::CampaignClosed);
    tx.need(!campaign.paused, E::CampaignPaused);
    tx.need(now >= campaign.starts_at, E::CampaignNotStarted);
    tx.need(
        campaign.ends_at == 0 || now < campaign.ends_at,
        E::CampaignEnded,
    );
    tx.need(referral.active && !referral.suspended, E::ReferralInactive);
    tx.need(
        referral.expires_at == 0 || now < referral.expires_at,
        E::ReferralExpired,
    );
    tx.need(
        referral.usage_limit == 0 || referral.conversions < referral.usage_limit,
        E::UsageLimitReached,
    );
}

fn bind(tx: &mut Tx<'_>, code: [u8; 12]) {
    let (campaign, referral) = (tx.campaign(2), tx.referral(3));
    let [payer, wallet, campaign_key, referral_key, key] = [0, 1, 2, 3, 4].map(|i| tx.at(i));
    let (address, bump) = binding_at(&campaign_key, &wallet);
    if key != address {
        return tx.fail("not the binding's address");
    }
    need_open(tx, &campaign, &campaign_key, &referral, &wallet, &code);
    tx.need(campaign.attribution_window != 0, E::NoAttribution);
    let old = match &tx.cell(&key).body {
        Body::Vouch(Account::Referee(old)) => Some((**old).clone()),
        _ => None,
    };
    tx.need(
        old.as_ref().is_none_or(|old| tx.now >= old.expires_at),
        E::AlreadyBound,
    );
    if !tx.is_good() {
        return;
    }
    let binding = Referee {
        version: 1,
        bump,
        campaign: campaign_key,
        wallet,
        referral: referral_key,
        rent_payer: old.as_ref().map_or(payer, |old| old.rent_payer),
        bound_at: tx.now,
        expires_at: tx.now + i64::from(campaign.attribution_window),
    };
    let account = Account::Referee(Box::new(binding));
    if old.is_some() {
        tx.put(4, account);
    } else {
        tx.create(&payer, &key, account);
    }
}

/// Arguments of `convert` and `purchase`.
#[derive(BorshDeserialize)]
struct Request {
    code: [u8; 12],
    action: u8,
    amount: u64,
    reference: [u8; 32],
}

/// What `convert` and `purchase` have in common, in front.
struct Credit {
    campaign: Campaign,
    referral: Referral,
    referee: Pubkey,
    bump: u8,
    parts: Parts,
}

/// Accounts 1 to 4 are the same in both.
fn credit(tx: &mut Tx<'_>, request: &Request, payment: bool) -> Option<Credit> {
    let (campaign, referral) = (tx.campaign(2), tx.referral(3));
    let [referee, campaign_key, referral_key, key] = [1, 2, 3, 4].map(|i| tx.at(i));
    need_open(
        tx,
        &campaign,
        &campaign_key,
        &referral,
        &referee,
        &request.code,
    );
    tx.need(request.action <= 8, E::InvalidAction);
    let paid = campaign.proof == Proof::Payment;
    tx.need(!paid || payment, E::PaymentRequired);
    tx.need(paid || !payment, E::PaymentNotAccepted);
    tx.need(request.amount >= campaign.min_amount, E::AmountTooSmall);
    tx.need(!payment || request.amount > 0, E::AmountTooSmall);
    if campaign.attribution_window != 0 {
        let given = tx.given(if payment { 13 } else { 11 });
        let binding = given.and_then(|key| match &tx.cell(&key).body {
            Body::Vouch(Account::Referee(binding)) => Some((**binding).clone()),
            _ => None,
        });
        match binding {
            None => tx.need(false, E::MissingAccount),
            Some(b) if b.campaign != campaign_key || b.wallet != referee => {
                tx.need(false, E::NotBound);
            }
            Some(b) => {
                tx.need(tx.now < b.expires_at, E::BindingExpired);
                tx.need(b.referral == referral_key, E::NotFirstTouch);
            }
        }
    }
    if !payment && campaign.proof == Proof::Attested {
        need_attested(tx, &campaign, request);
    }
    tx.need(
        campaign.uniqueness != Uniqueness::Order || request.reference != [0; 32],
        E::MissingReference,
    );
    let once = key_of(&campaign, &referee, &referral_key, &request.reference);
    let (address, bump) = conversion_at(&campaign_key, &once);
    if key != address {
        tx.fail("not the conversion's address");
    }
    tx.need(!tx.cell(&address).is_ours(), E::AlreadyConverted);
    if !tx.is_good() {
        return None;
    }
    Some(Credit {
        parts: rules::reward(&campaign, &referral, request.amount),
        campaign,
        referral,
        referee,
        bump,
    })
}

fn need_attested(tx: &mut Tx<'_>, campaign: &Campaign, request: &Request) {
    if let Some(attestor) = tx.given(9) {
        return tx.need(attestor == campaign.attestor, E::WrongAttestor);
    }
    let Some(voucher) = tx.voucher.filter(|_| tx.given(10) == Some(INSTRUCTIONS)) else {
        return tx.need(false, E::AttestationRequired);
    };
    let mut expected = vec![1, 0];
    for offset in [48, 0xffff, 16, 0xffff, 112, 193, 0xffff_u16] {
        expected.extend(offset.to_le_bytes());
    }
    let same_head = voucher.get(..16) == Some(&expected[..]);
    let same_key = voucher.get(16..48) == Some(campaign.attestor.as_ref());
    let mut message = b"vouch:conversion".to_vec();
    for part in [PROGRAM_ID, tx.at(2), tx.at(3), tx.at(1)] {
        message.extend(part.as_ref());
    }
    message.push(request.action);
    message.extend(request.amount.to_le_bytes());
    message.extend(request.reference);
    let same_message = voucher.get(112..297) == Some(&message[..]);
    let expires_at = voucher.get(297..).and_then(|rest| rest.try_into().ok());
    match expires_at.map(i64::from_le_bytes) {
        Some(at) if same_head && same_key && same_message => {
            tx.need(tx.now < at, E::VoucherExpired);
        }
        _ => tx.need(false, E::InvalidVoucher),
    }
}

/// Who the parts are for, by their bits: owner and account.
fn beneficiaries(
    campaign: &Campaign,
    referral: &Referral,
    referee: &Pubkey,
) -> [(Pubkey, Pubkey); 3] {
    [referral.owner, *referee, referral.partner]
        .map(|owner| (owner, reward_account(campaign, &owner).0))
}

/// The bits among `open` whose beneficiary can receive now; refuses wrong accounts.
fn payable(
    tx: &mut Tx<'_>,
    campaign: &Campaign,
    people: &[(Pubkey, Pubkey); 3],
    accounts: [Option<Pubkey>; 3],
    parts: &Parts,
    open: u8,
) -> u8 {
    let mut bits = 0;
    for (index, bit) in BITS.into_iter().enumerate() {
        if open & bit == 0 {
            continue;
        }
        let (owner, account) = people[index];
        let units = parts.units[index];
        tx.need(accounts[index].is_some(), E::MissingAccount);
        tx.need(
            accounts[index].is_none_or(|given| given == account),
            E::WrongBeneficiary,
        );
        let cell = tx.cell(&account);
        let takes = if campaign.mint == SYSTEM {
            cell.lamports + units >= tx.rent(cell.size())
        } else {
            matches!(&cell.body, Body::Token(account)
                if account.program == campaign.token_program
                    && account.mint == campaign.mint
                    && account.owner == owner
                    && account.state == 1
                    && !account.memo
                    && account.amount.checked_add(units).is_some())
        };
        if takes {
            bits |= bit;
        }
    }
    bits
}

/// What is left of `bits` when the mint has no room for `units`; refuses wrong
/// accounts of the campaign.
fn affordable(
    tx: &mut Tx<'_>,
    campaign: &Campaign,
    [mint, program, vault]: [Option<Pubkey>; 3],
    bits: u8,
    units: u64,
) -> u8 {
    need_reward_mint(tx, campaign, mint, program);
    if campaign.funding != Funding::MintAuthority {
        need_vault(tx, campaign, vault);
        return bits;
    }
    match &tx.cell(&campaign.mint).body {
        Body::Mint(facts) if facts.supply.checked_add(units).is_some() => bits,
        _ => 0,
    }
}

fn pay(
    tx: &mut Tx<'_>,
    campaign_key: &Pubkey,
    campaign: &Campaign,
    people: &[(Pubkey, Pubkey); 3],
    parts: &Parts,
    bits: u8,
) {
    for (index, bit) in BITS.into_iter().enumerate() {
        let (to, units) = (people[index].1, parts.units[index]);
        if bits & bit == 0 || units == 0 {
            continue;
        }
        let mint = &campaign.mint;
        if campaign.funding == Funding::MintAuthority {
            tx.mint_to(mint, &to, campaign_key, units);
        } else {
            tx.transfer(
                &campaign.token_program,
                &campaign.vault,
                mint,
                &to,
                campaign_key,
                units,
            );
        }
    }
}

/// Records the conversion, and counts it for the referral.
fn record(tx: &mut Tx<'_>, credit: &Credit, request: &Request, settled: u8) {
    let Credit {
        campaign, parts, ..
    } = credit;
    let [payer, referral_key, key] = [0, 3, 4].map(|i| tx.at(i));
    let [reward_referrer, reward_referee, reward_partner] = parts.units;
    let conversion = Conversion {
        version: 1,
        bump: credit.bump,
        status: if settled == ALL {
            Status::Paid
        } else {
            Status::Pending
        },
        settled,
        action: Action::ALL[usize::from(request.action)],
        bonuses: parts.bonuses,
        referral: referral_key,
        referee: credit.referee,
        rent_payer: payer,
        reference: request.reference,
        amount: request.amount,
        reward_referrer,
        reward_referee,
        reward_partner,
        converted_at: tx.now,
        hold_seconds: campaign.hold_seconds,
    };
    tx.create(&payer, &key, Account::Conversion(Box::new(conversion)));
    let mut referral = credit.referral.clone();
    referral.conversions += 1;
    match referral.rewards_total.checked_add(reward_referrer) {
        Some(total) => referral.rewards_total = total,
        None => tx.fail("a total has no room"),
    }
    referral.bonuses_paid |= parts.bonuses;
    if settled != ALL {
        referral.open_conversions += 1;
    }
    if settled & 1 == 0 {
        referral.rewards_pending = referral.rewards_pending.saturating_add(reward_referrer);
    }
    if settled & 4 == 0 {
        match referral.partner_pending.checked_add(reward_partner) {
            Some(pending) => referral.partner_pending = pending,
            None => tx.fail("a total has no room"),
        }
    }
    tx.put_referral(3, referral);
}

/// Counts the conversion for the campaign.
fn count(tx: &mut Tx<'_>, credit: &Credit, settled: u8) {
    let key = tx.at(2);
    let mut campaign = credit.campaign.clone();
    let vault = campaign.vault != SYSTEM;
    if campaign.budget == 0 && !vault {
        return;
    }
    tx.need_late(tx.writable(&key), E::CampaignNotWritable);
    let total = credit.parts.total();
    if campaign.budget != 0 {
        let committed = campaign.committed.checked_add(total);
        let within = committed.filter(|committed| *committed <= campaign.budget);
        tx.need_late(within.is_some(), E::BudgetExhausted);
        campaign.committed = within.unwrap_or(campaign.committed);
    }
    if vault {
        campaign.owed += credit.parts.sum(ALL & !settled);
    }
    tx.put_campaign(2, campaign);
}

/// Refuses when the vault lacks what the conversion earns.
fn need_funds(tx: &mut Tx<'_>, credit: &Credit, vault: Option<Pubkey>) {
    let campaign = &credit.campaign;
    if campaign.funding == Funding::Vault {
        need_vault(tx, campaign, vault);
        let balance = tx.balance(&campaign.vault, &campaign.token_program);
        let free = balance.checked_sub(campaign.owed);
        tx.need(
            free.is_some_and(|free| free >= credit.parts.total()),
            E::VaultExhausted,
        );
    }
}

fn convert(tx: &mut Tx<'_>, request: &Request) {
    let Some(credit) = credit(tx, request, false) else {
        return;
    };
    let Credit {
        campaign,
        referral,
        referee,
        parts,
        ..
    } = &credit;
    let campaign_key = tx.at(2);
    let [
        mint,
        referrer,
        program,
        referee_account,
        partner_account,
        vault,
    ] = [5, 6, 7, 12, 13, 14].map(|i| tx.given(i));
    // The token program and the referrer's account are not optional.
    let (program, referrer) = (program.or(Some(PROGRAM_ID)), referrer.or(Some(PROGRAM_ID)));
    need_funds(tx, &credit, vault);
    let people = beneficiaries(campaign, referral, referee);
    let nothing = parts.nothing();
    let mut paid = 0;
    if campaign.hold_seconds == 0 && parts.total() != 0 {
        let accounts = [referrer, referee_account, partner_account];
        let bits = payable(tx, campaign, &people, accounts, parts, ALL & !nothing);
        paid = affordable(tx, campaign, [mint, program, vault], bits, parts.total());
    }
    if !tx.is_good() {
        return;
    }
    record(tx, &credit, request, nothing | paid);
    pay(tx, &campaign_key, campaign, &people, parts, paid);
    count(tx, &credit, nothing | paid);
}

/// Moves a buyer's money.
fn spend(
    tx: &mut Tx<'_>,
    campaign: &Campaign,
    source: Option<Pubkey>,
    program: Option<Pubkey>,
    to: &Pubkey,
    amount: u64,
) {
    let buyer = tx.at(1);
    if amount == 0 {
        return;
    }
    if campaign.payment_mint == SYSTEM {
        return tx.move_lamports(&buyer, to, amount);
    }
    if let (Some(source), Some(program)) = (source, program) {
        tx.transfer(
            &program,
            &source,
            &campaign.payment_mint,
            to,
            &buyer,
            amount,
        );
    }
}

fn purchase(tx: &mut Tx<'_>, request: &Request) {
    let Some(credit) = credit(tx, request, true) else {
        return;
    };
    let Credit {
        campaign,
        referral,
        referee: buyer,
        parts,
        ..
    } = &credit;
    let [campaign_key, conversion, treasury, referrer] = [2, 4, 5, 6].map(|i| tx.at(i));
    let [
        payment_mint,
        source,
        payment_program,
        mint,
        program,
        referee_account,
        partner_account,
        vault,
    ] = [8, 9, 10, 11, 12, 14, 15, 16].map(|i| tx.given(i));
    let split = campaign.funding == Funding::PaymentSplit;
    need_funds(tx, &credit, vault);
    let people = beneficiaries(campaign, referral, buyer);
    let nothing = parts.nothing() | if split { 2 } else { 0 };
    let mut paid = 0;
    if campaign.hold_seconds == 0 && nothing != ALL {
        let accounts = [Some(referrer), referee_account, partner_account];
        paid = payable(tx, campaign, &people, accounts, parts, ALL & !nothing);
        if !split {
            paid = affordable(tx, campaign, [mint, program, vault], paid, parts.total());
        }
    }
    tx.need(treasury == campaign.treasury, E::WrongTreasury);
    if campaign.payment_mint == SYSTEM {
        tx.need(treasury != *buyer, E::WrongTreasury);
    } else {
        let all = payment_mint.is_some() && source.is_some() && payment_program.is_some();
        tx.need(all, E::MissingAccount);
        tx.need(
            payment_mint.is_none_or(|mint| mint == campaign.payment_mint),
            E::WrongPaymentMint,
        );
        let owner = payment_mint.map_or(SYSTEM, |key| match &tx.cell(&key).body {
            Body::Mint(mint) => mint.program,
            Body::Token(account) => account.program,
            _ => SYSTEM,
        });
        tx.need(
            payment_program.is_none_or(|p| is_token_program(&p) && p == owner),
            E::WrongTokenProgram,
        );
        tx.need(source != Some(treasury), E::WrongTreasury);
    }
    let settled = nothing | paid;
    let waiting = parts.sum(ALL & !settled);
    if split && waiting != 0 && campaign.vault != SYSTEM {
        // The first payment may come before this check.
        let right = vault == Some(campaign.vault);
        let made = matches!(&tx.cell(&campaign.vault).body,
            Body::Token(account) if account.program == campaign.token_program);
        tx.need_late(vault.is_some() && (made || !right), E::MissingAccount);
        tx.need_late(vault.is_none() || right, E::WrongVault);
    }
    if !tx.is_good() {
        return;
    }
    record(tx, &credit, request, settled);
    let mut spend = |to: &Pubkey, amount| spend(tx, campaign, source, payment_program, to, amount);
    if split {
        spend(&treasury, request.amount - parts.total());
        for (index, bit) in BITS.into_iter().enumerate() {
            if paid & bit != 0 {
                spend(&people[index].1, parts.units[index]);
            }
        }
        let escrow = if campaign.vault == SYSTEM {
            conversion
        } else {
            campaign.vault
        };
        spend(&escrow, waiting);
    } else {
        spend(&treasury, request.amount);
        pay(tx, &campaign_key, campaign, &people, parts, paid);
    }
    count(tx, &credit, settled);
}

fn parts_of(conversion: &Conversion) -> Parts {
    Parts {
        units: [
            conversion.reward_referrer,
            conversion.reward_referee,
            conversion.reward_partner,
        ],
        bonuses: conversion.bonuses,
    }
}

/// Takes what is no longer owed off a referral.
fn settle(referral: &mut Referral, parts: &Parts, bits: u8) {
    if bits & 1 != 0 {
        referral.rewards_pending -= parts.units[0];
    }
    if bits & 4 != 0 {
        referral.partner_pending -= parts.units[2];
    }
}

fn need_chain(
    tx: &mut Tx<'_>,
    [campaign, referral]: [usize; 2],
    of: &Referral,
    conversion: &Conversion,
) {
    tx.need(of.campaign == tx.at(campaign), E::WrongCampaign);
    tx.need(conversion.referral == tx.at(referral), E::WrongReferral);
}

fn claim(tx: &mut Tx<'_>) {
    let (mut campaign, mut referral, mut conversion) =
        (tx.campaign(0), tx.referral(1), tx.conversion(2));
    let [campaign_key, conversion_key, referrer] = [0, 2, 3].map(|i| tx.at(i));
    let [mint, program, referee_account, partner_account, vault] =
        [4, 5, 6, 7, 8].map(|i| tx.given(i));
    need_chain(tx, [0, 1], &referral, &conversion);
    tx.need(conversion.status == Status::Pending, E::NotPending);
    tx.need(
        tx.now >= conversion.converted_at + i64::from(conversion.hold_seconds),
        E::StillHeld,
    );
    if !tx.is_good() {
        return;
    }
    let parts = parts_of(&conversion);
    let people = beneficiaries(&campaign, &referral, &conversion.referee);
    let accounts = [Some(referrer), referee_account, partner_account];
    let mut paid = payable(
        tx,
        &campaign,
        &people,
        accounts,
        &parts,
        ALL & !conversion.settled,
    );
    let sol = campaign.mint == SYSTEM;
    if !sol {
        paid = affordable(tx, &campaign, [mint, program, vault], paid, parts.sum(paid));
    }
    tx.need(paid != 0, E::NothingToClaim);
    if !tx.is_good() {
        return;
    }
    settle(&mut referral, &parts, paid);
    conversion.settled |= paid;
    if conversion.settled == ALL {
        referral.open_conversions -= 1;
        conversion.status = Status::Paid;
    }
    tx.put_referral(1, referral);
    tx.put(2, Account::Conversion(Box::new(conversion)));
    if sol {
        for (index, bit) in BITS.into_iter().enumerate() {
            if paid & bit != 0 {
                tx.move_lamports(&conversion_key, &people[index].1, parts.units[index]);
            }
        }
    } else {
        pay(tx, &campaign_key, &campaign, &people, &parts, paid);
    }
    if campaign.vault != SYSTEM {
        tx.need_late(tx.writable(&campaign_key), E::CampaignNotWritable);
        campaign.owed -= parts.sum(paid);
        tx.put_campaign(0, campaign);
    }
}

fn cancel_conversion(tx: &mut Tx<'_>) {
    let (mut campaign, mut referral, mut conversion) =
        (tx.campaign(1), tx.referral(2), tx.conversion(3));
    let [authority, campaign_key, _, conversion_key] = [0, 1, 2, 3].map(|i| tx.at(i));
    let [treasury, mint, vault, program] = [4, 5, 6, 7].map(|i| tx.given(i));
    tx.need(authority == campaign.authority, E::Unauthorized);
    need_chain(tx, [1, 2], &referral, &conversion);
    tx.need(conversion.status == Status::Pending, E::NotPending);
    tx.need(
        tx.now < conversion.converted_at + i64::from(conversion.hold_seconds),
        E::HoldOver,
    );
    let parts = parts_of(&conversion);
    let open = ALL & !conversion.settled;
    let unsettled = parts.sum(open);
    let refund = campaign.funding == Funding::PaymentSplit && unsettled != 0;
    if refund {
        tx.need(treasury.is_some(), E::MissingAccount);
        tx.need(
            treasury.is_none_or(|treasury| treasury == campaign.treasury),
            E::WrongTreasury,
        );
        if campaign.mint != SYSTEM {
            need_reward_mint(tx, &campaign, mint, program);
            need_vault(tx, &campaign, vault);
        }
    }
    if !tx.is_good() {
        return;
    }
    if refund && campaign.mint == SYSTEM {
        tx.move_lamports(&conversion_key, &campaign.treasury, unsettled);
    } else if refund {
        tx.transfer(
            &campaign.token_program,
            &campaign.vault,
            &campaign.mint,
            &campaign.treasury,
            &campaign_key,
            unsettled,
        );
    }
    settle(&mut referral, &parts, open);
    referral.open_conversions -= 1;
    referral.conversions -= 1;
    referral.rewards_total -= parts.units[0];
    referral.bonuses_paid &= !conversion.bonuses;
    conversion.status = Status::Cancelled;
    tx.put_referral(2, referral);
    tx.put(3, Account::Conversion(Box::new(conversion)));
    let in_vault = campaign.vault != SYSTEM;
    if in_vault || campaign.budget != 0 {
        tx.need_late(tx.writable(&campaign_key), E::CampaignNotWritable);
        if in_vault {
            campaign.owed -= unsettled;
        }
        campaign.committed = campaign.committed.saturating_sub(unsettled);
        tx.put_campaign(1, campaign);
    }
}

/// Whether the campaign there is closed, and whether claims are over.
fn over(tx: &mut Tx<'_>, key: &Pubkey) -> (bool, bool) {
    let now = tx.now;
    match &tx.cell(key).body {
        Body::Vouch(Account::Campaign(campaign)) => {
            (campaign.closed, claims_are_over(campaign, now))
        }
        Body::Vouch(Account::Closed(closed)) if closed.campaign == *key => (true, true),
        _ => {
            tx.need(false, E::CampaignNotFound);
            (true, true)
        }
    }
}

fn reclaim_referral(tx: &mut Tx<'_>) {
    let [campaign_key, key, to] = [0, 1, 2].map(|i| tx.at(i));
    let (campaign, rent_payer, pending) = match &tx.cell(&key).body {
        Body::Vouch(Account::Referral(referral)) => (
            referral.campaign,
            referral.rent_payer,
            referral.open_conversions != 0,
        ),
        Body::Vouch(Account::Closed(closed)) if closed.campaign != key => {
            (closed.campaign, closed.rent_payer, false)
        }
        _ => return tx.need(false, E::ReferralNotFound),
    };
    tx.need(campaign == campaign_key, E::WrongCampaign);
    let (closed, claims) = over(tx, &campaign_key);
    tx.need(closed, E::CampaignNotClosed);
    tx.need(!closed || !pending || claims, E::RewardsPending);
    tx.need(rent_payer == to, E::WrongRentPayer);
    if tx.is_good() {
        tx.close_to(&key, &to);
    }
}

fn reclaim_conversion(tx: &mut Tx<'_>, once: [u8; 32]) {
    let [campaign_key, key, to] = [0, 1, 2].map(|i| tx.at(i));
    let conversion = tx.conversion(1);
    tx.need(
        conversion_at(&campaign_key, &once).0 == key,
        E::WrongCampaign,
    );
    let (closed, claims) = over(tx, &campaign_key);
    tx.need(closed, E::CampaignNotClosed);
    let pending = conversion.status == Status::Pending;
    tx.need(!closed || !pending || claims, E::RewardsPending);
    tx.need(conversion.rent_payer == to, E::WrongRentPayer);
    if tx.is_good() {
        tx.close_to(&key, &to);
    }
}

fn reclaim_referee(tx: &mut Tx<'_>) {
    let [campaign_key, key, to] = [0, 1, 2].map(|i| tx.at(i));
    let binding = match &tx.cell(&key).body {
        Body::Vouch(Account::Referee(binding)) => (**binding).clone(),
        _ => unreachable!("its type was checked"),
    };
    tx.need(binding.campaign == campaign_key, E::WrongCampaign);
    if tx.now < binding.expires_at {
        let (closed, _) = over(tx, &campaign_key);
        tx.need(closed, E::CampaignNotClosed);
    }
    tx.need(binding.rent_payer == to, E::WrongRentPayer);
    if tx.is_good() {
        tx.close_to(&key, &to);
    }
}
