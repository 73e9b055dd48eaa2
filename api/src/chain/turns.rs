//! Turns of the node, shared fairly by the networks that ask.
//!
//! A turn that becomes free goes to the network that has the fewest. So a network that has many slow
//! requests delays another one by one turn at most, however many of its own wait. And it never has more than
//! half of the turns, so that another network finds one free even while no call ends. Within a wide network,
//! too, the one with the fewest turns comes first; of those with as many, the one that has gone without one longest,
//! since it was served or since it came. So a newcomer to a wide network waits for one turn of each that came before
//! it, however many requests each has, and nobody waits for newcomers.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Most calls that wait for a turn. One more takes the place of the newest of the network that has most
/// of them waiting.
const MOST_WAITING: usize = 1024;

tokio::task_local! {
    static CALLER: Caller;
}

/// Runs what a client's request asks of the node in the turns of this address.
pub(crate) async fn for_client<T>(address: IpAddr, work: impl Future<Output = T>) -> T {
    CALLER.scope(Caller::of(address), work).await
}

/// Runs what all clients share in turns of our own.
pub(super) async fn for_all<T>(work: impl Future<Output = T>) -> T {
    CALLER.scope(Caller::default(), work).await
}

/// The networks of a caller, the narrowest first; none for work that nobody has asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Caller([Option<Network>; 3]);

/// The first bits of an address, and how many they are.
type Network = (u128, u8);

/// By how much the narrowest network, the next one and the widest one are weighed: a wide network has
/// many users.
const WEIGHTS: [usize; 3] = [6, 3, 2];

impl Caller {
    /// The caller whose request this task works on.
    pub(super) fn current() -> Self {
        CALLER.try_with(|caller| *caller).unwrap_or_default()
    }

    /// The networks that `crate::limits` tells apart.
    fn of(address: IpAddr) -> Self {
        let (bits, lengths) = match address.to_canonical() {
            // Behind the prefix of mapped addresses, which no IPv6 address of a client has.
            IpAddr::V4(address) => (address.to_ipv6_mapped().to_bits(), [128, 120, 0]),
            IpAddr::V6(address) => (address.to_bits(), [64, 48, 32]),
        };
        Self(lengths.map(|length: u8| {
            let mask = u128::MAX.checked_shl(128 - u32::from(length))?;
            Some((bits & mask, length))
        }))
    }

    /// The networks that take turns within the widest one, the wider one first; twice the same if there is one.
    fn narrow(&self) -> [Option<Network>; 2] {
        let [narrowest, next, widest] = self.0;
        let next = if widest.is_some() { next } else { narrowest };
        [next, narrowest]
    }

    fn networks(&self) -> impl Iterator<Item = (Network, usize)> {
        let networks = self.0.into_iter().zip(WEIGHTS);
        networks.filter_map(|(network, weight)| Some((network?, weight)))
    }

    /// How much its networks have, the one that has most first. So the most crowded network decides, and
    /// within it the next one.
    fn rank(&self, count: impl Fn(Network) -> usize) -> [usize; 3] {
        let mut rank = [0; 3];
        for (place, (network, weight)) in rank.iter_mut().zip(self.networks()) {
            *place = count(network) * weight;
        }
        rank.sort_unstable_by(|one, other| other.cmp(one));
        rank
    }

    /// Whether one of its networks has as many turns as it may have of `turns`: the narrowest one half, the
    /// next one five eighths, the widest one three quarters. So in each of them, others find a turn.
    fn is_full(&self, turns: usize, held: impl Fn(Network) -> usize) -> bool {
        let most = [turns / 2, turns * 5 / 8, turns * 3 / 4];
        let mut networks = self.0.into_iter().zip(most);
        networks.any(|(network, most)| network.is_some_and(|network| held(network) >= most))
    }
}

/// A number of calls that may run at the same time.
#[derive(Debug)]
pub(super) struct Turns {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// All turns.
    turns: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Turns of each network that has some.
    held: HashMap<Network, usize>,
    /// Those who wait, by their networks. No queue is empty.
    waiting: HashMap<Caller, VecDeque<Waiter>>,
    /// How many of each network wait, if some do.
    crowds: HashMap<Network, usize>,
    /// When narrow networks that have turns or wait were last served, as a number in the order of `next`.
    served: HashMap<Network, u64>,
    /// How many wait.
    count: usize,
    /// The number of the next one that comes or is served.
    next: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    turn: oneshot::Sender<Turn>,
}

/// A place in the queue. Dropping it gives it up.
struct Place<'a> {
    shared: &'a Shared,
    caller: Caller,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let number = self.number;
        self.shared.state().remove(&self.caller, |queue| {
            let place = queue.binary_search_by_key(&number, |waiter| waiter.number);
            queue.remove(place.ok()?)
        });
    }
}

/// A turn. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Turn {
    shared: Arc<Shared>,
    caller: Caller,
    /// Whether it was handed over to somebody.
    is_over: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_over {
            let mut state = self.shared.state();
            state.release(&self.caller);
            self.shared.serve(&mut state);
        }
    }
}

