//! When to look at the whole state: a rule of seed, step number and nodes walked, never of the clock.

/// How many nodes `auto` may walk per step, on average. Any rejection may be the one that breaks atomicity, while
/// code that changes what it was only lent does so nearly each time.
pub const ATOMICITY_NODES: u64 = 32;
pub const PURITY_NODES: u64 = 2;
/// What a walk costs beside its nodes, in nodes.
const WALK: u64 = 6;

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
    budget: u64,
    /// Other seeds look at other steps.
    salt: u64,
    /// What the last look cost, and what the one at hand has cost so far.
    price: u64,
    spent: u64,
}

impl Watch {
    pub fn new(mode: Mode, budget: u64, seed: u64) -> Self {
        Self {
            mode,
            budget,
            salt: scatter(seed),
            price: 0,
            spent: 0,
        }
    }

    pub fn off(&self) -> bool {
        self.mode == Mode::Off
    }

    /// Whether to look at this step.
    #[inline]
    pub fn due(&mut self, step: u64) -> bool {
        match self.mode {
            Mode::Off => false,
            Mode::Always => true,
            Mode::Rate(rate) => {
                (scatter(step ^ self.salt) as f64) < rate * 18_446_744_073_709_551_616.0
            }
            Mode::Auto => {
                if self.spent > 0 {
                    self.price = std::mem::take(&mut self.spent);
                }
                // A random number below the price, by multiplication: a division costs more.
                let drawn = u128::from(scatter(step ^ self.salt)) * u128::from(self.price);
                self.price <= self.budget || ((drawn >> 64) as u64) < self.budget
            }
        }
    }

    /// Whether to look at what happens seldom, so that it costs little to look every time.
    pub fn due_seldom(&self, due_now: bool) -> bool {
        match self.mode {
            Mode::Off | Mode::Rate(_) => due_now,
            Mode::Always | Mode::Auto => true,
        }
    }

    /// Accounts for a walk.
    #[inline]
    pub fn spend(&mut self, nodes: u64) {
        self.spent = self.spent.saturating_add(nodes).saturating_add(WALK);
    }
}

/// Spreads step numbers over all of u64 (the finaliser of `SplitMix64`).
fn scatter(step: u64) -> u64 {
    let mut z = step.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
