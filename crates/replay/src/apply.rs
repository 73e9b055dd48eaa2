//! Applies calls to accounts.

mod campaign;
mod code;
mod context;
mod rent;
mod sale;
mod settlement;

use vouch_client::instructions::raw::InstructionData;

use crate::{
    calls::Call,
    error::{Error, Kind},
    evidence::Choices,
    fact::Fact,
    given::Given,
    lamports::Moved,
    transaction::{Position, Transaction},
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
    match InstructionData::read(context.call.data)? {
        InstructionData::Convert(args) => sale::convert(context, &args),
        InstructionData::Purchase(args) => sale::purchase(context, &args),
        InstructionData::Claim => settlement::claim(context),
        InstructionData::CancelConversion => settlement::cancel(context),
        InstructionData::Bind(args) => code::bind(context, &args),
        InstructionData::CreateReferral(args) => code::create(context, &args),
        InstructionData::UpdateReferral(args) => code::update(context, &args),
        InstructionData::SetSuspended(args) => code::set_suspended(context, args.suspended),
        InstructionData::SetPartner(args) => code::set_partner(context, &args),
        InstructionData::EndPartnership => code::end_partnership(context),
        InstructionData::ProposeOwner(args) => code::propose_owner(context, args.new_owner),
        InstructionData::AcceptOwner => code::accept_owner(context),
        InstructionData::CloseReferral => code::close(context),
        InstructionData::RegisterReferrer => code::register_referrer(context),
        InstructionData::CreateCampaign(args) => campaign::create(context, &args),
        InstructionData::UpdateCampaign(args) => campaign::update(context, &args.settings),
        InstructionData::SetPaused(args) => campaign::set_paused(context, args.paused),
        InstructionData::ProposeAuthority(args) => {
            campaign::propose_authority(context, args.new_authority)
        }
        InstructionData::AcceptAuthority => campaign::accept_authority(context),
        InstructionData::CloseCampaign => campaign::close(context),
        InstructionData::FundVault(args) => campaign::fund_vault(context, args.amount),
        InstructionData::WithdrawVault(args) => campaign::withdraw_vault(context, args.amount),
        InstructionData::RevokeVoucher(args) => campaign::revoke_voucher(context, &args),
        InstructionData::ReclaimCampaign => rent::campaign(context),
        InstructionData::ReclaimConversion(_) => rent::conversion(context),
        InstructionData::ReclaimReferral => rent::referral(context),
        InstructionData::ReclaimReferrer => rent::referrer(context),
        InstructionData::ReclaimBinding => rent::binding(context),
        InstructionData::ReclaimVoucher => rent::voucher(context),
    }
}
