//! The expected behaviour of every instruction, from the contract.

use borsh::BorshDeserialize;
use solana_sdk::pubkey::Pubkey;
use vouch_client::{PROGRAM_ID, ProgramError as E};

use crate::{
    model::{
        ATTESTATIONS, Body, FEE, INSTRUCTIONS, METADATA_POINTER, Reason, SYSTEM, TOKEN, TOKEN_2022,
        Tx, associated, derive, keyed, seeded, sha256,
    },
    rules::{self, Parts, Tokens},
    state::{
        ATTESTED, Account, Binding, Bonus, CANCELLED, Campaign, Closed, Conversion, FIXED, MINTED,
        ORDER, PAID, PAYMENT, PENDING, Referral, Referrer, Revoked, SPLIT, Settings, Terms, VAULT,
        WALLET, WALLET_AND_CODE,
    },
    step::Meta,
};

/// 7 days.
pub const PARTNER_NOTICE: i64 = 604_800;
/// 30 days.
pub const CLAIM_PERIOD: i64 = 2_592_000;
/// Seconds that a voucher may be issued in the future, because clocks differ.
const CLOCK_SKEW: i64 = 300;
/// Bits of the parts of referrer, referee and partner.
const BITS: [u8; 3] = [1, 2, 4];
const ALL: u8 = 7;
/// The framework's reason when an account must be writable and is not.
const READ_ONLY: &str = "an account is read-only";
const TWICE: &str = "an account is there twice";

/// An instruction's name, and the requirements of its accounts: `s` signs, `w` is
/// written, `d` may repeat another account, `u` must not, `o` may be absent. Types: `C`
/// campaign, `R` referral, `V` conversion, `B` binding, `F` referrer, `X` revocation, `P`
/// the System program.
pub type Spec = (&'static str, &'static [&'static str]);

/// The number of accounts that an instruction requires, if some are optional. The
/// optional accounts follow; a call that does not give all of them gives none.
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
pub const SPECS: [Spec; 29] = [
    ("create_campaign", &["swd", "s", "w", "", "", "", "o", "P"]),
    ("update_campaign", &["s", "wC"]),
    ("set_paused", &["s", "wC"]),
    ("propose_authority", &["s", "wC"]),
    ("accept_authority", &["s", "wC"]),
    ("close_campaign", &["s", "wC"]),
    ("reclaim_campaign", &["s", "wC", "d", "wo", "wo", "wo", "o"]),
    ("fund_vault", &["s", "C", "", "w", "w", ""]),
    ("withdraw_vault", &["s", "C", "", "w", "w", ""]),
    ("set_suspended", &["s", "C", "wR"]),
    ("register_referrer", &["swd", "s", "C", "w", "P"]),
    ("create_referral", &["swd", "s", "C", "w", "so", "oF", "P"]),
    ("update_referral", &["s", "wR"]),
    ("set_partner", &["s", "s", "C", "wR"]),
    ("end_partnership", &["s", "wR"]),
    ("propose_owner", &["s", "wR"]),
    ("accept_owner", &["s", "C", "wR", "oF"]),
    ("close_referral", &["s", "wR", "d"]),
    ("bind", &["swd", "s", "C", "R", "w", "o", "oF", "P"]),
    (
        "convert",
        &[
            "swd", "s", "C", "wR", "w", "o", "u", "", "P", "so", "o", "o", "oB", "woF", "o", "wo",
            "wo", "wo",
        ],
    ),
    (
        "purchase",
        &[
            "swd", "swd", "C", "wR", "w", "wd", "d", "P", "o", "wdo", "o", "o", "o", "oB", "woF",
            "o", "wdo", "wdo", "wdo",
        ],
    ),
    (
        "claim",
        &["C", "wR", "wV", "d", "o", "o", "wdo", "wdo", "wo"],
    ),
    (
        "cancel_conversion",
        &["s", "C", "wR", "wV", "woF", "wdo", "o", "wdo", "o"],
    ),
    ("revoke_voucher", &["swd", "s", "C", "w", "P"]),
    ("reclaim_voucher", &["wX", "w"]),
    ("reclaim_referral", &["", "w", "w"]),
    ("reclaim_conversion", &["", "wV", "d", "od"]),
    ("reclaim_binding", &["", "wB", "w"]),
    ("reclaim_referrer", &["", "wF", "w"]),
];

/// First eight bytes of the instruction with this name.
#[must_use]
pub fn discriminator(name: &str) -> [u8; 8] {
    let hash = sha256(&[b"global:", name.as_bytes()]);
    *hash.first_chunk().expect("32 bytes")
}

/// The index in [`SPECS`] of the instruction that this data calls.
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

/// Address of a referral.
#[must_use]
pub fn referral_at(campaign: &Pubkey, code: &[u8; 12]) -> Pubkey {
    let end = code
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    seeded(campaign, &code[..end])
}

/// Address of a binding.
#[must_use]
pub fn binding_at(campaign: &Pubkey, wallet: &Pubkey) -> Pubkey {
    keyed(campaign, &sha256(&[b"binding", wallet.as_ref()]))
}

/// Address of an owner's referrer account.
#[must_use]
pub fn referrer_at(campaign: &Pubkey, owner: &Pubkey) -> Pubkey {
    keyed(campaign, &sha256(&[b"referrer", owner.as_ref()]))
}

/// Address of the revocation of the voucher whose message has this hash.
#[must_use]
pub fn revocation_at(campaign: &Pubkey, digest: &[u8; 32]) -> Pubkey {
    keyed(campaign, &sha256(&[b"revoked", digest]))
}

/// The key of the conversion: what the campaign counts once.
#[must_use]
pub fn key_of(
    campaign: &Campaign,
    referee: &Pubkey,
    referral: &Pubkey,
    reference: &[u8; 32],
) -> [u8; 32] {
    match (campaign.uniqueness, campaign.proof) {
        (WALLET, _) => referee.to_bytes(),
        (WALLET_AND_CODE, _) => sha256(&[referee.as_ref(), referral.as_ref()]),
        (_, PAYMENT) => sha256(&[referee.as_ref(), reference]),
        _ => sha256(&[reference]),
    }
}

/// The account that receives `owner`'s rewards, and its bump.
#[must_use]
pub fn reward_account(campaign: &Campaign, owner: &Pubkey) -> (Pubkey, u8) {
    if campaign.pays_sol() {
        (*owner, 0)
    } else {
        associated(owner, &campaign.mint, &campaign.token_program)
    }
}

/// The statement of a voucher.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the contract's fields")]
pub struct Statement {
    pub campaign: Pubkey,
    pub campaign_created_at: i64,
    pub referral: Pubkey,
    pub referee: Pubkey,
    pub action: u8,
    pub amount: u64,
    pub reference: [u8; 32],
    pub issued_at: i64,
    pub expires_at: i64,
}

impl Statement {
    /// The message that the attestor signs.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut message = b"vouch:conversion".to_vec();
        message.extend(PROGRAM_ID.as_ref());
        message.extend(self.campaign.as_ref());
        message.extend(self.campaign_created_at.to_le_bytes());
        message.extend(self.referral.as_ref());
        message.extend(self.referee.as_ref());
        message.push(self.action);
        message.extend(self.amount.to_le_bytes());
        message.extend(self.reference);
        message.extend(self.issued_at.to_le_bytes());
        message.extend(self.expires_at.to_le_bytes());
        message
    }

    /// Data of the Ed25519 instruction with this voucher, signed by `attestor`.
    #[must_use]
    pub fn signed(&self, attestor: &Pubkey) -> Vec<u8> {
        let message = self.message();
        let mut data = vec![1, 0];
        let len = u16::try_from(message.len()).expect("a short message");
        for offset in [48, 0xffff, 16, 0xffff, 112, len, 0xffff] {
            data.extend(offset.to_le_bytes());
        }
        data.extend(attestor.as_ref());
        data.extend([0; 64]);
        data.extend(message);
        data
    }
}

fn is_token_program(program: &Pubkey) -> bool {
    *program == TOKEN || *program == TOKEN_2022
}

/// Predicts a call: its effects and refusals go into `tx`.
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
        "set_partner" => {
            let (share_bps, fixed) = args!();
            set_partner(tx, share_bps, fixed);
        }
        "end_partnership" => end_partnership(tx),
        "register_referrer" => register_referrer(tx),
        "propose_owner" => propose_owner(tx, args!()),
        "accept_owner" => accept_owner(tx),
        "close_referral" => close_referral(tx),
        "bind" => bind(tx, args!()),
        "convert" => convert(tx, &args!()),
        "purchase" => {
            let (request, max_payment) = args!();
            purchase(tx, &request, max_payment);
        }
        "revoke_voucher" => {
            let (digest, expires_at) = args!();
            revoke_voucher(tx, digest, expires_at);
        }
        "reclaim_voucher" => reclaim_voucher(tx),
        "claim" => claim(tx),
        "cancel_conversion" => cancel_conversion(tx),
        "reclaim_referral" => reclaim_referral(tx),
        "reclaim_conversion" => reclaim_conversion(tx, args!()),
        "reclaim_binding" => reclaim_binding(tx),
        _ => reclaim_referrer(tx),
    }
}

