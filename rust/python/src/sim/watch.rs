//! When to look at the whole state: a rule of step numbers and nodes walked, never of the clock.

/// How many nodes `auto` may walk per step, on average. Any rejection may be the one that breaks atomicity, while
/// code that changes what it was only lent does so nearly each time.
pub const ATOMICITY_NODES: i64 = 8;
pub const PURITY_NODES: i64 = 1;
/// What a walk costs beside its nodes, in nodes.
const WALK: i64 = 2;
/// What may be saved up, so that a long quiet stretch is not followed by a burst.
const MAX_CREDIT: i64 = 200;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    Off,
    Always,
    /// At this share of the steps.
    Rate(f64),
    /// At every step while that is cheap.
    Auto,
}

#[derive(Clone, Debug)]
pub struct Watch {
    mode: Mode,
    /// Nodes per step.
    per_step: i64,
    credit: i64,
}

impl Watch {
    pub fn new(mode: Mode, per_step: i64) -> Self {
        Self {
            mode,
            per_step,
            credit: MAX_CREDIT,
        }
    }

    pub fn off(&self) -> bool {
        self.mode == Mode::Off
    }

    /// Whether to look at this step; called once per step.
    pub fn due(&mut self, step: u64) -> bool {
        match self.mode {
            Mode::Off => false,
            Mode::Always => true,
            Mode::Rate(rate) => (scatter(step) as f64) < rate * 18_446_744_073_709_551_616.0,
            Mode::Auto => {
                self.credit = (self.credit + self.per_step).min(MAX_CREDIT);
                self.credit > 0
            }
        }
    }

    /// Accounts for a walk.
    pub fn spend(&mut self, nodes: u64) {
        let price = i64::try_from(nodes).unwrap_or(i64::MAX / 4) + WALK;
        self.credit = self.credit.saturating_sub(price);
    }
}

/// Spreads step numbers over all of u64 (the finaliser of `SplitMix64`).
fn scatter(step: u64) -> u64 {
    let mut z = step.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
