//! Applies calls to accounts.

mod campaign;
mod code;
mod context;
mod rent;
mod sale;
mod settlement;

use std::collections::BTreeMap;

use solana_sdk::pubkey::Pubkey;
use vouch_client::accounts::Account;

use crate::{
    calls::{Call, Position},
    error::{Error, Kind},
    evidence::Choices,
    fact::Fact,
    given::Given,
    instruction::Instruction,
    lamports::Moved,
    transaction::Transaction,
    view::{Change, Overlay, View},
};

use context::Context;

/// The effects of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effects {
    /// The call's place in its transaction.
    pub position: Position,
    /// The accounts that it changed, each once. An account may be as it was before.
    pub changes: Vec<Change>,
    /// The facts that it established.
    pub facts: Vec<Fact>,
}

/// The calls of a transaction that were applied so far. Later calls need to know what earlier
/// ones did to balances.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Place of the last applied call.
    last: Option<Position>,
    pub(crate) moved: Moved,
    choices: Choices,
}

/// Most combinations of outcomes that are tried for one transaction.
const MOST_TRIED: usize = 256;

/// Applies all calls of a transaction. A failed transaction has none.
///
/// If calls have several outcomes that are consistent with what they left behind, it tries all
/// combinations, and drops those that a later call contradicts. The rest is one outcome if all leave
/// the same accounts. Otherwise [`Given::after`] decides.
///
/// # Errors
/// [`Error`] for the first call that cannot be applied. Nothing of the transaction must be used
/// then, because later calls depend on earlier ones. [`Kind::Ambiguous`] if more than one outcome
/// is left, or there are more than 256 combinations.
pub fn transaction(
    view: &(impl View + ?Sized),
    transaction: &Transaction,
    given: &Given,
) -> Result<Vec<Effects>, Error> {
    let mut untried = vec![Vec::new()];
    let mut tried = 0_usize;
    let mut undecided = None;
    let mut outcomes: Vec<(After, Vec<Effects>)> = Vec::new();
    while let Some(script) = untried.pop() {
        match attempt(view, transaction, given, Choices::new(script.clone())) {
            Ok(effects) if undecided.is_none() => return Ok(effects),
            Ok(effects) => outcomes.push((after(&effects), effects)),
            Err((error, Some(options))) => {
                // The last one that is pushed is tried first: that in which most was paid early.
                for choice in 0..options {
                    let mut next = script.clone();
                    next.push(choice);
                    untried.push(next);
                }
                undecided.get_or_insert(error);
                continue;
            }
            // This combination is impossible.
            Err((error, None)) if undecided.is_some() && error.kind.contradicts() => {}
            Err((error, None)) => return Err(error),
        }
        tried = tried.saturating_add(1);
        if let (Some(error), true) = (&undecided, tried >= MOST_TRIED && !untried.is_empty()) {
            return Err(error.clone());
        }
    }
    decide(outcomes, given).map_err(|kind| Error {
        position: undecided.map_or_else(Position::default, |error| error.position),
        kind,
    })
}

/// The one outcome that is left, or one of those that leave the same accounts.
fn decide(mut outcomes: Vec<(After, Vec<Effects>)>, given: &Given) -> Result<Vec<Effects>, Kind> {
    if outcomes.is_empty() {
        return Err(Kind::Unexplained);
    }
    let same = |outcomes: &[(After, Vec<Effects>)]| {
        let mut pairs = outcomes.iter().zip(outcomes.iter().skip(1));
        pairs.all(|((one, _), (next, _))| one == next)
    };
    if !same(&outcomes) {
        outcomes.retain(|(accounts, _)| given.fits(accounts));
    }
    if !same(&outcomes) {
        return Err(Kind::Ambiguous);
    }
    let first = outcomes.into_iter().next();
    first.map(|(_, effects)| effects).ok_or(Kind::Ambiguous)
}

/// The accounts that a transaction changed, as it left them.
pub(crate) type After = BTreeMap<Pubkey, Option<Account>>;

fn after(effects: &[Effects]) -> After {
    let changes = effects.iter().flat_map(|effects| &effects.changes);
    changes
        .map(|change| (change.address, change.account.clone()))
        .collect()
}

