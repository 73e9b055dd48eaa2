//! Whether a code may earn now: I7 of docs/INVARIANTS.md.

use vouch_rules::eligibility::{CampaignState, CodeState, Refusal};

/// Unix seconds.
const NOW: i64 = 1_000;

/// A campaign in which conversions count.
const OPEN: CampaignState = CampaignState {
    closed: false,
    paused: false,
    starts_at: 0,
    ends_at: 0,
};

/// A code that earns.
const EARNING: CodeState = CodeState {
    active: true,
    suspended: false,
    expires_at: 0,
    usage_limit: 0,
    conversions: 0,
};

/// Every subset of `faults`, in their order.
fn choices<T: Copy>(faults: &[T]) -> impl Iterator<Item = Vec<T>> {
    (0..1_usize << faults.len()).map(|chosen| {
        let chosen = |place: &usize| chosen >> place & 1 == 1;
        let places = (0..faults.len()).filter(chosen);
        places.map(|place| faults[place]).collect()
    })
}

#[test]
fn a_campaign_is_refused_for_the_first_reason() {
    // Given all faults, in the order in which they are checked. A schedule that is both
    // in the future and over cannot be stored; its answer is fixed nevertheless.
    type Fault = (Refusal, fn(&mut CampaignState));
    let faults: [Fault; 4] = [
        (Refusal::CampaignClosed, |state| state.closed = true),
        (Refusal::CampaignPaused, |state| state.paused = true),
        (Refusal::CampaignNotStarted, |state| {
            state.starts_at = NOW + 1
        }),
        (Refusal::CampaignEnded, |state| state.ends_at = NOW),
    ];
    for chosen in choices(&faults) {
        let mut state = OPEN;
        chosen.iter().for_each(|(_, fault)| fault(&mut state));

        // When it is checked, then the first fault is the answer
        let expected = chosen.first().map(|(refusal, _)| *refusal);
        assert_eq!(state.check(NOW).err(), expected, "{state:?}");
    }
}

#[test]
fn a_code_is_refused_for_the_first_reason() {
    // Given all faults, in the order in which they are checked
    type Fault = (Refusal, fn(&mut CodeState));
    let faults: [Fault; 4] = [
        (Refusal::Inactive, |state| state.active = false),
        (Refusal::Inactive, |state| state.suspended = true),
        (Refusal::Expired, |state| state.expires_at = NOW),
        (Refusal::UsageLimitReached, |state| {
            (state.usage_limit, state.conversions) = (3, 3);
        }),
    ];
    for chosen in choices(&faults) {
        let mut state = EARNING;
        chosen.iter().for_each(|(_, fault)| fault(&mut state));

        // When it is checked, then the first fault is the answer
        let expected = chosen.first().map(|(refusal, _)| *refusal);
        assert_eq!(state.check(NOW).err(), expected, "{state:?}");
    }
}

#[test]
fn conversions_count_from_the_start_until_before_the_end() {
    let (early, late) = (
        Err(Refusal::CampaignNotStarted),
        Err(Refusal::CampaignEnded),
    );
    for (starts_at, ends_at, now, expected) in [
        (0, 0, 0, Ok(())),
        (0, 0, i64::MAX, Ok(())),
        (10, 0, 9, early),
        (10, 0, 10, Ok(())),
        (10, 0, i64::MAX, Ok(())),
        (0, 20, 19, Ok(())),
        (0, 20, 20, late),
        (0, 20, i64::MAX, late),
        (10, 20, 9, early),
        (10, 20, 10, Ok(())),
        (10, 20, 19, Ok(())),
        (10, 20, 20, late),
        (19, 20, 19, Ok(())),
        (i64::MAX, 0, i64::MAX - 1, early),
        (0, i64::MAX, i64::MAX - 1, Ok(())),
        (0, i64::MAX, i64::MAX, late),
        // A clock before 1970
        (0, 0, -1, early),
    ] {
        let state = CampaignState {
            starts_at,
            ends_at,
            ..OPEN
        };
        assert_eq!(state.check(now), expected, "{state:?} at {now}");
    }
}

#[test]
fn a_code_earns_until_before_it_expires_and_up_to_its_limit() {
    let (expired, used_up) = (Err(Refusal::Expired), Err(Refusal::UsageLimitReached));
    for (expires_at, usage_limit, conversions, now, expected) in [
        (0, 0, 0, i64::MAX, Ok(())),
        (0, 0, u64::MAX, 0, Ok(())),
        (20, 0, 0, 19, Ok(())),
        (20, 0, 0, 20, expired),
        (20, 0, 0, i64::MAX, expired),
        (i64::MAX, 0, 0, i64::MAX - 1, Ok(())),
        (0, 1, 0, 0, Ok(())),
        (0, 1, 1, 0, used_up),
        // The limit may have been lowered since.
        (0, 1, 2, 0, used_up),
        (0, u64::MAX, u64::MAX - 1, 0, Ok(())),
        (0, u64::MAX, u64::MAX, 0, used_up),
    ] {
        let state = CodeState {
            expires_at,
            usage_limit,
            conversions,
            ..EARNING
        };
        assert_eq!(state.check(now), expected, "{state:?} at {now}");
    }
}
