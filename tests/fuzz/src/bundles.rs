//! Sends the calls of a run again: several in one transaction, some through another program, some
//! with bytes behind their arguments. The fuzzer's steps do none of this; the replay must
//! understand it.

use anyhow::{Result, ensure};

use crate::{
    actions::Rng,
    chain::Chain,
    model::Predicted,
    replayed::{AMBIGUOUS, Replayed},
    run::{Coverage, Start},
    sent::Sent,
    step::{Meta, Step},
    world::WORLDS,
};

/// The numbers of a run's transactions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Transactions with several calls.
    pub bundles: u64,
    /// Calls in them.
    pub calls: u64,
    /// Those of the transactions whose outcome was ambiguous.
    pub ambiguous: u64,
    /// Transactions that failed as a bundle, and were sent call by call.
    pub parted: u64,
}

impl Counts {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.bundles += other.bundles;
        self.calls += other.calls;
        self.ambiguous += other.ambiguous;
        self.parted += other.parted;
    }
}

/// The accepted calls that were not sent yet.
struct Bundle {
    chain: Chain,
    replayed: Replayed,
    waiting: Vec<(Step, u8)>,
    most: u64,
    counts: Counts,
}

fn sent(step: &Step, depth: u8) -> Option<Sent<'_>> {
    match step {
        Step::Call {
            voucher,
            data,
            metas,
        } => Some(Sent {
            voucher: voucher.as_deref(),
            data,
            metas,
            depth,
        }),
        _ => None,
    }
}

impl Bundle {
    fn flush(&mut self, rng: &mut Rng) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.most = 1 + rng.below(8);
        let calls: Vec<_> = waiting
            .iter()
            .filter_map(|(step, depth)| sent(step, *depth))
            .collect();
        if calls.is_empty() {
            return Ok(());
        }
        if let Ok(ambiguous) = self.send(&calls)? {
            self.counts.bundles += 1;
            self.counts.calls += calls.len() as u64;
            self.counts.ambiguous += u64::from(ambiguous);
            return Ok(());
        }
        // Signatures and write access count for the whole transaction, so a call may mean
        // something else in a bundle.
        self.counts.parted += 1;
        for call in calls {
            let alone = Sent { depth: 0, ..call };
            ensure!(self.send(&[alone])?.is_ok(), "it was accepted before");
        }
        Ok(())
    }

    /// Sends a transaction. Returns whether its outcome was ambiguous.
    fn send(&mut self, calls: &[Sent<'_>]) -> Result<Result<bool, ()>> {
        let metas: Vec<Meta> = calls.iter().flat_map(|call| call.metas).copied().collect();
        self.replayed.before(&self.chain, &metas);
        let Ok(record) = self.chain.send_all(calls) else {
            return Ok(Err(()));
        };
        let outcome = self.replayed.compare(&self.chain, &record)?;
        Ok(Ok(outcome == AMBIGUOUS))
    }
}

impl Start {
    /// Generates the run of this seed, and sends its accepted calls again in transactions of up to
    /// eight calls.
    ///
    /// # Errors
    /// Any difference between replay and chain.
    pub fn bundled(&self, seed: u64) -> Result<Counts> {
        let (steps, _) = self.fuzz(seed, &mut Coverage::new());
        let mut run = self.run(Rng(seed).number() % WORLDS);
        let mut rng = Rng(seed ^ 0x5eed);
        let mut bundle = Bundle {
            chain: run.chain.clone(),
            replayed: Replayed::default(),
            waiting: Vec::new(),
            most: 1,
            counts: Counts::default(),
        };
        for step in &steps {
            let predicted = run.model.predict(step);
            if let Step::Call { .. } = step {
                if run.accepts(step)? {
                    let depth = if rng.percent(40) {
                        1 + rng.below(2) as u8
                    } else {
                        0
                    };
                    let mut step = step.clone();
                    if rng.percent(20)
                        && let Step::Call { data, .. } = &mut step
                    {
                        // The program ignores bytes behind the arguments.
                        data.extend([0xab; 3]);
                    }
                    bundle.waiting.push((step, depth));
                }
                if bundle.waiting.len() as u64 >= bundle.most {
                    bundle.flush(&mut rng)?;
                }
                continue;
            }
            bundle.flush(&mut rng)?;
            run.step(step)?;
            match step {
                Step::Time(_) => bundle.chain.set_time(run.model.now),
                _ => {
                    if let Predicted::Accepted(writes) = &predicted {
                        for (key, cell) in writes {
                            bundle.chain.put(key, cell)?;
                        }
                    }
                }
            }
        }
        bundle.flush(&mut rng)?;
        Ok(bundle.counts)
    }
}