/// The framework's checks, which come before the program's.
fn check_accounts(tx: &mut Tx<'_>, name: &str, spec: &[&str]) -> bool {
    let declared = declared(name).unwrap_or(spec.len());
    if tx.metas.len() < declared {
        tx.fail("too few accounts");
        return false;
    }
    let all = tx.metas.len() >= spec.len();
    tx.visible = if all { spec.len() } else { declared };
    check_each(tx, spec, 0..tx.visible);
    // Accounts behind the declared ones may not be theirs, even where nothing reads them.
    for (index, flags) in spec.iter().enumerate().take(tx.visible) {
        let strict = flags.contains('w') && !flags.contains('d') || flags.contains('u');
        let again = |meta: &Meta| meta.key == tx.metas[index].key;
        if strict && tx.metas.iter().skip(tx.visible).any(again) {
            tx.may_need(false, Reason::Elsewhere(TWICE));
        }
    }
    tx.is_good()
}

/// The framework's checks of these accounts. For an optional account, the contract states
/// the requirements if it is needed, and none if it is not.
fn check_each(tx: &mut Tx<'_>, spec: &[&str], range: std::ops::Range<usize>) {
    let metas = &tx.metas[..range.end];
    for index in range {
        let (meta, flags) = (metas[index], spec[index]);
        let key = meta.key;
        let optional = flags.contains('o');
        if optional && key == PROGRAM_ID {
            continue;
        }
        let mut wrong: Vec<Reason> = Vec::new();
        if flags.contains('s') && !tx.signs(&key) {
            wrong.push(Reason::Elsewhere("a signature is missing"));
        }
        if flags.contains('w') && !tx.writable(&key) {
            wrong.push(Reason::Elsewhere(READ_ONLY));
        }
        let mut others = metas.iter().enumerate();
        let twice = others.any(|(other, meta)| other != index && meta.key == key);
        let strict = flags.contains('w') && !flags.contains('d') || flags.contains('u');
        if twice && strict {
            let trails = metas.iter().zip(spec).skip(index + 1);
            let trails = trails.filter(|(meta, _)| meta.key == key);
            if trails.clone().all(|(_, flags)| flags.contains('o')) && trails.count() != 0 {
                tx.may_need(false, Reason::Elsewhere(TWICE));
            } else {
                wrong.push(Reason::Elsewhere(TWICE));
            }
        }
        let account = match &tx.cell(&key).body {
            Body::Vouch(account) => Some(account),
            _ => None,
        };
        for flag in flags.chars() {
            let error = match (flag, account) {
                ('C', Some(Account::Campaign(_)))
                | ('R', Some(Account::Referral(_)))
                | ('V', Some(Account::Conversion(_)))
                | ('B', Some(Account::Binding(_)))
                | ('F', Some(Account::Referrer(_)))
                | ('X', Some(Account::Revoked(_))) => continue,
                ('C', _) => E::CampaignNotFound,
                ('R', _) => E::ReferralNotFound,
                ('V', _) => E::ConversionNotFound,
                ('B', _) => E::BindingNotFound,
                ('F', _) => E::ReferrerNotFound,
                ('X', _) => E::RevocationNotFound,
                ('P', _) if key != SYSTEM => {
                    wrong.push(Reason::Elsewhere("not the System program"));
                    continue;
                }
                _ => continue,
            };
            wrong.push(error.into());
        }
        for reason in wrong {
            if optional {
                tx.may_need(false, reason);
            } else {
                tx.or(true, reason);
            }
        }
    }
}

/// The accounts by position.
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

    /// The referrer account at this address, if it is one.
    fn referrer(&self, key: &Pubkey) -> Option<Referrer> {
        match &self.cell(key).body {
            Body::Vouch(Account::Referrer(referrer)) => Some((**referrer).clone()),
            _ => None,
        }
    }

    /// Refuses unless the transaction may write the wallet at this place, or it is a
    /// program: the runtime makes that read-only.
    fn need_writable_wallet(&mut self, index: usize) {
        let key = self.at(index);
        if !self.cell(&key).is_program() {
            self.need_writable(&key);
        }
    }

    /// Refuses unless the transaction may write the account.
    fn need_writable(&mut self, key: &Pubkey) {
        if !self.writable(key) {
            self.fail(READ_ONLY);
        }
    }

    /// Refuses and returns `None` unless the owner's referrer account is given.
    fn need_referrer(
        &mut self,
        given: Option<Pubkey>,
        campaign: &Pubkey,
        owner: &Pubkey,
    ) -> Option<Referrer> {
        let Some(key) = given else {
            self.need(false, E::MissingAccount);
            return None;
        };
        self.need(key == referrer_at(campaign, owner), E::WrongReferrer);
        let found = self.referrer(&key);
        self.need(found.is_some(), E::ReferrerNotFound);
        found.filter(|_| self.is_good())
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

    /// Base units of the token account; 0 if it is not one of this program.
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

    fn leave_closed(
        &mut self,
        key: &Pubkey,
        campaign: Pubkey,
        rent_payer: Pubkey,
        treasury: Pubkey,
    ) {
        let closed = Closed {
            version: 1,
            campaign,
            rent_payer,
            treasury,
        };
        // A program cannot take the rent: it stays.
        if !self.cell(&rent_payer).is_program() {
            let kept = self.rent(105);
            let rest = self.cell(key).lamports.saturating_sub(kept);
            self.move_lamports(key, &rent_payer, rest);
        }
        self.cell_mut(key).body = Body::Vouch(Account::Closed(Box::new(closed)));
    }

    fn need_settings(
        &mut self,
        terms: &Terms,
        tokens: Tokens,
        settings: &Settings,
        committed: u64,
    ) {
        for error in rules::wrong(terms, tokens, settings, committed) {
            match error {
                Some(error) => self.need(false, error),
                None => self.fail("a flag is neither 0 nor 1"),
            }
        }
    }
}

