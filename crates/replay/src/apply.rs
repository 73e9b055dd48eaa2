//! Applies calls to accounts.

mod campaign;
mod code;
mod context;
mod rent;
mod sale;
mod settlement;

use crate::{
    calls::{Call, Position},
    error::{Error, Kind},
    evidence::Choices,
    fact::Fact,
    given::Given,
    instruction::Instruction,
    lamports::Moved,
    transaction::Transaction,
    view::{Change, View},
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
    pub(crate) choices: Choices,
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
