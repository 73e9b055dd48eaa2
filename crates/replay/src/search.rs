//! Finds the outcomes that are consistent with a transaction, and what they have in common.
//!
//! A call decides among outcomes by [`Choices`]. All combinations of a transaction's choices are
//! tried, and those drop out in which a later call would have been refused. A conversion that was
//! uncertain before is one more choice: the state that it was in. The remaining outcomes are merged: all that
//! they have in common is certain, and the rest gets a [`crate::Doubt`].
//!
//! With too many combinations, each call is searched by itself. Then outcomes may be left that a later
//! call of the transaction rules out, and nobody's conversion is less certain for it but those of which
//! the outcome depends on another uncertain one.

use std::collections::{BTreeMap, BTreeSet};

use solana_sdk::pubkey::Pubkey;
use vouch_client::accounts::{Account, Conversion, Referral};

use crate::{
    apply::{Effects, Progress, apply},
    calls::Call,
    doubt::{Less, Stage, State, States, keep_partner},
    error::{Error, Kind},
    evidence::{ALL, Choices},
    fact::Fact,
    given::Given,
    instruction::touches,
    lamports::Moved,
    refusal,
    transaction::{Position, Transaction},
    uncertain::{conversion_change, referral, referral_change, uncertain},
    view::{Change, Overlay, View},
};

/// Most combinations of outcomes that are tried for one call. It has fewer: 24 states of its conversion,
/// with at most 8 sets of paid parts each.
const MOST_TRIED: usize = 256;
/// Most that are tried for several calls together: an attempt applies all of them.
const MOST_TRIED_TOGETHER: usize = 64;

/// Applies all calls of a transaction. A failed transaction has none, but a claim that was refused may
/// prove what an uncertain conversion owes.
///
/// If calls have several outcomes that are consistent with what they left behind, it tries all
/// combinations, and drops those that a later call contradicts. If the rest leaves the same accounts,
/// one of them is taken, always the same. Otherwise the accounts that differ are those of the outcome
/// in which the least was paid, with a [`crate::Doubt`], and the facts are those of all outcomes.
///
/// A conversion with a doubt needs its referral in the view, too.
///
/// # Errors
/// [`Error`] for the first call that cannot be applied. Nothing of the transaction must be used
/// then, because later calls depend on earlier ones.
pub fn transaction(
    view: &(impl View + ?Sized),
    transaction: &Transaction,
    given: &Given,
) -> Result<Vec<Effects>, Error> {
    if !transaction.succeeded() {
        return Ok(refusal::effects(view, transaction).into_iter().collect());
    }
    let calls: Vec<_> = transaction.calls().collect();
    let search = Search {
        tx: transaction,
        given,
    };
    if let Some(effects) = search.plain(view, &calls)? {
        return Ok(effects);
    }
    let start = Progress::default();
    if let Some(outcomes) = search.outcomes(view, &calls, &start)? {
        return merge(&outcomes);
    }
    let mut overlay = Overlay::new(view);
    let mut progress = start;
    let mut all = Vec::new();
    for call in &calls {
        let one = std::slice::from_ref(call);
        let outcomes = search.outcomes(&overlay, one, &progress)?;
        let outcomes = outcomes.ok_or(Error {
            position: call.position,
            kind: Kind::Ambiguous,
        })?;
        let moved: Vec<_> = outcomes
            .iter()
            .map(|it| it.progress.moved.clone())
            .collect();
        let moved = Moved::either(&progress.moved, &moved);
        if let Some(outcome) = outcomes.first() {
            progress = outcome.progress.clone();
        }
        progress.moved = moved;
        for effects in merge(&outcomes)? {
            overlay.take(&effects.changes);
            all.push(effects);
        }
    }
    Ok(all)
}

/// An outcome that is consistent with what the calls left behind.
struct Outcome {
    steps: Vec<Step>,
    progress: Progress,
}

/// The states of conversions and the accounts after an outcome.
type Left<'a> = (
    BTreeMap<Pubkey, State>,
    BTreeMap<Pubkey, Option<&'a Account>>,
);

impl Outcome {
    fn left(&self) -> Left<'_> {
        let effects = self.steps.iter().map(|step| &step.effects);
        let changes = effects.flat_map(|effects| &effects.changes);
        let accounts = changes.map(|change| (change.address, change.account.as_ref()));
        let world = self.steps.last().map(|step| &step.world);
        let world = world.into_iter().flatten();
        let states = world.map(|(address, it)| (*address, it.state));
        (states.collect(), accounts.collect())
    }
}

