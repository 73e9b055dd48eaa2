//! How high several sources are by their own word, and which of them that shows to be wrong.
//!
//! Slots cannot be proven. So they are compared: with each other, with what is mirrored, and with this
//! machine's clock.

use std::time::Duration;

use tokio::time::Instant;

/// Slots by which sources may differ: about a minute.
const FAR: u64 = 150;
/// Time over which it is measured how fast a slot grows.
const WINDOW: Duration = Duration::from_secs(20);
/// A slot takes 0.4 seconds. A source whose slots take longer than this is slow, if those of another one
/// take less than half the time.
const SLOW: Duration = Duration::from_millis(800);

/// The slot that a source tells, and how it has grown.
#[derive(Debug, Default)]
pub(crate) struct Height {
    slot: Option<u64>,
    /// When it last grew.
    grew: Option<Instant>,
    /// The beginning of the present measurement.
    since: Option<(Instant, u64)>,
    /// Time for a slot, by the last measurement.
    slot_time: Option<Duration>,
}

impl Height {
    /// It told this slot.
    pub(crate) fn told(&mut self, slot: u64, now: Instant) {
        if self.slot.is_none_or(|before| before < slot) {
            self.grew = Some(now);
        }
        self.slot = Some(slot);
        let (since, from) = *self.since.get_or_insert((now, slot));
        let took = now - since;
        if took >= WINDOW {
            let slots = u32::try_from(slot.saturating_sub(from)).unwrap_or(u32::MAX);
            self.slot_time = Some(took.checked_div(slots).unwrap_or(took));
            self.since = Some((now, slot));
        }
    }

    /// The slot that it told last.
    pub(crate) fn slot(&self) -> Option<u64> {
        self.slot
    }

    /// Whether it has not grown for this time.
    pub(crate) fn is_stuck(&self, now: Instant, time: Duration) -> bool {
        self.grew.is_some_and(|grew| now - grew > time)
    }

    /// The report that is compared; `None` if the source told no slot.
    pub(crate) fn told_by(&self, name: &str) -> Option<Told> {
        Some(Told {
            name: name.to_owned(),
            slot: self.slot?,
            slot_time: self.slot_time,
        })
    }
}

/// A source's report of its height.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    name: String,
    slot: u64,
    slot_time: Option<Duration>,
}

/// Why each of these sources cannot be right; `None` for those that can. Everything up to `mirrored` is
/// mirrored.
///
/// With three sources or more, those in the middle are right. With two, neither is: a slot that is too
/// low delays finality, and one that is too high calls final what is not, so the lower one counts.
pub(crate) fn wrong(told: &[Told], mirrored: u64) -> Vec<Option<String>> {
    let mut slots: Vec<_> = told.iter().map(|it| it.slot).collect();
    slots.sort_unstable();
    let middle = |place: usize| slots.get(place).copied().unwrap_or_default();
    let (low, high) = (
        middle(slots.len().saturating_sub(1) / 2),
        middle(slots.len() / 2),
    );
    let fastest = told.iter().filter_map(|it| it.slot_time).min();
    let reason = |it: &Told| {
        let slot = it.slot;
        if slot.saturating_add(FAR) < mirrored {
            return Some(format!(
                "it tells slot {slot}, but everything up to {mirrored} is final"
            ));
        }
        if slot.saturating_add(FAR) < low {
            return Some(format!(
                "it tells slot {slot}, but most others {low} or more"
            ));
        }
        if slot > high.saturating_add(FAR) && told.len() > 2 {
            return Some(format!(
                "it tells slot {slot}, but most others {high} or less"
            ));
        }
        let (own, fastest) = it.slot_time.zip(fastest)?;
        (own > SLOW && own >= fastest * 2).then(|| {
            format!(
                "its slots take {} ms, and those of others {}",
                own.as_millis(),
                fastest.as_millis()
            )
        })
    };
    told.iter().map(reason).collect()
}