/// Positions of these bonuses in the register; new bonuses are added to it. `None` if it
/// is full.
fn places(offered: &mut [Bonus; 32], bonuses: &[Bonus; 4]) -> Option<[u8; 4]> {
    let mut places = [0; 4];
    for (place, bonus) in places.iter_mut().zip(bonuses) {
        if *bonus == Bonus::default() {
            continue;
        }
        let known = offered.iter().position(|known| known == bonus);
        let free = || offered.iter().position(|known| *known == Bonus::default());
        let index = known.or_else(free)?;
        offered[index] = *bonus;
        *place = u8::try_from(index).ok()?;
    }
    Some(places)
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

fn create_campaign(tx: &mut Tx<'_>, id: u64, terms: Terms, settings: &Settings) {
    let [payer, creator, key, mint, payment_mint, token_program] =
        [0, 1, 2, 3, 4, 5].map(|i| tx.at(i));
    let given_vault = tx.given(6);
    let (address, bump) = campaign_at(&creator, id);
    if key != address {
        return tx.fail("not the campaign's address");
    }
    tx.need(!tx.cell(&key).is_ours(), E::CampaignExists);
    let tokens = Tokens { mint, payment_mint };
    tx.need_settings(&terms, tokens, settings, 0);
    tx.need(
        settings.ends_at == 0 || settings.ends_at > tx.now,
        E::InvalidSchedule,
    );
    let (split, paid) = (terms.funding == SPLIT, terms.proof == PAYMENT);
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
            if terms.funding == MINTED {
                tx.need(facts.authority == Some(address), E::MintAuthorityMismatch);
                let least = if settings.reward_kind == FIXED {
                    settings.reward_fixed
                } else {
                    1
                };
                tx.need(facts.supply.checked_add(least).is_some(), E::InvalidReward);
            }
        }
        if terms.funding != MINTED {
            vault = associated(&address, &mint, &token_program).0;
            tx.need(given_vault.is_some(), E::MissingAccount);
            tx.need(
                given_vault.is_none_or(|given| given == vault),
                E::WrongVault,
            );
            let made = matches!(&tx.cell(&vault).body,
                Body::Token(account) if account.program == token_program);
            tx.need(made, E::VaultMissing);
        }
    }
    let mut offered = [Bonus::default(); 32];
    let bonus_places = places(&mut offered, &settings.bonuses).unwrap_or_default();
    let least_margin = rules::margin(&terms, tokens, settings);
    tx.need(
        rules::bonuses_are_paid_for(&offered, least_margin),
        E::InvalidBonuses,
    );
    if !tx.is_good() {
        return;
    }
    let campaign = Campaign {
        version: 1,
        bump,
        funding: terms.funding,
        proof: terms.proof,
        uniqueness: terms.uniqueness,
        per_owner: terms.per_owner,
        paused: 0,
        closed: 0,
        mint_decimals,
        notice_seconds: terms.notice_seconds,
        creator,
        id,
        authority: creator,
        pending_authority: SYSTEM,
        mint,
        token_program,
        vault,
        payment_mint,
        rent_payer: payer,
        created_at: tx.now,
        closed_at: 0,
        longest_hold: settings.hold_seconds,
        least_margin,
        committed: 0,
        owed: 0,
        settings: *settings,
        bonus_places,
        next_from: 0,
        next: Settings::default(),
        next_bonus_places: [0; 4],
        offered,
        reserved: [0; 56],
    };
    tx.create(&payer, &key, Account::Campaign(Box::new(campaign)));
}

/// Discards the announced settings.
fn nothing_next(campaign: &mut Campaign) {
    campaign.next_from = 0;
    campaign.next = Settings::default();
    campaign.next_bonus_places = [0; 4];
}

fn update_campaign(tx: &mut Tx<'_>, new: &Settings) {
    let mut campaign = tx.campaign(1);
    tx.need(tx.at(0) == campaign.authority, E::Unauthorized);
    tx.need(campaign.closed == 0, E::CampaignClosed);
    if campaign.next_from != 0 && tx.now >= campaign.next_from {
        campaign.settings = campaign.next;
        campaign.bonus_places = campaign.next_bonus_places;
        nothing_next(&mut campaign);
    }
    let old = campaign.settings;
    let ends_at = new.ends_at;
    tx.need(
        ends_at == 0 || ends_at > tx.now || ends_at == old.ends_at,
        E::InvalidSchedule,
    );
    let terms = campaign.terms();
    let tokens = Tokens {
        mint: campaign.mint,
        payment_mint: campaign.payment_mint,
    };
    tx.need_settings(&terms, tokens, new, campaign.committed);
    let cut = rules::is_cut(&old, new, &campaign.offered, tx.now);
    let places = places(&mut campaign.offered, &new.bonuses);
    tx.need(places.is_some(), E::TooManyBonuses);
    campaign.least_margin = campaign
        .least_margin
        .min(rules::margin(&terms, tokens, new));
    tx.need(
        rules::bonuses_are_paid_for(&campaign.offered, campaign.least_margin),
        E::InvalidBonuses,
    );
    let Some(places) = places.filter(|_| tx.is_good()) else {
        return;
    };
    campaign.longest_hold = campaign.longest_hold.max(new.hold_seconds);
    if campaign.notice_seconds != 0 && cut {
        campaign.next = *new;
        campaign.next_bonus_places = places;
        campaign.next_from = tx.now + i64::from(campaign.notice_seconds);
        campaign.settings.budget = new.budget;
        campaign.settings.attested_codes = new.attested_codes;
        campaign.settings.attestor = new.attestor;
        campaign.settings.treasury = new.treasury;
    } else {
        campaign.settings = *new;
        campaign.bonus_places = places;
        nothing_next(&mut campaign);
    }
    tx.put_campaign(1, campaign);
}

/// A change of a campaign by its authority.
fn by_authority(tx: &mut Tx<'_>, also_closed: bool, change: impl FnOnce(&mut Campaign, i64)) {
    let mut campaign = tx.campaign(1);
    tx.need(tx.at(0) == campaign.authority, E::Unauthorized);
    tx.need(also_closed || campaign.closed == 0, E::CampaignClosed);
    if tx.is_good() {
        change(&mut campaign, tx.now);
        tx.put_campaign(1, campaign);
    }
}

fn set_paused(tx: &mut Tx<'_>, paused: u8) {
    if paused > 1 {
        return tx.fail("a flag is neither 0 nor 1");
    }
    by_authority(tx, false, |campaign, _| campaign.paused = paused);
}

fn propose_authority(tx: &mut Tx<'_>, new: [u8; 32]) {
    by_authority(tx, true, |campaign, _| {
        campaign.pending_authority = new.into();
    });
}

fn accept_authority(tx: &mut Tx<'_>) {
    let mut campaign = tx.campaign(1);
    tx.need(
        tx.at(0) == campaign.pending_authority,
        E::NotPendingAuthority,
    );
    if tx.is_good() {
        campaign.authority = tx.at(0);
        campaign.pending_authority = SYSTEM;
        tx.put_campaign(1, campaign);
    }
}

fn close_campaign(tx: &mut Tx<'_>) {
    let mut campaign = tx.campaign(1);
    let ends_at = campaign.in_force(tx.now).ends_at;
    let last = ends_at.max(campaign.next_from);
    let abandoned = ends_at != 0 && tx.now >= last.saturating_add(CLAIM_PERIOD);
    tx.need(tx.at(0) == campaign.authority || abandoned, E::Unauthorized);
    tx.need(campaign.closed == 0, E::CampaignClosed);
    if tx.is_good() {
        campaign.closed = 1;
        campaign.closed_at = tx.now;
        tx.put_campaign(1, campaign);
    }
}

fn claims_are_over(campaign: &Campaign, now: i64) -> bool {
    let last = campaign.closed_at + i64::from(campaign.longest_hold) + CLAIM_PERIOD;
    campaign.closed != 0 && now >= last
}

