//! Numbers nobody chose, from a seed that a failed test prints: SplitMix64 (Steele, Lea, Flood 2014).

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// A source of numbers.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A new one; its seed goes to standard error, which cargo shows where a test fails.
    pub fn new() -> Self {
        let seed = RandomState::new().build_hasher().finish();
        eprintln!("random seed {seed}");
        Self::from_seed(seed)
    }

    /// The one that this seed makes.
    pub const fn from_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which must not be zero.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next_number() % end
    }

    /// A time below `end`, by the microsecond.
    pub fn time_below(&mut self, end: Duration) -> Duration {
        let micros = u64::try_from(end.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(self.below(micros))
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}