/// The lowest and the highest of these sources, if they are so far apart that one of them is wrong.
pub(crate) fn apart(told: &[Told]) -> Option<String> {
    let lowest = told.iter().min_by_key(|it| it.slot)?;
    let highest = told.iter().max_by_key(|it| it.slot)?;
    let slots = highest.slot - lowest.slot;
    (slots > FAR).then(|| {
        format!(
            "{} is {slots} slots behind {}, and the mirror follows the lower one: a third node would \
             show which one is wrong",
            lowest.name, highest.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sources at these slots, each with the milliseconds that a slot takes.
    fn told(sources: &[(u64, u64)]) -> Vec<Told> {
        let told = sources.iter().enumerate();
        told.map(|(place, (slot, millis))| Told {
            name: format!("rpc{}", place + 1),
            slot: *slot,
            slot_time: Some(Duration::from_millis(*millis)),
        })
        .collect()
    }

    /// Which of the sources are wrong, as digits.
    fn wrong_ones(sources: &[(u64, u64)], mirrored: u64) -> String {
        let wrong = wrong(&told(sources), mirrored);
        let places = wrong.iter().zip(1..).filter(|(it, _)| it.is_some());
        places
            .map(|(_, place): (_, u32)| place.to_string())
            .collect()
    }

    #[test]
    fn what_the_others_and_the_mirror_contradict_is_wrong() {
        for (sources, mirrored, expected) in [
            (&[(1000, 400)][..], 900, ""),
            // A source far below the mirror's final slot is wrong
            (&[(700, 400)], 900, "1"),
            (&[(750, 400)], 900, ""),
            (&[(1000, 400), (700, 400)], 900, "2"),
            // If two sources may both be right, neither is wrong
            (&[(5000, 400), (1000, 400)], 900, ""),
            // Among three, the one that is far from the others is wrong
            (&[(5000, 400), (1000, 400), (5010, 400)], 900, "2"),
            (&[(1010, 400), (1000, 400), (9000, 400)], 900, "3"),
            (&[(1010, 400), (1000, 400), (1140, 400)], 900, ""),
            // Among four, one is wrong only if three are close to each other
            (
                &[(1000, 400), (1000, 400), (5000, 400), (5000, 400)],
                900,
                "",
            ),
            (
                &[(1000, 400), (5000, 400), (5000, 400), (5000, 400)],
                900,
                "1",
            ),
            // One that grows much too slowly
            (&[(1000, 9000), (1010, 420)], 900, "1"),
            (&[(1000, 850), (1010, 420)], 900, "1"),
            // A source that tells too many slots makes no other one slow, and if all are slow, the
            // cluster is
            (&[(1000, 500), (1010, 10)], 900, ""),
            (&[(1000, 9000), (1010, 8000)], 900, ""),
        ] {
            assert_eq!(
                wrong_ones(sources, mirrored),
                expected,
                "{sources:?} {mirrored}"
            );
        }
        assert_eq!(wrong(&[], 900), []);
    }

    #[test]
    fn two_that_are_far_apart_are_named() {
        assert_eq!(apart(&told(&[])), None);
        assert_eq!(apart(&told(&[(1000, 400), (1150, 400)])), None);
        let text = "rpc2 is 151 slots behind rpc1, and the mirror follows the lower one: a third node \
                    would show which one is wrong";
        assert_eq!(
            apart(&told(&[(1151, 400), (1000, 400)])).as_deref(),
            Some(text)
        );
    }

    #[test]
    fn it_is_measured_how_fast_a_slot_grows() {
        // Given a source that tells five slots in two seconds
        let mut now = Instant::now();
        let mut height = Height::default();
        for step in 0..=10_u64 {
            height.told(1000 + step * 5, now);
            now += SECOND * 2;
        }
        assert_eq!(height.slot_time, Some(Duration::from_millis(400)));
        // When it tells one slot in ten seconds, then that is noticed, though it grows
        for step in 1..=4 {
            now += SECOND * 10;
            height.told(1050 + step, now);
            assert!(!height.is_stuck(now, SECOND * 10));
        }
        assert!(height.slot_time > Some(SECOND * 5), "{height:?}");
        // When it does not grow, or goes back, then a slot takes all the time
        for slot in [1054, 900] {
            now += SECOND * 30;
            height.told(slot, now);
            assert_eq!(height.slot_time, Some(SECOND * 30));
            assert!(height.is_stuck(now, SECOND * 10));
        }
    }
}
