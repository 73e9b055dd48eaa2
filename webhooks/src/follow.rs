//! Which messages follow from facts. Pure.

use vouch_client::accounts::{AccountType as _, Campaign};
use vouch_db::webhooks::{
    BudgetNote, Confirmation, Fact, FundedCampaign, Maturing, Message, Milestone, Milestones,
    ShortVault, Withdrawn, Writes,
};

use crate::message::{
    Budget, Cancelled, Code, CodeCreated, Commitment, Conversion, Data, Kind, Paid, Proof, Reached,
    Rewards, Time, Units, Vault, id, message, retraction,
};

/// A row that lacks what its kind always has: the database was changed by somebody else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {seq}.{place}: no {what}")]
pub(crate) struct Incomplete {
    kind: String,
    seq: i64,
    place: i16,
    what: &'static str,
}

/// The rows that were read from one snapshot.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The last transaction whose facts are among `settled`, or were looked at before.
    pub(crate) cursor: i64,
    /// The number of the last message.
    pub(crate) sequence: i64,
    pub(crate) withdrawn: Vec<Withdrawn>,
    pub(crate) settled: Vec<Fact>,
    pub(crate) confirmed: Vec<Fact>,
    pub(crate) matured: Vec<Fact>,
    pub(crate) funded: Vec<FundedCampaign>,
    pub(crate) milestones: Milestones,
    pub(crate) short: Vec<ShortVault>,
}

/// The rows to write. `now` is our clock.
pub(crate) fn follow(seen: &Seen, now: Time) -> Result<Writes, Incomplete> {
    let mut writes = Writes {
        cursor: seen.cursor,
        award: seen.milestones.award,
        sequence: seen.sequence,
        ..Writes::default()
    };
    for withdrawn in &seen.withdrawn {
        writes.messages.push(retract(withdrawn, now));
        let told = &withdrawn.told;
        writes.retracted.push((told.signature.clone(), told.place));
    }
    for fact in &seen.settled {
        settle(fact, &mut writes)?;
    }
    for fact in &seen.confirmed {
        let told = conversion(fact, Kind::ConversionConfirmed)?;
        writes.confirmed.push(Confirmation {
            signature: fact.signature.clone(),
            place: fact.place,
            slot: fact.slot,
            round: fact.rounds,
            message: told.id.clone(),
        });
        writes.messages.push(told);
    }
    for fact in &seen.matured {
        writes
            .messages
            .push(conversion(fact, Kind::ConversionMatured)?);
        writes.ended.push(subject(fact)?);
    }
    for campaign in &seen.funded {
        spend(campaign, &mut writes);
    }
    let reached = seen.milestones.reached.iter().map(reach);
    writes.messages.extend(reached);
    for vault in &seen.short {
        writes.messages.push(shortage(vault));
        let told = (vault.campaign.clone(), vault.short_since);
        writes.short.push(told);
    }
    for message in &mut writes.messages {
        writes.sequence += 1;
        message.payload["sequence"] = writes.sequence.into();
    }
    Ok(writes)
}

/// The award's own key identifies it: its id differs in another database.
fn reach(milestone: &Milestone) -> Message {
    let kind = Kind::MilestoneReached;
    let place = format!("{} {}", milestone.referrer, milestone.badge);
    let data = Data::Reached(Reached {
        campaign: milestone.campaign.clone(),
        referrer: milestone.referrer.clone(),
        badge: milestone.badge.clone(),
        title: milestone.title.clone(),
        conversions: milestone.threshold,
    });
    message(
        id(kind, &milestone.campaign, &place, 0),
        kind,
        &milestone.campaign,
        Time(milestone.awarded_at.unix_timestamp()),
        &data,
    )
}

/// A campaign has one shortage at a time, so its beginning identifies it.
fn shortage(vault: &ShortVault) -> Message {
    let kind = Kind::CampaignVaultShort;
    let since = vault.short_since.unix_timestamp_nanos().to_string();
    let data = Data::Vault(Vault {
        campaign: vault.campaign.clone(),
        balance: Units(vault.balance.into()),
        owed: Units(vault.owed.into()),
        next_reward: Units(vault.next_reward.into()),
        slot: vault.slot,
    });
    message(
        id(kind, &vault.campaign, &since, 0),
        kind,
        &vault.campaign,
        Time(vault.short_since.unix_timestamp()),
        &data,
    )
}