impl Turns {
    pub(super) fn new(turns: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                turns,
                state: Mutex::new(State {
                    free: turns,
                    held: HashMap::new(),
                    waiting: HashMap::new(),
                    crowds: HashMap::new(),
                    served: HashMap::new(),
                    count: 0,
                    next: 0,
                }),
            }),
        }
    }

    /// Waits for a turn of the caller; `None` if too many wait. A caller that stops waiting loses its place.
    pub(super) async fn take(&self) -> Option<Turn> {
        let caller = Caller::current();
        let (sender, turn) = oneshot::channel();
        let _place = {
            let mut state = self.shared.state();
            let number = state.join(caller, sender);
            // Those who waited before still have to.
            if !state.is_full(&caller, self.shared.turns) {
                self.shared.serve(&mut state);
            }
            Place {
                shared: &self.shared,
                caller,
                number,
            }
        };
        turn.await.ok()
    }

    /// Whether the caller would not have to wait, and nobody waits.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.shared.state();
        let is_full = || state.is_full(&Caller::current(), self.shared.turns);
        state.free > 0 && state.count == 0 && !is_full()
    }

    /// How many are free.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.shared.state().free
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over turns while there are any, and somebody may have one.
    fn serve(self: &Arc<Self>, state: &mut State) {
        while let Some((caller, waiter)) = state.choose(self.turns) {
            state.hold(&caller);
            let turn = Turn {
                shared: Arc::clone(self),
                caller,
                is_over: false,
            };
            if let Err(mut refused) = waiter.turn.send(turn) {
                // Nobody waits there any more.
                refused.is_over = true;
                state.release(&caller);
            }
        }
    }
}

impl State {
    fn hold(&mut self, caller: &Caller) {
        self.free -= 1;
        for (network, _) in caller.networks() {
            *self.held.entry(network).or_default() += 1;
        }
        let number = self.number();
        for network in caller.narrow().into_iter().flatten() {
            self.served.insert(network, number);
        }
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// Forgets when those were served that neither have a turn nor wait: they would be newcomers.
    fn forget(&mut self, caller: &Caller) {
        for network in caller.narrow().into_iter().flatten() {
            if !self.held.contains_key(&network) && !self.crowds.contains_key(&network) {
                self.served.remove(&network);
            }
        }
    }

    fn release(&mut self, caller: &Caller) {
        self.free += 1;
        for (network, _) in caller.networks() {
            if let Some(held) = self.held.get_mut(&network) {
                *held -= 1;
                if *held == 0 {
                    self.held.remove(&network);
                }
            }
        }
        self.forget(caller);
    }

    fn held(&self, network: Network) -> usize {
        self.held.get(&network).copied().unwrap_or_default()
    }

    fn is_full(&self, caller: &Caller, turns: usize) -> bool {
        caller.is_full(turns, |network| self.held(network))
    }

    /// Somebody waits from now on. Returns the number of the place.
    fn join(&mut self, caller: Caller, turn: oneshot::Sender<Turn>) -> u64 {
        let number = self.number();
        let queue = self.waiting.entry(caller).or_default();
        queue.push_back(Waiter { number, turn });
        self.count += 1;
        for (network, _) in caller.networks() {
            *self.crowds.entry(network).or_default() += 1;
        }
        if self.count > MOST_WAITING {
            self.refuse();
        }
        number
    }

    /// Refuses the newest of the network that has most of them, of any width, and within a wide one of
    /// the narrower one that has most.
    fn refuse(&mut self) {
        let crowd = |network| self.crowds.get(&network).copied().unwrap_or_default();
        let newest = |queue: &VecDeque<Waiter>| queue.back().map(|waiter| waiter.number);
        let queues = self.waiting.iter();
        let largest = queues.max_by_key(|(caller, queue)| (caller.rank(crowd), newest(queue)));
        if let Some(caller) = largest.map(|(caller, _)| *caller) {
            self.remove(&caller, VecDeque::pop_back);
        }
    }

    fn remove(
        &mut self,
        caller: &Caller,
        from: impl Fn(&mut VecDeque<Waiter>) -> Option<Waiter>,
    ) -> Option<Waiter> {
        let queue = self.waiting.get_mut(caller)?;
        let waiter = from(queue);
        if queue.is_empty() {
            self.waiting.remove(caller);
        }
        if waiter.is_some() {
            self.count -= 1;
            for (network, _) in caller.networks() {
                if let Some(crowd) = self.crowds.get_mut(&network) {
                    *crowd -= 1;
                    if *crowd == 0 {
                        self.crowds.remove(&network);
                    }
                }
            }
            self.forget(caller);
        }
        waiter
    }

    /// The next one, if a turn is free: of the networks with the fewest turns, the one that has gone without one
    /// longest, since it was served or since it came. Of two in a wide network, the one whose narrower
    /// network has fewer comes first.
    fn choose(&mut self, turns: usize) -> Option<(Caller, Waiter)> {
        if self.free == 0 {
            return None;
        }
        let queues = self.waiting.iter().filter_map(|(caller, queue)| {
            if self.is_full(caller, turns) {
                return None;
            }
            let rank = caller.rank(|network| self.held(network));
            let number = queue.front()?.number;
            let served = |network| self.served.get(&network).copied();
            let since = caller
                .narrow()
                .map(|network| network.and_then(served).unwrap_or(number));
            Some(((rank, since, number), *caller))
        });
        let (_, caller) = queues.min_by_key(|(rank, _)| *rank)?;
        let waiter = self.remove(&caller, VecDeque::pop_front)?;
        Some((caller, waiter))
    }
}

#[cfg(test)]
mod tests;