fn reclaim_campaign(tx: &mut Tx<'_>) {
    let campaign = tx.campaign(1);
    let key = tx.at(1);
    let [mint, vault, destination, program] = [3, 4, 5, 6].map(|i| tx.given(i));
    tx.need(tx.at(0) == campaign.authority, E::Unauthorized);
    tx.need(campaign.closed != 0, E::CampaignNotClosed);
    tx.need(
        campaign.closed == 0 || claims_are_over(&campaign, tx.now),
        E::ClaimPeriodOpen,
    );
    tx.need(tx.at(2) == campaign.rent_payer, E::WrongRentPayer);
    tx.need_writable_wallet(2);
    let mints = campaign.funding == MINTED;
    let mut vault_is_there = false;
    if campaign.has_vault() {
        need_vault(tx, &campaign, vault);
        vault_is_there = matches!(&tx.cell(&campaign.vault).body,
            Body::Token(account) if account.program == campaign.token_program);
    }
    if mints || vault_is_there {
        need_reward_mint(tx, &campaign, mint, program);
    }
    if mints {
        tx.need_writable(&campaign.mint);
    }
    if vault_is_there {
        tx.need_writable(&campaign.vault);
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
        // A program cannot take the rent: the empty vault stays.
        if !tx.cell(&campaign.rent_payer).is_program() {
            if let Body::Token(vault) = &tx.cell(&campaign.vault).body
                && (vault.amount != 0 || vault.withheld.unwrap_or(0) != 0)
            {
                tx.fail("the vault is not empty");
            }
            tx.close_to(&campaign.vault, &campaign.rent_payer);
        }
    }
    let treasury = if campaign.pays_sol() {
        campaign.in_force(tx.now).treasury
    } else {
        SYSTEM
    };
    tx.leave_closed(&key, key, campaign.rent_payer, treasury);
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
    tx.need(campaign.funding == VAULT, E::NoVault);
    tx.need(campaign.closed == 0, E::CampaignClosed);
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
    tx.need(campaign.has_vault(), E::NoVault);
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

fn set_suspended(tx: &mut Tx<'_>, suspended: u8) {
    if suspended > 1 {
        return tx.fail("a flag is neither 0 nor 1");
    }
    let (campaign, mut referral) = (tx.campaign(1), tx.referral(2));
    tx.need(tx.at(0) == campaign.authority, E::Unauthorized);
    tx.need(referral.campaign == tx.at(1), E::WrongCampaign);
    if tx.is_good() {
        referral.suspended = suspended;
        tx.put_referral(2, referral);
    }
}

fn register_referrer(tx: &mut Tx<'_>) {
    let campaign = tx.campaign(2);
    let [payer, owner, campaign_key, key] = [0, 1, 2, 3].map(|i| tx.at(i));
    tx.need(campaign.per_owner == 1, E::NotPerOwner);
    tx.may_need(campaign.closed == 0, E::CampaignClosed);
    let address = referrer_at(&campaign_key, &owner);
    if key != address {
        tx.fail("not the referrer's address");
    }
    tx.need(!tx.cell(&key).is_ours(), E::ReferrerExists);
    if !tx.is_good() {
        return;
    }
    let referrer = Referrer {
        version: 1,
        campaign: campaign_key,
        owner,
        rent_payer: payer,
        conversions: 0,
        bonuses_paid: 0,
    };
    tx.create(&payer, &key, Account::Referrer(Box::new(referrer)));
}

fn create_referral(tx: &mut Tx<'_>, code: [u8; 12], usage_limit: u64, expires_at: i64) {
    let campaign = tx.campaign(2);
    let [payer, owner, campaign_key, key] = [0, 1, 2, 3].map(|i| tx.at(i));
    let (attestor, referrer) = (tx.given(4), tx.given(5));
    let address = referral_at(&campaign_key, &code);
    let code_len = rules::code_len(&code);
    tx.need(code_len.is_some(), E::InvalidCode);
    if key != address {
        tx.fail("not the referral's address");
    }
    tx.need(campaign.closed == 0, E::CampaignClosed);
    let settings = *campaign.in_force(tx.now);
    if settings.attested_codes == 1 {
        tx.need(attestor.is_some(), E::AttestationRequired);
        if let Some(attestor) = attestor {
            tx.need(attestor == settings.attestor, E::WrongAttestor);
            if !tx.signs(&attestor) {
                tx.fail("a signature is missing");
            }
        }
    }
    if campaign.per_owner == 1 {
        tx.need_referrer(referrer, &campaign_key, &owner);
    }
    tx.need(expires_at == 0 || expires_at > tx.now, E::InvalidExpiry);
    tx.need(!tx.cell(&key).is_ours(), E::CodeTaken);
    if !tx.is_good() {
        return;
    }
    let referral = Referral {
        version: 1,
        code_len: code_len.unwrap_or(0),
        active: 1,
        suspended: 0,
        partner_account_bump: 0,
        partner_share_bps: 0,
        partner_fixed: 0,
        partner_ends_at: 0,
        bonuses_paid: 0,
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
        held_until: 0,
        reserved: [0; 8],
    };
    tx.create(&payer, &key, Account::Referral(Box::new(referral)));
}

fn update_referral(tx: &mut Tx<'_>, active: u8, usage_limit: u64, expires_at: i64) {
    if active > 1 {
        return tx.fail("a flag is neither 0 nor 1");
    }
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

fn set_partner(tx: &mut Tx<'_>, share_bps: u16, fixed: u64) {
    let (campaign, mut referral) = (tx.campaign(2), tx.referral(3));
    let partner = tx.at(1);
    let settings = *campaign.in_force(tx.now);
    tx.need(referral.campaign == tx.at(2), E::WrongCampaign);
    tx.need(tx.at(0) == referral.owner, E::NotReferralOwner);
    let another = referral.partner != SYSTEM && referral.partner != partner;
    let ended = referral.partner_ends_at != 0 && tx.now >= referral.partner_ends_at;
    tx.need(!another || ended, E::PartnerExists);
    // A former partner who is still owed something blocks a new one.
    let owed = another && ended && referral.partner_pending != 0;
    tx.need(!owed, E::PartnerExists);
    tx.or(owed, E::RewardsPending);
    let agreed = match (share_bps, fixed) {
        (0, fixed) => fixed > 0 && fixed <= settings.max_partner_fixed,
        (bps, 0) => bps <= settings.max_partner_share_bps,
        _ => false,
    };
    tx.need(partner != referral.owner && agreed, E::InvalidPartner);
    if tx.is_good() {
        referral.partner = partner;
        referral.partner_share_bps = share_bps;
        referral.partner_fixed = fixed;
        referral.partner_ends_at = 0;
        referral.partner_account_bump = reward_account(&campaign, &partner).1;
        tx.put_referral(3, referral);
    }
}

fn end_partnership(tx: &mut Tx<'_>) {
    let mut referral = tx.referral(1);
    let party = tx.at(0);
    let by_partner = party == referral.partner;
    tx.need(
        referral.partner != SYSTEM && (by_partner || party == referral.owner),
        E::NotPartner,
    );
    let owed = referral.partner_pending != 0;
    let ends_at = referral.partner_ends_at;
    let ended = ends_at != 0 && tx.now >= ends_at;
    tx.need(!(ended && owed), E::RewardsPending);
    if !tx.is_good() {
        return;
    }
    if !owed && (by_partner || ended) {
        referral.partner = SYSTEM;
        referral.partner_share_bps = 0;
        referral.partner_fixed = 0;
        referral.partner_ends_at = 0;
        referral.partner_account_bump = 0;
    } else if by_partner {
        referral.partner_ends_at = tx.now;
    } else if ends_at == 0 {
        referral.partner_ends_at = tx.now + PARTNER_NOTICE;
    }
    tx.put_referral(1, referral);
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
    let campaign_key = tx.at(1);
    tx.need(referral.campaign == campaign_key, E::WrongCampaign);
    tx.need(referral.pending_owner == new, E::NotPendingOwner);
    tx.need(referral.partner != new, E::InvalidPartner);
    if campaign.per_owner == 1 {
        tx.need(tx.now >= referral.held_until, E::RewardsPending);
        tx.need_referrer(tx.given(3), &campaign_key, &new);
    }
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
    tx.need_writable_wallet(2);
    if tx.is_good() {
        tx.leave_closed(&key, referral.campaign, referral.rent_payer, SYSTEM);
    }
}

/// Whether this referral's own state lets it earn now.
fn can_earn(referral: &Referral, now: i64) -> bool {
    referral.active == 1
        && referral.suspended == 0
        && (referral.expires_at == 0 || now < referral.expires_at)
        && (referral.usage_limit == 0 || referral.conversions < referral.usage_limit)
}

/// Refuses unless campaign and referral allow `wallet` to be bound now.
fn need_open(
    tx: &mut Tx<'_>,
    campaign: &Campaign,
    key: &Pubkey,
    referral: &Referral,
    wallet: &Pubkey,
    code: &[u8; 12],
) {
    let now = tx.now;
    let settings = campaign.in_force(now);
    tx.need(referral.campaign == *key, E::WrongCampaign);
    tx.need(referral.code == *code, E::CodeMismatch);
    tx.need(
        referral.owner != *wallet && referral.partner != *wallet,
        E::SelfReferral,
    );
    tx.need(campaign.closed == 0, E::CampaignClosed);
    tx.need(campaign.paused == 0, E::CampaignPaused);
    tx.need(now >= settings.starts_at, E::CampaignNotStarted);
    tx.need(
        settings.ends_at == 0 || now < settings.ends_at,
        E::CampaignEnded,
    );
    tx.need(
        referral.active == 1 && referral.suspended == 0,
        E::ReferralInactive,
    );
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
    if key != binding_at(&campaign_key, &wallet) {
        tx.fail("not the binding's address");
        tx.or(tx.cell(&key).is_ours(), E::BindingNotFound);
    }
    let window = campaign.in_force(tx.now).attribution_window;
    need_open(tx, &campaign, &campaign_key, &referral, &wallet, &code);
    tx.need(window != 0, E::BindingNotNeeded);
    let old = match &tx.cell(&key).body {
        Body::Vouch(Account::Binding(old)) => Some((**old).clone()),
        _ => None,
    };
    tx.need(
        old.is_some() || !tx.cell(&key).is_ours(),
        E::BindingNotFound,
    );
    if let Some(old) = old.as_ref().filter(|old| tx.now < old.expires_at) {
        // The wallet is bound anew only if its present code cannot earn.
        let named = tx.given(5).filter(|given| *given == old.referral);
        let limit = campaign.in_force(tx.now).owner_limit;
        let stuck = named.is_some_and(|named| match &tx.cell(&named).body {
            Body::Vouch(Account::Referral(bound)) => {
                let its = referrer_at(&campaign_key, &bound.owner);
                let owner = tx.given(6).filter(|given| *given == its);
                let counted = owner.and_then(|key| tx.referrer(&key));
                let full = limit != 0 && counted.is_some_and(|it| it.conversions >= limit);
                !can_earn(bound, tx.now) || full
            }
            _ => true,
        });
        tx.need(stuck, E::AlreadyBound);
        tx.or(
            !stuck && tx.given(5).is_some() && named.is_none(),
            E::WrongReferral,
        );
    }
    if !tx.is_good() {
        return;
    }
    let binding = Binding {
        version: 1,
        campaign: campaign_key,
        wallet,
        referral: referral_key,
        rent_payer: old.as_ref().map_or(payer, |old| old.rent_payer),
        bound_at: tx.now,
        expires_at: tx.now + i64::from(window),
    };
    let account = Account::Binding(Box::new(binding));
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

/// Optional accounts of `convert` and `purchase`.
struct Optional {
    binding: Option<Pubkey>,
    referrer: Option<Pubkey>,
    credential: Option<Pubkey>,
}

/// Results of the checks that `convert` and `purchase` share.
struct Credit {
    campaign: Campaign,
    settings: Settings,
    referral: Referral,
    /// The owner's referrer account, if the campaign counts per owner.
    referrer: Option<(Pubkey, Referrer)>,
    referee: Pubkey,
    parts: Parts,
}

/// The checks that `convert` and `purchase` share. Accounts 1 to 4 are the same in both.
fn credit(
    tx: &mut Tx<'_>,
    request: &Request,
    payment: bool,
    optional: &Optional,
) -> Option<Credit> {
    let (campaign, referral) = (tx.campaign(2), tx.referral(3));
    let [referee, campaign_key, referral_key, key] = [1, 2, 3, 4].map(|i| tx.at(i));
    let settings = *campaign.in_force(tx.now);
    need_open(
        tx,
        &campaign,
        &campaign_key,
        &referral,
        &referee,
        &request.code,
    );
    tx.need(request.action <= 8, E::InvalidAction);
    let paid = campaign.proof == PAYMENT;
    tx.need(!paid || payment, E::PaymentRequired);
    tx.need(paid || !payment, E::PaymentNotAccepted);
    tx.need(request.amount >= settings.min_amount, E::AmountTooSmall);
    tx.need(!payment || request.amount > 0, E::AmountTooSmall);
    if settings.attribution_window != 0 {
        need_bound(tx, optional.binding, &campaign_key, &referral_key, &referee);
    }
    if settings.gate_credential != SYSTEM {
        need_credential(tx, optional.credential, &settings, &referee);
    }
    if !payment && campaign.proof == ATTESTED {
        need_attested(tx, &campaign, &settings, request);
    }
    let mut referrer = None;
    if campaign.per_owner == 1 {
        let found = tx.need_referrer(optional.referrer, &campaign_key, &referral.owner);
        let its = optional.referrer.and_then(|key| tx.referrer(&key));
        let limit = settings.owner_limit;
        tx.need(
            limit == 0 || its.is_none_or(|it| it.conversions < limit),
            E::OwnerLimitReached,
        );
        referrer = optional.referrer.zip(found);
    }
    tx.need(
        campaign.uniqueness != ORDER || request.reference != [0; 32],
        E::MissingReference,
    );
    let once = key_of(&campaign, &referee, &referral_key, &request.reference);
    let address = keyed(&campaign_key, &once);
    // The System program refuses this at the end.
    if key != address {
        tx.fail_late("not the conversion's address");
    }
    tx.need(!tx.cell(&key).is_ours(), E::AlreadyConverted);
    if !tx.is_good() {
        return None;
    }
    let counted = match &referrer {
        Some((_, referrer)) => (referrer.conversions, referrer.bonuses_paid),
        None => (referral.conversions, referral.bonuses_paid),
    };
    let parts = rules::next_reward(&campaign, &referral, counted, request.amount, tx.now);
    if let Some((key, _)) = &referrer {
        let key = *key;
        if parts.total() != 0 {
            tx.need_writable(&key);
        } else {
            tx.may_need(tx.writable(&key), Reason::Elsewhere(READ_ONLY));
        }
    }
    Some(Credit {
        parts,
        campaign,
        settings,
        referral,
        referrer,
        referee,
    })
}

/// Refuses unless the referee is bound to this referral.
fn need_bound(
    tx: &mut Tx<'_>,
    given: Option<Pubkey>,
    campaign: &Pubkey,
    referral: &Pubkey,
    referee: &Pubkey,
) {
    let Some(key) = given else {
        return tx.need(false, E::MissingAccount);
    };
    match &tx.cell(&key).body {
        Body::Vouch(Account::Binding(b)) if b.campaign == *campaign && b.wallet == *referee => {
            let (expires_at, right) = (b.expires_at, b.referral == *referral);
            tx.need(tx.now < expires_at, E::BindingExpired);
            tx.need(right, E::BoundElsewhere);
        }
        Body::Vouch(Account::Binding(_)) => tx.need(false, E::NotBound),
        _ => tx.need(false, E::BindingNotFound),
    }
}

/// Unix seconds at which a credential expires, 0 for never; `None` if it is not one of
/// this issuer and schema for this wallet.
#[must_use]
pub fn credential_until(
    data: &[u8],
    credential: &Pubkey,
    schema: &Pubkey,
    wallet: &Pubkey,
) -> Option<i64> {
    let (kind, rest) = data.split_first()?;
    let (nonce, rest) = rest.split_at_checked(32)?;
    let (issuer, rest) = rest.split_at_checked(32)?;
    let (of, rest) = rest.split_at_checked(32)?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let (_, rest) = rest.split_at_checked(len)?;
    let (_, rest) = rest.split_at_checked(32)?;
    let (expiry, _) = rest.split_first_chunk::<8>()?;
    let right = *kind == 2
        && nonce == wallet.as_ref()
        && issuer == credential.as_ref()
        && of == schema.as_ref();
    right.then(|| i64::from_le_bytes(*expiry))
}

/// Refuses unless the referee has the campaign's credential.
fn need_credential(tx: &mut Tx<'_>, given: Option<Pubkey>, settings: &Settings, referee: &Pubkey) {
    let until = given.and_then(|key| match &tx.cell(&key).body {
        Body::Foreign { owner, data } if *owner == ATTESTATIONS => credential_until(
            data,
            &settings.gate_credential,
            &settings.gate_schema,
            referee,
        ),
        _ => None,
    });
    match until {
        None => tx.need(false, E::CredentialRequired),
        Some(until) => tx.need(until == 0 || tx.now < until, E::CredentialExpired),
    }
}

fn need_attested(tx: &mut Tx<'_>, campaign: &Campaign, settings: &Settings, request: &Request) {
    if let Some(attestor) = tx.given(9) {
        tx.need(attestor == settings.attestor, E::WrongAttestor);
        if !tx.signs(&attestor) {
            tx.fail("a signature is missing");
        }
        return;
    }
    let Some(voucher) = tx.voucher.filter(|_| tx.given(10) == Some(INSTRUCTIONS)) else {
        return tx.need(false, E::AttestationRequired);
    };
    let number = |at: usize| {
        let bytes = voucher.get(at..at + 8)?;
        Some(i64::from_le_bytes(bytes.try_into().ok()?))
    };
    // The two times are at the end of the message, which begins at byte 112.
    let (Some(issued_at), Some(expires_at)) = (number(112 + 193), number(112 + 201)) else {
        return tx.need(false, E::InvalidVoucher);
    };
    let statement = Statement {
        campaign: tx.at(2),
        campaign_created_at: campaign.created_at,
        referral: tx.at(3),
        referee: tx.at(1),
        action: request.action,
        amount: request.amount,
        reference: request.reference,
        issued_at,
        expires_at,
    };
    let expected = statement.signed(&settings.attestor);
    // Compare everything except the signature, which the runtime verifies.
    let same = voucher.len() == expected.len()
        && voucher[..48] == expected[..48]
        && voucher[112..] == expected[112..];
    let life = i128::from(expires_at) - i128::from(issued_at);
    tx.need(
        same && issued_at <= tx.now + CLOCK_SKEW && (0..=i128::from(CLAIM_PERIOD)).contains(&life),
        E::InvalidVoucher,
    );
    tx.need(tx.now < expires_at, E::VoucherExpired);
    let Some(revocation) = tx.given(11) else {
        return tx.need(false, E::MissingAccount);
    };
    let address = revocation_at(&statement.campaign, &sha256(&[&statement.message()]));
    tx.need(revocation == address, E::WrongRevocation);
    tx.need(!tx.cell(&revocation).is_ours(), E::VoucherRevoked);
}

/// The parts' owners and accounts, in the order of their bits.
fn beneficiaries(
    campaign: &Campaign,
    referral: &Referral,
    referee: &Pubkey,
) -> [(Pubkey, Pubkey); 3] {
    [referral.owner, *referee, referral.partner]
        .map(|owner| (owner, reward_account(campaign, &owner).0))
}

/// The bits among `open` whose beneficiary can receive now. Refuses wrong accounts.
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
        let takes = if campaign.pays_sol() {
            !cell.is_program() && cell.lamports + units >= tx.rent(cell.size())
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
            // The program fails on a read-only account even if the mint then turns out to
            // be full.
            tx.need_writable(&account);
        }
    }
    bits
}

/// Returns `bits`, or 0 if the mint has no room for `units`. Refuses wrong accounts of
/// the campaign.
fn affordable(
    tx: &mut Tx<'_>,
    campaign: &Campaign,
    [mint, program, vault]: [Option<Pubkey>; 3],
    bits: u8,
    units: u64,
) -> u8 {
    need_reward_mint(tx, campaign, mint, program);
    if campaign.funding != MINTED {
        need_vault(tx, campaign, vault);
        if bits != 0 {
            tx.need_writable(&campaign.vault);
        }
        return bits;
    }
    match &tx.cell(&campaign.mint).body {
        Body::Mint(facts) if facts.supply.checked_add(units).is_some() => {
            if bits != 0 {
                tx.need_writable(&campaign.mint);
            }
            bits
        }
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
        if campaign.funding == MINTED {
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

/// Records the conversion, and counts it for the referral and its owner.
fn record(tx: &mut Tx<'_>, credit: &Credit, settled: u8) {
    let Credit {
        settings,
        campaign,
        parts,
        ..
    } = credit;
    let [payer, referral_key, key] = [0, 3, 4].map(|i| tx.at(i));
    let [reward_referrer, reward_referee, reward_partner] = parts.units;
    let places = campaign.places_in_force(tx.now);
    let mut bonuses = 0_u32;
    for (place, earned) in places.into_iter().zip(parts.bonuses) {
        if earned {
            bonuses |= 1 << place;
        }
    }
    let pending = settings.hold_seconds != 0 || settled != ALL;
    let conversion = Conversion {
        version: 1,
        status: if pending { PENDING } else { PAID },
        settled,
        budgeted: u8::from(settings.budget != 0),
        bonuses,
        referral: referral_key,
        referee: credit.referee,
        rent_payer: payer,
        reward_referrer,
        reward_referee,
        reward_partner,
        converted_at: tx.now,
        hold_seconds: settings.hold_seconds,
    };
    tx.create(&payer, &key, Account::Conversion(Box::new(conversion)));
    let mut referral = credit.referral.clone();
    let counts = u64::from(parts.total() != 0);
    referral.conversions += counts;
    match referral.rewards_total.checked_add(reward_referrer) {
        Some(total) => referral.rewards_total = total,
        None => tx.fail("a total has no room"),
    }
    if let Some((key, referrer)) = &credit.referrer {
        let mut referrer = referrer.clone();
        referrer.conversions += counts;
        referrer.bonuses_paid |= bonuses;
        tx.cell_mut(key).body = Body::Vouch(Account::Referrer(Box::new(referrer)));
    } else {
        referral.bonuses_paid |= bonuses;
    }
    referral.open_conversions += u64::from(pending);
    if settings.hold_seconds != 0 {
        let held_until = tx.now + i64::from(settings.hold_seconds);
        referral.held_until = referral.held_until.max(held_until);
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
    let budget = credit.settings.budget;
    if budget == 0 && !campaign.has_vault() {
        return;
    }
    tx.need_late(tx.writable(&key), E::CampaignNotWritable);
    let total = credit.parts.total();
    if budget != 0 {
        let committed = campaign.committed.checked_add(total);
        let within = committed.filter(|committed| *committed <= budget);
        tx.need_late(within.is_some(), E::BudgetExhausted);
        campaign.committed = within.unwrap_or(campaign.committed);
    }
    if campaign.has_vault() {
        campaign.owed += credit.parts.sum(ALL & !settled);
    }
    tx.put_campaign(2, campaign);
}

/// Refuses if the vault does not hold the conversion's reward.
fn need_funds(tx: &mut Tx<'_>, credit: &Credit, vault: Option<Pubkey>) {
    let campaign = &credit.campaign;
    if campaign.funding == VAULT {
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
    let [binding, referrer, credential] = [12, 13, 14].map(|i| tx.given(i));
    let optional = Optional {
        binding,
        referrer,
        credential,
    };
    let Some(credit) = credit(tx, request, false, &optional) else {
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
    ] = [5, 6, 7, 15, 16, 17].map(|i| tx.given(i));
    // The token program and the referrer's account are required.
    let (program, referrer) = (program.or(Some(PROGRAM_ID)), referrer.or(Some(PROGRAM_ID)));
    need_funds(tx, &credit, vault);
    let people = beneficiaries(campaign, referral, referee);
    let nothing = parts.nothing();
    let mut paid = 0;
    if credit.settings.hold_seconds == 0 && parts.total() != 0 {
        let accounts = [referrer, referee_account, partner_account];
        let bits = payable(tx, campaign, &people, accounts, parts, ALL & !nothing);
        let units = parts.sum(bits);
        paid = affordable(tx, campaign, [mint, program, vault], bits, units);
    }
    if !tx.is_good() {
        return;
    }
    record(tx, &credit, nothing | paid);
    pay(tx, &campaign_key, campaign, &people, parts, paid);
    count(tx, &credit, nothing | paid);
}

/// Moves the buyer's payment.
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
        return tx.send_lamports(&buyer, to, amount);
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

fn purchase(tx: &mut Tx<'_>, request: &Request, max_payment: u64) {
    let [binding, referrer, credential] = [13, 14, 15].map(|i| tx.given(i));
    let optional = Optional {
        binding,
        referrer,
        credential,
    };
    let Some(credit) = credit(tx, request, true, &optional) else {
        return;
    };
    let Credit {
        campaign,
        settings,
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
    ] = [8, 9, 10, 11, 12, 16, 17, 18].map(|i| tx.given(i));
    let split = campaign.funding == SPLIT;
    let discount = if split { parts.units[1] } else { 0 };
    tx.need(
        request.amount - discount <= max_payment,
        E::PaymentAboveMaximum,
    );
    need_funds(tx, &credit, vault);
    let people = beneficiaries(campaign, referral, buyer);
    let nothing = parts.nothing() | if split { 2 } else { 0 };
    let mut paid = 0;
    if settings.hold_seconds == 0 && nothing != ALL {
        let accounts = [Some(referrer), referee_account, partner_account];
        paid = payable(tx, campaign, &people, accounts, parts, ALL & !nothing);
        if !split {
            let units = parts.sum(paid);
            paid = affordable(tx, campaign, [mint, program, vault], paid, units);
        }
    }
    tx.need(treasury == settings.treasury, E::WrongTreasury);
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
        if let Some(source) = source {
            tx.need_writable(&source);
        }
    }
    let settled = nothing | paid;
    let waiting = parts.sum(ALL & !settled);
    if split && waiting != 0 && campaign.has_vault() {
        // The payment may come before this check.
        tx.need_late(vault.is_some(), E::MissingAccount);
        tx.need_late(
            vault.is_none_or(|vault| vault == campaign.vault),
            E::WrongVault,
        );
        if !tx.writable(&campaign.vault) {
            tx.fail_late(READ_ONLY);
        }
    }
    if !tx.is_good() {
        return;
    }
    record(tx, &credit, settled);
    let mut spend = |to: &Pubkey, amount| spend(tx, campaign, source, payment_program, to, amount);
    if split {
        spend(&treasury, request.amount - parts.total());
        for (index, bit) in BITS.into_iter().enumerate() {
            if paid & bit != 0 {
                spend(&people[index].1, parts.units[index]);
            }
        }
        let escrow = if campaign.has_vault() {
            campaign.vault
        } else {
            conversion
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
        units: conversion.units(),
        bonuses: [false; 4],
    }
}

/// Subtracts parts that are no longer owed from a referral.
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
    tx.need(conversion.status == PENDING, E::NotPending);
    tx.need(tx.now >= conversion.held_until(), E::StillHeld);
    if !tx.is_good() {
        return;
    }
    let parts = parts_of(&conversion);
    let people = beneficiaries(&campaign, &referral, &conversion.referee);
    let accounts = [Some(referrer), referee_account, partner_account];
    let open = ALL & !conversion.settled;
    let mut paid = payable(tx, &campaign, &people, accounts, &parts, open);
    let sol = campaign.pays_sol();
    if !sol && open != 0 {
        paid = affordable(tx, &campaign, [mint, program, vault], paid, parts.sum(paid));
    }
    tx.need(paid != 0 || open == 0, E::NothingToClaim);
    if !tx.is_good() {
        return;
    }
    settle(&mut referral, &parts, paid);
    conversion.settled |= paid;
    if conversion.settled == ALL {
        referral.open_conversions -= 1;
        conversion.status = PAID;
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
    if campaign.has_vault() {
        let writable = tx.writable(&campaign_key);
        if paid == 0 {
            tx.may_need(writable, E::CampaignNotWritable);
        } else {
            tx.need_late(writable, E::CampaignNotWritable);
        }
        if writable {
            campaign.owed -= parts.sum(paid);
            tx.put_campaign(0, campaign);
        }
    }
}

fn cancel_conversion(tx: &mut Tx<'_>) {
    let (mut campaign, mut referral, mut conversion) =
        (tx.campaign(1), tx.referral(2), tx.conversion(3));
    let [authority, campaign_key, _, conversion_key] = [0, 1, 2, 3].map(|i| tx.at(i));
    let [owner, treasury, mint, vault, program] = [4, 5, 6, 7, 8].map(|i| tx.given(i));
    tx.need(authority == campaign.authority, E::Unauthorized);
    need_chain(tx, [1, 2], &referral, &conversion);
    tx.need(conversion.status == PENDING, E::NotPending);
    tx.need(tx.now < conversion.held_until(), E::HoldOver);
    let parts = parts_of(&conversion);
    let counted = u64::from(parts.total() != 0);
    let open = ALL & !conversion.settled;
    let unsettled = parts.sum(open);
    let refund = campaign.funding == SPLIT && unsettled != 0;
    let expected = campaign.in_force(tx.now).treasury;
    let mut takes = refund;
    if refund {
        tx.need(treasury.is_some(), E::MissingAccount);
        tx.need(
            treasury.is_none_or(|treasury| treasury == expected),
            E::WrongTreasury,
        );
        if !campaign.pays_sol() {
            takes = matches!(&tx.cell(&expected).body, Body::Token(account)
                if account.program == campaign.token_program
                    && account.mint == campaign.mint
                    && account.state == 1
                    && !account.memo);
        }
        if takes {
            tx.need_writable(&expected);
        }
        if takes && !campaign.pays_sol() {
            need_reward_mint(tx, &campaign, mint, program);
            need_vault(tx, &campaign, vault);
            tx.need_writable(&campaign.vault);
        }
    }
    let mut referrer = None;
    // The owner did not count a worthless conversion, so cancelling one subtracts nothing there.
    if campaign.per_owner == 1 && counted != 0 {
        referrer = tx.need_referrer(owner, &campaign_key, &referral.owner);
        if let Some(key) = owner {
            tx.need_writable(&key);
        }
    }
    if !tx.is_good() {
        return;
    }
    if refund && campaign.pays_sol() {
        tx.move_lamports(&conversion_key, &expected, unsettled);
    } else if takes {
        tx.transfer(
            &campaign.token_program,
            &campaign.vault,
            &campaign.mint,
            &expected,
            &campaign_key,
            unsettled,
        );
    }
    settle(&mut referral, &parts, open);
    referral.open_conversions -= 1;
    referral.conversions -= counted;
    referral.rewards_total -= parts.units[0];
    if let (Some(key), Some(mut referrer)) = (owner, referrer) {
        referrer.conversions -= counted;
        referrer.bonuses_paid &= !conversion.bonuses;
        tx.cell_mut(&key).body = Body::Vouch(Account::Referrer(Box::new(referrer)));
    } else {
        referral.bonuses_paid &= !conversion.bonuses;
    }
    let budgeted = conversion.budgeted == 1;
    conversion.status = CANCELLED;
    tx.put_referral(2, referral);
    tx.put(3, Account::Conversion(Box::new(conversion)));
    if campaign.has_vault() || budgeted {
        let writable = tx.writable(&campaign_key);
        let charged = campaign.has_vault() && unsettled != 0 || budgeted && counted != 0;
        if charged {
            tx.need_late(writable, E::CampaignNotWritable);
        } else {
            tx.may_need(writable, E::CampaignNotWritable);
        }
        if writable {
            if campaign.has_vault() {
                campaign.owed -= unsettled;
            }
            if budgeted {
                campaign.committed -= parts.total();
            }
            tx.put_campaign(1, campaign);
        }
    }
}

fn revoke_voucher(tx: &mut Tx<'_>, digest: [u8; 32], expires_at: i64) {
    let campaign = tx.campaign(2);
    let [payer, attestor, campaign_key, key] = [0, 1, 2, 3].map(|i| tx.at(i));
    tx.need(
        attestor == campaign.in_force(tx.now).attestor,
        E::WrongAttestor,
    );
    if key != revocation_at(&campaign_key, &digest) {
        tx.fail("not the revocation's address");
    }
    tx.need(tx.now < expires_at, E::VoucherExpired);
    let exists = tx.cell(&key).is_ours();
    tx.need(!exists, E::VoucherRevoked);
    if !tx.is_good() {
        return;
    }
    let revoked = Revoked {
        version: 1,
        campaign: campaign_key,
        rent_payer: payer,
        // The revocation must outlive any voucher that could be issued now.
        expires_at: expires_at.max(tx.now + CLAIM_PERIOD + CLOCK_SKEW),
    };
    tx.create(&payer, &key, Account::Revoked(Box::new(revoked)));
}

fn reclaim_voucher(tx: &mut Tx<'_>) {
    let [key, to] = [0, 1].map(|i| tx.at(i));
    let Body::Vouch(Account::Revoked(revoked)) = tx.cell(&key).body.clone() else {
        unreachable!("its type was checked");
    };
    tx.need(tx.now >= revoked.expires_at, E::VoucherNotExpired);
    tx.need(revoked.rent_payer == to, E::WrongRentPayer);
    if tx.is_good() {
        tx.close_to(&key, &to);
    }
}

/// The state of a campaign, for reclaiming.
struct Over {
    closed: bool,
    claims: bool,
    /// The account that receives SOL that nobody claimed.
    treasury: Option<Pubkey>,
}

fn over(tx: &mut Tx<'_>, key: &Pubkey) -> Over {
    let now = tx.now;
    match &tx.cell(key).body {
        Body::Vouch(Account::Campaign(campaign)) => Over {
            closed: campaign.closed != 0,
            claims: claims_are_over(campaign, now),
            treasury: campaign.pays_sol().then(|| campaign.in_force(now).treasury),
        },
        Body::Vouch(Account::Closed(closed)) if closed.campaign == *key => Over {
            closed: true,
            claims: true,
            treasury: (closed.treasury != SYSTEM).then_some(closed.treasury),
        },
        _ => {
            tx.need(false, E::CampaignNotFound);
            Over {
                closed: true,
                claims: true,
                treasury: None,
            }
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
    let Over { closed, claims, .. } = over(tx, &campaign_key);
    tx.need(closed, E::CampaignNotClosed);
    tx.need(!closed || !pending || claims, E::RewardsPending);
    tx.need(rent_payer == to, E::WrongRentPayer);
    if tx.is_good() {
        tx.close_to(&key, &to);
    }
}

fn reclaim_conversion(tx: &mut Tx<'_>, once: [u8; 32]) {
    let [campaign_key, key, to] = [0, 1, 2].map(|i| tx.at(i));
    let given = tx.given(3);
    let conversion = tx.conversion(1);
    tx.need(keyed(&campaign_key, &once) == key, E::WrongCampaign);
    let Over {
        closed,
        claims,
        treasury,
    } = over(tx, &campaign_key);
    tx.need(closed, E::CampaignNotClosed);
    let pending = conversion.status == PENDING;
    tx.need(!closed || !pending || claims, E::RewardsPending);
    tx.need(conversion.rent_payer == to, E::WrongRentPayer);
    tx.need_writable_wallet(2);
    let lapsed = if pending { conversion.sum(false) } else { 0 };
    let treasury = treasury.filter(|_| lapsed != 0);
    if let Some(treasury) = treasury {
        tx.need(given.is_some(), E::MissingAccount);
        tx.need(
            given.is_none_or(|given| given == treasury),
            E::WrongTreasury,
        );
        if !tx.cell(&treasury).is_program() {
            tx.need_writable(&treasury);
        }
    }
    if !tx.is_good() {
        return;
    }
    let treasury = treasury.filter(|treasury| !tx.cell(treasury).is_program());
    if let Some(treasury) = treasury {
        tx.move_lamports(&key, &treasury, lapsed);
    }
    if !tx.cell(&to).is_program() {
        return tx.close_to(&key, &to);
    }
    // A program cannot receive its rent, so the account stays.
    if treasury.is_none() {
        return tx.fail(READ_ONLY);
    }
    let mut conversion = conversion;
    conversion.status = PAID;
    conversion.settled = ALL;
    tx.put(1, Account::Conversion(Box::new(conversion)));
}

fn reclaim_binding(tx: &mut Tx<'_>) {
    let [campaign_key, key, to] = [0, 1, 2].map(|i| tx.at(i));
    let binding = match &tx.cell(&key).body {
        Body::Vouch(Account::Binding(binding)) => (**binding).clone(),
        _ => unreachable!("its type was checked"),
    };
    tx.need(binding.campaign == campaign_key, E::WrongCampaign);
    if tx.now < binding.expires_at {
        let over = over(tx, &campaign_key);
        tx.need(over.closed, E::CampaignNotClosed);
    }
    tx.need(binding.rent_payer == to, E::WrongRentPayer);
    if tx.is_good() {
        tx.close_to(&key, &to);
    }
}

fn reclaim_referrer(tx: &mut Tx<'_>) {
    let [campaign_key, key, to] = [0, 1, 2].map(|i| tx.at(i));
    let Some(referrer) = tx.referrer(&key) else {
        unreachable!("its type was checked");
    };
    tx.need(referrer.campaign == campaign_key, E::WrongCampaign);
    let Over { closed, claims, .. } = over(tx, &campaign_key);
    tx.need(closed, E::CampaignNotClosed);
    tx.may_need(!closed || claims, E::ClaimPeriodOpen);
    tx.may_need(!closed || claims, E::RewardsPending);
    tx.need(referrer.rent_payer == to, E::WrongRentPayer);
    if tx.is_good() {
        tx.close_to(&key, &to);
    }
}