/// Applies all calls with these choices. Fails with the number of outcomes of the decision that the
/// choices lack, if that is the reason.
fn attempt(
    view: &(impl View + ?Sized),
    transaction: &Transaction,
    given: &Given,
    choices: Choices,
) -> Result<Vec<Effects>, (Error, Option<usize>)> {
    let mut overlay = Overlay::new(view);
    let mut progress = Progress {
        choices,
        ..Progress::default()
    };
    let mut all = Vec::new();
    for call in transaction.calls() {
        let effects = apply(&overlay, transaction, &call, &mut progress, given)
            .map_err(|error| (error, progress.choices.open.get()))?;
        overlay.take(&effects.changes);
        all.push(effects);
    }
    Ok(all)
}

/// Applies one call of a successful transaction. The caller applies the calls of a transaction in
/// their order, each to a `view` with the changes of those before it, and all with one
/// `progress`.
///
/// # Errors
/// [`Error`] with the call's position. `progress` must not be used any more then.
pub fn apply(
    view: &(impl View + ?Sized),
    transaction: &Transaction,
    call: &Call<'_>,
    progress: &mut Progress,
    given: &Given,
) -> Result<Effects, Error> {
    let error = |kind| Error {
        position: call.position,
        kind,
    };
    if !transaction.succeeded() {
        return Err(error(Kind::TransactionFailed));
    }
    let is_next = |other: &Call<'_>| progress.last.is_none_or(|last| other.position > last);
    let next = transaction.calls().find(is_next);
    if next.is_none_or(|next| next.position != call.position) {
        return Err(error(Kind::OutOfOrder));
    }
    progress.last = Some(call.position);
    let mut context = Context {
        view,
        tx: transaction,
        call,
        now: transaction.block_time,
        given,
        moved: &mut progress.moved,
        choices: &progress.choices,
        changes: Vec::with_capacity(3),
        facts: Vec::with_capacity(2),
    };
    run(&mut context).map_err(error)?;
    let Context { changes, facts, .. } = context;
    Ok(Effects {
        position: call.position,
        changes,
        facts,
    })
}

fn run<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    match Instruction::read(context.call.data)? {
        Instruction::Convert(args) => sale::convert(context, &args),
        Instruction::Purchase(args) => sale::purchase(context, &args),
        Instruction::Claim => settlement::claim(context),
        Instruction::CancelConversion => settlement::cancel(context),
        Instruction::Bind(args) => code::bind(context, &args),
        Instruction::CreateReferral(args) => code::create(context, &args),
        Instruction::UpdateReferral(args) => code::update(context, &args),
        Instruction::SetSuspended(args) => code::set_suspended(context, args.suspended),
        Instruction::SetPartner(args) => code::set_partner(context, &args),
        Instruction::EndPartnership => code::end_partnership(context),
        Instruction::ProposeOwner(args) => code::propose_owner(context, args.new_owner),
        Instruction::AcceptOwner => code::accept_owner(context),
        Instruction::CloseReferral => code::close(context),
        Instruction::RegisterReferrer => code::register_referrer(context),
        Instruction::CreateCampaign(args) => campaign::create(context, &args),
        Instruction::UpdateCampaign(args) => campaign::update(context, &args.settings),
        Instruction::SetPaused(args) => campaign::set_paused(context, args.paused),
        Instruction::ProposeAuthority(args) => {
            campaign::propose_authority(context, args.new_authority)
        }
        Instruction::AcceptAuthority => campaign::accept_authority(context),
        Instruction::CloseCampaign => campaign::close(context),
        Instruction::FundVault(args) => campaign::fund_vault(context, args.amount),
        Instruction::WithdrawVault(args) => campaign::withdraw_vault(context, args.amount),
        Instruction::RevokeVoucher(args) => campaign::revoke_voucher(context, &args),
        Instruction::ReclaimCampaign => rent::campaign(context),
        Instruction::ReclaimConversion => rent::conversion(context),
        Instruction::ReclaimReferral => rent::referral(context),
        Instruction::ReclaimReferrer => rent::referrer(context),
        Instruction::ReclaimBinding => rent::binding(context),
        Instruction::ReclaimVoucher => rent::voucher(context),
    }
}