/// A call of an outcome.
struct Step {
    effects: Effects,
    /// The conversion that was uncertain before the call, the state that it was in, and the parts that
    /// were proven to be settled.
    pinned: Option<(Pubkey, State, u8)>,
    /// The conversions that calls have changed so far, with the state of each after this call.
    world: BTreeMap<Pubkey, Tracked>,
    /// Their referrals after this call, as far as there are accounts of them.
    referrals: BTreeMap<Pubkey, (Referral, Less)>,
}

/// A conversion in an outcome.
#[derive(Clone, PartialEq)]
struct Tracked {
    state: State,
    /// Its account, of which all but what is settled is the same in every outcome.
    conversion: Conversion,
}

struct Search<'a> {
    tx: &'a Transaction,
    given: &'a Given,
}

impl Search<'_> {
    /// Applies the calls, of which each has one outcome; `None` if one has several.
    fn plain(
        &self,
        view: &(impl View + ?Sized),
        calls: &[Call<'_>],
    ) -> Result<Option<Vec<Effects>>, Error> {
        let mut overlay = Overlay::new(view);
        let mut progress = Progress::default();
        let mut all = Vec::with_capacity(calls.len());
        for call in calls {
            if uncertain(&overlay, call).is_some() {
                return Ok(None);
            }
            match apply(&overlay, self.tx, call, &mut progress, self.given) {
                Ok(effects) => {
                    overlay.take(&effects.changes);
                    all.push(effects);
                }
                Err(_) if progress.choices.open.get().is_some() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(all))
    }

    /// All outcomes of these calls; `None` if there are too many combinations.
    fn outcomes(
        &self,
        view: &(impl View + ?Sized),
        calls: &[Call<'_>],
        start: &Progress,
    ) -> Result<Option<Vec<Outcome>>, Error> {
        let mut untried = vec![Vec::new()];
        let most = match calls.len() {
            0 | 1 => MOST_TRIED,
            _ => MOST_TRIED_TOGETHER,
        };
        let mut tried = 0_usize;
        let mut undecided: Option<Position> = None;
        let mut outcomes = Vec::new();
        while let Some(script) = untried.pop() {
            let mut progress = start.clone();
            progress.choices = Choices::new(script.clone());
            match self.attempt(view, calls, progress) {
                Ok(outcome) => outcomes.push(outcome),
                Err((error, Some(options))) => {
                    // The last one that is pushed is tried first: that in which most was paid early.
                    for choice in 0..options {
                        let mut next = script.clone();
                        next.push(choice);
                        untried.push(next);
                    }
                    undecided.get_or_insert(error.position);
                    continue;
                }
                // This combination is impossible.
                Err((error, None)) if undecided.is_some() && error.kind.contradicts() => {}
                Err((error, None)) => return Err(error),
            }
            tried = tried.saturating_add(1);
            if tried >= most && !untried.is_empty() {
                return Ok(None);
            }
        }
        match undecided {
            Some(position) if outcomes.is_empty() => Err(Error {
                position,
                kind: Kind::Unexplained,
            }),
            _ => Ok(Some(outcomes)),
        }
    }

    /// Applies the calls with these choices. Fails with the number of options of the decision that the
    /// choices lack, if that is the reason.
    fn attempt(
        &self,
        view: &(impl View + ?Sized),
        calls: &[Call<'_>],
        mut progress: Progress,
    ) -> Result<Outcome, (Error, Option<usize>)> {
        let mut overlay = Overlay::new(view);
        let mut steps = Vec::new();
        let mut world = BTreeMap::new();
        for call in calls {
            let pinned = pin(&mut overlay, call, &progress.choices, &mut world);
            let pinned = pinned.map_err(|kind| {
                let position = call.position;
                (Error { position, kind }, progress.choices.open.get())
            })?;
            let effects = apply(&overlay, self.tx, call, &mut progress, self.given)
                .map_err(|error| (error, progress.choices.open.get()))?;
            track(&overlay, &effects, &mut world);
            overlay.take(&effects.changes);
            let referrals = referrals(&overlay, &world);
            steps.push(Step {
                effects,
                pinned,
                world: world.clone(),
                referrals,
            });
        }
        Ok(Outcome { steps, progress })
    }
}

/// Decides in which state the conversion of this call was, if that is uncertain. Returns the
/// conversion, the state, and the parts that were proven to be settled.
fn pin<V: View + ?Sized>(
    overlay: &mut Overlay<'_, V>,
    call: &Call<'_>,
    choices: &Choices,
    world: &mut BTreeMap<Pubkey, Tracked>,
) -> Result<Option<(Pubkey, State, u8)>, Kind> {
    let Some((address, states, conversion)) = uncertain(overlay, call) else {
        return Ok(None);
    };
    let conversion = conversion.clone();
    let possible: Vec<_> = states.iter().filter(|state| state.exists()).collect();
    let state = match *possible.as_slice() {
        [] => return Err(Kind::UnknownAccount(address)),
        [state] => state,
        _ => {
            let choice = choices.next(possible.len())?;
            *possible.get(choice).ok_or(Kind::Unexplained)?
        }
    };
    let mut changes = vec![Change {
        address,
        account: Some(Account::Conversion(Box::new(state.account(&conversion)))),
        doubt: None,
    }];
    if let Some((mut referral, less)) = referral(overlay, &conversion.referral) {
        Less::between(&conversion, states.settled(), state.settled).take_off(&mut referral);
        let less = less.minus(states.less(&conversion));
        changes.push(referral_change(conversion.referral, referral, less));
    }
    overlay.take(&changes);
    world.insert(address, Tracked { state, conversion });
    Ok(Some((address, state, states.settled())))
}

fn referrals(
    view: &(impl View + ?Sized),
    world: &BTreeMap<Pubkey, Tracked>,
) -> BTreeMap<Pubkey, (Referral, Less)> {
    let addresses: BTreeSet<_> = world.values().map(|it| it.conversion.referral).collect();
    let found = addresses.iter();
    found
        .filter_map(|address| Some((*address, referral(view, address)?)))
        .collect()
}

/// Notes the states of the conversions that a call changed.
fn track(before: &(impl View + ?Sized), effects: &Effects, world: &mut BTreeMap<Pubkey, Tracked>) {
    for change in &effects.changes {
        let address = change.address;
        let old = match before.account(&address) {
            Some(Account::Conversion(old)) => Some(old),
            _ => None,
        };
        let known = world.get(&address).map(|tracked| tracked.state.settled);
        let was = known.or(old.map(|old| old.settled));
        let lapsed = effects.facts.iter().any(|fact| {
            matches!(fact, Fact::ConversionLapsed { conversion, .. } if *conversion == address)
        });
        let (stage, settled, account) = match (&change.account, old, was) {
            (Some(Account::Conversion(_)), Some(old), Some(was)) if lapsed => {
                (Stage::Survived, was, old)
            }
            (Some(Account::Conversion(new)), ..) => (Stage::Open, new.settled, new),
            (None, Some(old), Some(was)) => (Stage::Closed, was, old),
            _ => continue,
        };
        let conversion = (**account).clone();
        let state = State { stage, settled };
        world.insert(address, Tracked { state, conversion });
    }
}

/// Keeps what all outcomes have in common, with doubts about the rest.
fn merge(outcomes: &[Outcome]) -> Result<Vec<Effects>, Error> {
    let Some(first) = outcomes.first() else {
        return Ok(Vec::new());
    };
    // One outcome stands for all that leave the same.
    let mut distinct: Vec<(&Outcome, Left<'_>)> = Vec::new();
    for outcome in outcomes {
        let left = outcome.left();
        if !distinct.iter().any(|(_, other)| *other == left) {
            distinct.push((outcome, left));
        }
    }
    let mut all = Vec::new();
    for (place, step) in first.steps.iter().enumerate() {
        let steps: Option<Vec<_>> = distinct.iter().map(|(it, _)| it.steps.get(place)).collect();
        let steps = steps.unwrap_or_default();
        let merged = merge_steps(&steps).ok_or(Error {
            position: step.effects.position,
            kind: Kind::Ambiguous,
        })?;
        all.push(merged);
    }
    Ok(all)
}

/// The effects of one call in several outcomes; `None` if they differ in something that cannot be
/// uncertain.
fn merge_steps(steps: &[&Step]) -> Option<Effects> {
    let first = steps.first()?;
    let mut states: BTreeMap<Pubkey, States> = BTreeMap::new();
    for (address, tracked) in steps.iter().flat_map(|step| &step.world) {
        states.entry(*address).or_default().insert(tracked.state);
    }
    let changed: BTreeSet<_> = first.effects.changes.iter().map(|it| it.address).collect();
    let mut changes = Vec::new();
    for change in &first.effects.changes {
        let address = change.address;
        if let (Some(states), Some(tracked)) = (states.get(&address), first.world.get(&address)) {
            // The account of a conversion that is certain is the call's.
            changes.push(match states.one() {
                Some(_) => change.clone(),
                None => conversion_change(address, *states, &tracked.conversion),
            });
        } else if first.referrals.contains_key(&address) {
            changes.push(merge_referral(steps, &states, address)?);
        } else {
            let accounts = steps.iter().map(|step| {
                let mut changes = step.effects.changes.iter();
                changes.find(|change| change.address == address)
            });
            for account in accounts {
                (account? == change).then_some(())?;
            }
            changes.push(change.clone());
        }
    }
    // The referral's sums follow from its conversions, also if the call does not name it: then it is
    // known, because the conversion was uncertain before, or an earlier call has named it. Of a
    // conversion that was certain, nothing becomes known.
    let is_open = |address: &Pubkey| {
        let pinned = first.pinned.is_some_and(|(pinned, ..)| pinned == *address);
        let mut settled = states.get(address).into_iter().flat_map(|it| it.iter());
        let one = settled.next().map(|state| state.settled);
        pinned || settled.any(|state| Some(state.settled) != one)
    };
    let settled = changed
        .iter()
        .filter(|address| is_open(address))
        .filter_map(|address| first.world.get(address));
    let referrals: BTreeSet<_> = settled.map(|it| it.conversion.referral).collect();
    for address in referrals {
        if !changed.contains(&address) && first.referrals.contains_key(&address) {
            changes.push(merge_referral(steps, &states, address)?);
        }
    }
    Some(Effects {
        position: first.effects.position,
        changes,
        facts: facts(steps, &states),
    })
}

/// The change of a referral whose conversions are in one of these states each: the sums if the least
/// was paid.
fn merge_referral(
    steps: &[&Step],
    states: &BTreeMap<Pubkey, States>,
    address: Pubkey,
) -> Option<Change> {
    let mut merged: Option<(Referral, Less)> = None;
    for step in steps {
        let (referral, less) = step.referrals.get(&address)?;
        let (mut referral, mut less) = (referral.clone(), *less);
        for (conversion, tracked) in &step.world {
            let account = &tracked.conversion;
            if account.referral == address {
                let states = *states.get(conversion)?;
                let least = states.settled();
                Less::between(account, least, tracked.state.settled).put_on(&mut referral);
                less = less.plus(states.less(account));
            }
        }
        merged = Some(match merged {
            None => (referral, less),
            Some((kept, doubt)) => same_referral((kept, doubt), (referral, less))?,
        });
    }
    let (referral, less) = merged?;
    Some(referral_change(address, referral, less))
}

/// One of two equal referrals. They may differ in whether the partner was removed.
fn same_referral(
    (mut one, mut less): (Referral, Less),
    (mut other, more): (Referral, Less),
) -> Option<(Referral, Less)> {
    less.partnership |= more.partnership;
    if one.partner != other.partner {
        if other.partner == Pubkey::default() {
            keep_partner(&mut other, &one);
        } else if one.partner == Pubkey::default() {
            keep_partner(&mut one, &other);
        }
        less.partnership = true;
    }
    (one == other).then_some((one, less))
}

/// The facts that the call established in every outcome.
fn facts(steps: &[&Step], states: &BTreeMap<Pubkey, States>) -> Vec<Fact> {
    let known = |fact: &Fact| match fact {
        Fact::Sale(sale) => {
            let mut sale = (**sale).clone();
            if let Some(states) = states.get(&sale.conversion) {
                sale.settled &= states.settled();
            }
            Fact::Sale(Box::new(sale))
        }
        fact => fact.clone(),
    };
    let mut all = steps
        .iter()
        .map(|step| step.effects.facts.iter().map(known).collect::<Vec<_>>());
    let mut common = all.next().unwrap_or_default();
    for facts in all {
        common.retain(|fact| facts.contains(fact));
    }
    let mut known = Vec::new();
    known.extend(proven(steps));
    known.extend(common);
    known
}

/// The fact that earlier calls had paid parts of the conversion, if that was not proven before.
fn proven(steps: &[&Step]) -> Option<Fact> {
    let first = steps.first()?;
    let (conversion, _, before) = first.pinned?;
    let pinned = steps.iter().filter_map(|step| step.pinned);
    let settled = pinned.fold(ALL, |settled, (_, state, _)| settled & state.settled);
    (settled != before).then_some(Fact::PartsProven {
        conversion,
        referral: first.world.get(&conversion)?.conversion.referral,
        settled,
    })
}

/// The addresses that [`transaction`] asks the view for, so that a caller can load those of many
/// transactions at once. Of an uncertain conversion it also asks for the referral.
#[must_use]
pub fn needs(transaction: &Transaction) -> BTreeSet<Pubkey> {
    if !transaction.succeeded() {
        return refusal::reads(transaction).into_iter().collect();
    }
    // A call that cannot be read fails when it is applied.
    let touched = transaction.calls().filter_map(|call| touches(&call).ok());
    touched.flatten().collect()
}
