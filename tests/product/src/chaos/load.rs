//! The actions of the wallets meanwhile, and the journal of them. The journal is the truth: every transaction in it
//! was confirmed by the validator itself.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use tokio::time::sleep;
use vouch_client::{Code, instructions, pda};

use crate::Scene;

/// Codes at the beginning.
const CODES: usize = 4;
/// Wallets that act at the same time.
const ACTORS: u64 = 3;
/// A conversion is cancelled only this soon after it, well within its hold.
const YOUNG: Duration = Duration::from_secs(4);

/// A code and its owner.
pub(super) struct Owned {
    pub(super) code: Code,
    pub(super) owner: Keypair,
}

/// A conversion.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    pub(super) conversion: Pubkey,
    /// Place of its code among [`Load::codes`].
    pub(super) code: usize,
    pub(super) at: Instant,
    /// The company cancelled it, or has begun to.
    pub(super) cancelled: bool,
}

/// The wallets.
pub(super) struct Load {
    scene: std::sync::Arc<Scene>,
    seed: u64,
    codes: Vec<Owned>,
    sales: Mutex<Vec<Sale>>,
    stopped: AtomicBool,
}

impl Load {
    /// Registers the codes.
    pub(super) async fn new(scene: std::sync::Arc<Scene>, seed: u64) -> Self {
        let mut codes = Vec::new();
        for number in 0..CODES {
            let owner = Keypair::new();
            let code: Code = format!("CHA{}S234", char::from(b'P' + number as u8))
                .parse()
                .expect("a code");
            scene.register(&owner, &code).await;
            codes.push(Owned { code, owner });
        }
        Self {
            scene,
            seed,
            codes,
            sales: Mutex::default(),
            stopped: AtomicBool::new(false),
        }
    }

    pub(super) fn codes(&self) -> &[Owned] {
        &self.codes
    }

    pub(super) fn sales(&self) -> Vec<Sale> {
        self.journal().clone()
    }

    fn journal(&self) -> std::sync::MutexGuard<'_, Vec<Sale>> {
        self.sales.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, nothing new is begun.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Acts until it is stopped, and everything that was begun is confirmed.
    pub(super) async fn run(&self) {
        let actors = (0..ACTORS).map(|actor| self.act(StdRng::seed_from_u64(self.seed ^ actor)));
        futures::future::join_all(actors).await;
    }

    async fn act(&self, mut random: StdRng) {
        while !self.stopped.load(Ordering::SeqCst) {
            if random.gen_ratio(1, 6) {
                self.cancel(&mut random).await;
            } else {
                self.convert(random.gen_range(0..CODES)).await;
            }
            sleep(Duration::from_millis(random.gen_range(0..500))).await;
        }
    }

    async fn convert(&self, code: usize) {
        let Some(Owned { code: text, owner }) = self.codes.get(code) else {
            return;
        };
        let referee = Keypair::new();
        let conversion = pda::conversion(&self.scene.campaign, &referee.pubkey().to_bytes());
        let convert = self.scene.conversion_with(text, &owner.pubkey(), &referee);
        self.scene.send(&[convert], &[&referee]).await;
        self.journal().push(Sale {
            conversion,
            code,
            at: Instant::now(),
            cancelled: false,
        });
    }

    async fn cancel(&self, random: &mut StdRng) {
        let chosen = {
            let mut journal = self.journal();
            let young: Vec<_> = (0..journal.len())
                .rev()
                .take_while(|place| journal[*place].at.elapsed() < YOUNG)
                .filter(|place| !journal[*place].cancelled)
                .collect();
            if young.is_empty() {
                return;
            }
            let place = young[random.gen_range(0..young.len())];
            journal[place].cancelled = true;
            journal[place].clone()
        };
        let Some(Owned { code, owner }) = self.codes.get(chosen.code) else {
            return;
        };
        let recorded = self.scene.recorded(&chosen.conversion).await;
        let cancel = self.scene.offer(code, &owner.pubkey(), |offer| {
            instructions::cancel_conversion(offer, &chosen.conversion, &recorded)
        });
        self.scene.send(&[cancel], &[]).await;
    }
}