fn retract(withdrawn: &Withdrawn, now: Time) -> Message {
    let told = &withdrawn.told;
    let place = told.place.to_string();
    let kind = Kind::ConversionRetracted;
    retraction(
        id(kind, &told.signature, &place, told.round),
        &withdrawn.campaign,
        now,
        &told.message,
        &withdrawn.payload,
    )
}

/// A fact that is final.
fn settle(fact: &Fact, writes: &mut Writes) -> Result<(), Incomplete> {
    match fact.kind.as_str() {
        "conversion_recorded" => {
            if !fact.is_told {
                let told = conversion(fact, Kind::ConversionConfirmed)?;
                writes.messages.push(told);
            }
            writes
                .messages
                .push(conversion(fact, Kind::ConversionFinal)?);
            writes.settled.push((fact.signature.clone(), fact.place));
            let matures_at = present(fact, fact.matures_at, "end of its hold")?;
            if Some(matures_at) > fact.converted_at {
                writes.maturing.push(Maturing {
                    conversion: subject(fact)?,
                    campaign: fact.campaign.clone(),
                    seq: fact.seq,
                    place: fact.place,
                    matures_at,
                });
            }
        }
        "part_paid" => {
            let detail = present(fact, fact.detail.as_ref(), "detail")?;
            let text = |key| {
                let text = detail[key].as_str().map(str::to_owned);
                present(fact, text, key)
            };
            let data = Data::Paid(Paid {
                conversion: subject(fact)?,
                campaign: fact.campaign.clone(),
                referral: referral(fact)?,
                code: code(fact)?,
                part: text("part")?,
                recipient: present(fact, fact.wallet.clone(), "recipient")?,
                account: text("account")?,
                units: units(fact)?,
                claimed: present(fact, detail["claimed"].as_bool(), "claimed")?,
                proof: proof(fact),
            });
            writes
                .messages
                .push(about(fact, Kind::ConversionPaid, &data));
        }
        "conversion_cancelled" => {
            let data = Data::Cancelled(Cancelled {
                conversion: subject(fact)?,
                campaign: fact.campaign.clone(),
                referral: referral(fact)?,
                code: code(fact)?,
                forgone: units(fact)?,
                proof: proof(fact),
            });
            let kind = Kind::ConversionCancelled;
            writes.messages.push(about(fact, kind, &data));
            writes.ended.push(subject(fact)?);
        }
        "code_created" => {
            let detail = present(fact, fact.detail.as_ref(), "detail")?;
            let limit = detail["usage_limit"].as_str();
            let limit = present(
                fact,
                limit.and_then(|text| text.parse().ok()),
                "usage limit",
            )?;
            let expires_at = present(fact, detail["expires_at"].as_i64(), "expiry")?;
            let data = Data::CodeCreated(CodeCreated {
                campaign: fact.campaign.clone(),
                referral: referral(fact)?,
                code: code(fact)?,
                owner: present(fact, fact.wallet.clone(), "owner")?,
                // Zero means "none" on the chain.
                usage_limit: (limit != 0).then_some(Units(limit)),
                expires_at: (expires_at != 0).then_some(Time(expires_at)),
                proof: proof(fact),
            });
            writes.messages.push(about(fact, Kind::CodeCreated, &data));
        }
        "code_suspended" => writes.messages.push(of_code(fact, Kind::CodeSuspended)?),
        "code_resumed" => writes.messages.push(of_code(fact, Kind::CodeResumed)?),
        "code_closed" => writes.messages.push(of_code(fact, Kind::CodeClosed)?),
        // Nobody is told of it.
        _ => {}
    }
    Ok(())
}

/// A message about a final fact.
fn about(fact: &Fact, kind: Kind, data: &Data) -> Message {
    let place = fact.place.to_string();
    let id = id(kind, &fact.signature, &place, 0);
    message(id, kind, &fact.campaign, Time(fact.block_time), data)
}

fn conversion(fact: &Fact, kind: Kind) -> Result<Message, Incomplete> {
    let (commitment, round) = match kind {
        Kind::ConversionConfirmed => (Commitment::Confirmed, fact.rounds),
        _ => (Commitment::Finalized, 0),
    };
    let matures_at = present(fact, fact.matures_at, "end of its hold")?;
    let reward =
        |part: Option<vouch_db::amount::Unsigned>| Ok(Units(present(fact, part, "reward")?.into()));
    let reference = fact.reference.as_ref();
    let data = Data::Conversion(Box::new(Conversion {
        conversion: subject(fact)?,
        campaign: fact.campaign.clone(),
        referral: referral(fact)?,
        code: code(fact)?,
        referrer: present(fact, fact.referrer.clone(), "referrer")?,
        partner: fact.partner.clone(),
        referee: present(fact, fact.referee.clone(), "referee")?,
        action: present(fact, fact.action.clone(), "action")?,
        amount: Units(present(fact, fact.amount, "amount")?.into()),
        reference: reference.map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        rewards: Rewards {
            referrer: reward(fact.reward_referrer)?,
            referee: reward(fact.reward_referee)?,
            partner: reward(fact.reward_partner)?,
        },
        converted_at: Time(present(fact, fact.converted_at, "time")?),
        claimable_from: Time(matures_at),
        proof: Proof {
            commitment,
            ..proof(fact)
        },
    }));
    let time = match kind {
        Kind::ConversionMatured => matures_at,
        _ => fact.block_time,
    };
    let id = id(kind, &fact.signature, &fact.place.to_string(), round);
    Ok(message(id, kind, &fact.campaign, Time(time), &data))
}

fn of_code(fact: &Fact, kind: Kind) -> Result<Message, Incomplete> {
    let data = Data::Code(Code {
        campaign: fact.campaign.clone(),
        referral: referral(fact)?,
        code: code(fact)?,
        proof: proof(fact),
    });
    Ok(about(fact, kind, &data))
}

/// Tells how much of the campaign's budget is spent: each level once for each budget.
fn spend(campaign: &FundedCampaign, writes: &mut Writes) {
    // A tombstone has no budget.
    let (budget, committed, least) = match Campaign::decode(&campaign.data) {
        Ok(account) => {
            let settings = account.in_force(campaign.block_time);
            (
                account.settings.budget,
                account.committed,
                settings.least_reward(),
            )
        }
        Err(_) => (0, 0, 0),
    };
    let same = campaign.budget.map(u64::from) == Some(budget);
    let mut told = campaign.told.filter(|_| same).unwrap_or_default();
    let remaining = budget.saturating_sub(committed);
    for (kind, level, is_reached) in [
        (
            Kind::CampaignBudget80,
            80,
            u128::from(committed) * 100 >= u128::from(budget) * 80,
        ),
        (Kind::CampaignBudget100, 100, remaining < least),
    ] {
        if budget == 0 || !is_reached || told >= level {
            continue;
        }
        told = level;
        let data = Data::Budget(Budget {
            campaign: campaign.campaign.clone(),
            budget: Units(budget),
            committed: Units(committed),
            remaining: Units(remaining),
            proof: Proof {
                commitment: Commitment::Finalized,
                slot: campaign.slot,
                signature: campaign.signature.clone(),
            },
        });
        writes.messages.push(message(
            id(kind, &campaign.signature, &campaign.campaign, 0),
            kind,
            &campaign.campaign,
            Time(campaign.block_time),
            &data,
        ));
    }
    writes.budgets.push(BudgetNote {
        campaign: campaign.campaign.clone(),
        seq: campaign.seq,
        budget,
        told,
    });
}

fn proof(fact: &Fact) -> Proof {
    Proof {
        commitment: Commitment::Finalized,
        slot: fact.slot,
        signature: fact.signature.clone(),
    }
}

fn subject(fact: &Fact) -> Result<String, Incomplete> {
    present(fact, fact.subject.clone(), "account")
}

fn referral(fact: &Fact) -> Result<String, Incomplete> {
    present(fact, fact.referral.clone(), "referral")
}

fn code(fact: &Fact) -> Result<String, Incomplete> {
    present(fact, fact.code.clone(), "code")
}

fn units(fact: &Fact) -> Result<Units, Incomplete> {
    Ok(Units(present(fact, fact.units, "units")?.into()))
}

fn present<T>(fact: &Fact, value: Option<T>, what: &'static str) -> Result<T, Incomplete> {
    value.ok_or_else(|| Incomplete {
        kind: fact.kind.clone(),
        seq: fact.seq,
        place: fact.place,
        what,
    })
}

#[cfg(test)]
mod tests;
