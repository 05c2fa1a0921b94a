//! The one source of choices: drawn at random, replayed from a record, or enumerated one after the other.

use crate::rng::ChaCha8;

macro_rules! methods {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// What asked for a draw. The names are part of the format of stored runs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method { $($variant),+ }

        impl Method {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

methods! {
    Chance = "chance",
    Choice = "choice",
    Choices = "choices",
    GetRandBits = "getrandbits",
    NextU32 = "next_u32",
    NextU64 = "next_u64",
    RandInt = "randint",
    Random = "random",
    RandRange = "randrange",
    Sample = "sample",
    Shuffle = "shuffle",
    Skewed = "skewed",
    Uniform = "uniform",
}

/// One choice: `value` out of `0..bound`, where a bound of 0 stands for 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    pub method: Method,
    pub bound: u64,
    pub value: u64,
}

/// The first place where a strict replay no longer fits its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Which draw, counted from 0.
    pub index: usize,
    /// What the record says, or None where it has ended.
    pub expected: Option<Draw>,
    /// What was asked for, with its bound, or None where recorded draws were left over.
    pub found: Option<(Method, u64)>,
}

/// A draw that was enumerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub arity: u64,
    pub taken: u64,
}

/// Weights of choices, ready to be drawn from. Choices of weight 0 never come up.
#[derive(Clone, Debug)]
pub struct Weights {
    indices: Vec<usize>,
    ends: Vec<u64>,
}

impl Weights {
    /// None if all weights are 0 or their sum exceeds 64 bits.
    pub fn new(weights: &[u64]) -> Option<Self> {
        let (mut indices, mut ends, mut total) = (Vec::new(), Vec::new(), 0_u64);
        for (index, &weight) in weights
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight > 0)
        {
            total = total.checked_add(weight)?;
            indices.push(index);
            ends.push(total);
        }
        (total > 0).then_some(Self { indices, ends })
    }

    fn sample(&self, rng: &mut ChaCha8) -> u64 {
        let point = rng.below(self.ends[self.ends.len() - 1]);
        self.ends.partition_point(|&end| end <= point) as u64
    }
}

/// A range of so many integers is drawn from evenly; in a wider one small numbers are likelier.
const NARROW: u64 = 256;

fn skewed(rng: &mut ChaCha8, bound: u64, often: f64, likely: &[u64]) -> u64 {
    if !likely.is_empty() && rng.chance(often) {
        return likely[rng.below(likely.len() as u64) as usize];
    }
    if (1..=NARROW).contains(&bound) {
        return rng.below(bound);
    }
    let bits = u64::BITS - bound.wrapping_sub(1).leading_zeros();
    let width = 1 + rng.below(bits.into()) as u32;
    rng.below(if width == bits { bound } else { 1 << width })
}

/// So many draws after the end of a script give 0. Then chance goes on: a scenario that draws until it likes
/// what it gets must come to an end.
const ZEROS: usize = 64;
/// An enumeration follows a step for so many draws; the rest of it is sampled, for the same reason.
const MAX_CHOICES: usize = 4_096;

#[derive(Debug)]
struct Replay {
    script: Vec<Draw>,
    beyond: ChaCha8,
    next: usize,
    strict: bool,
    divergence: Option<Divergence>,
}

impl Replay {
    fn draw(&mut self, method: Method, bound: u64) -> u64 {
        let expected = self.script.get(self.next).copied();
        let fits = expected.is_some_and(|draw| draw.method == method && draw.bound == bound);
        if self.strict && !fits && self.divergence.is_none() {
            self.divergence = Some(Divergence {
                index: self.next,
                expected,
                found: Some((method, bound)),
            });
        }
        self.next += 1;
        match expected {
            Some(draw) => draw.value.min(bound.wrapping_sub(1)),
            None if self.next <= self.script.len() + ZEROS => 0,
            None if bound == 0 => self.beyond.next_u64(),
            None => self.beyond.below(bound),
        }
    }

    /// The first recorded draw that nobody asked for.
    fn left_over(&self) -> Option<Divergence> {
        let expected = self.script.get(self.next).copied();
        expected.filter(|_| self.strict).map(|_| Divergence {
            index: self.next,
            expected,
            found: None,
        })
    }
}

/// How many choices of a wide draw are tried.
const WIDE_SAMPLES: u64 = 3;

#[derive(Debug)]
struct Enumerate {
    path: Vec<u64>,
    choices: Vec<Choice>,
    wide_limit: u64,
    sampler: ChaCha8,
    sampled: bool,
}

impl Enumerate {
    fn draw(&mut self, bound: u64, sample: impl FnOnce(&mut ChaCha8) -> u64) -> u64 {
        if self.choices.len() >= MAX_CHOICES {
            self.sampled = true;
            return sample(&mut self.sampler);
        }
        let wide = bound == 0 || bound > self.wide_limit;
        self.sampled |= wide;
        // Of a wide draw the lowest, the highest and some other choice are tried.
        let arity = if wide { WIDE_SAMPLES } else { bound };
        let given = self.path.get(self.choices.len()).copied().unwrap_or(0);
        let taken = given.min(arity - 1);
        self.choices.push(Choice { arity, taken });
        match taken {
            1 if wide => bound.wrapping_sub(1),
            2 if wide => sample(&mut self.sampler),
            taken => taken,
        }
    }
}

#[derive(Debug)]
enum Source {
    Random(ChaCha8),
    Replay(Replay),
    Enumerate(Enumerate),
}

/// The source behind every random choice of a run, with an optional log of what it gave.
#[derive(Debug)]
pub struct Draws {
    source: Source,
    log: Option<Vec<Draw>>,
}

impl Draws {
    pub fn random(rng: ChaCha8) -> Self {
        Self {
            source: Source::Random(rng),
            log: None,
        }
    }

    /// Gives the recorded draws again. Where a bound differs, the value is cut to fit; after the last one
    /// comes 0, after many of those chance. A strict replay also notes where it first differed.
    pub fn replay(script: Vec<Draw>, strict: bool) -> Self {
        let replay = Replay {
            script,
            beyond: ChaCha8::new(0, 0),
            next: 0,
            strict,
            divergence: None,
        };
        Self {
            source: Source::Replay(replay),
            log: None,
        }
    }

    /// Follows `path`, then takes 0. Of a draw of more than `wide_limit` choices only three are gone through:
    /// the lowest, the highest, and one from `sampler`.
    pub fn enumerate(path: Vec<u64>, wide_limit: u64, sampler: ChaCha8) -> Self {
        let choices = Vec::with_capacity(path.len());
        let source = Enumerate {
            path,
            choices,
            wide_limit,
            sampler,
            sampled: false,
        };
        Self {
            source: Source::Enumerate(source),
            log: None,
        }
    }

    /// Goes on as a replay of `script`. The log, if there is one, goes on too.
    pub fn load_replay(&mut self, script: Vec<Draw>, strict: bool) {
        self.source = Self::replay(script, strict).source;
    }

    /// An integer from 0 to `bound - 1`; a bound of 0 stands for 2^64.
    #[inline]
    pub fn below(&mut self, method: Method, bound: u64) -> u64 {
        if let (Source::Random(rng), None) = (&mut self.source, &self.log) {
            return rng.below(bound);
        }
        self.draw(method, bound, |rng| rng.below(bound))
    }

    /// The next 32 bits of the stream.
    #[inline]
    pub fn raw_u32(&mut self) -> u32 {
        self.draw(Method::NextU32, 1 << 32, |rng| rng.next_u32().into()) as u32
    }

    /// The next 64 bits of the stream.
    #[inline]
    pub fn raw_u64(&mut self) -> u64 {
        self.draw(Method::NextU64, 0, ChaCha8::next_u64)
    }

    /// True with this probability. It counts as one draw out of 2 (1 is true), so that it can be enumerated and
    /// lowered; what is certain draws nothing.
    #[inline]
    pub fn chance(&mut self, method: Method, probability: f64) -> bool {
        if probability <= 0.0 || probability >= 1.0 {
            return probability >= 1.0;
        }
        self.draw(method, 2, |rng| rng.chance(probability).into()) == 1
    }

    /// The index of a choice, drawn by weight. It counts as one draw out of as many as have a weight.
    pub fn weighted(&mut self, method: Method, weights: &Weights) -> usize {
        let bound = weights.indices.len() as u64;
        let place = self.draw(method, bound, |rng| weights.sample(rng));
        weights.indices[place as usize]
    }

    /// An integer from 0 to `bound - 1`, a small one more likely than a large one, `likely` ones `often`. It is one
    /// draw all the same, which goes down as one. A bound of 0 stands for 2^64.
    pub fn skewed(&mut self, bound: u64, often: f64, likely: &[u64]) -> u64 {
        self.draw(Method::Skewed, bound, |rng| {
            skewed(rng, bound, often, likely)
        })
    }

    #[inline]
    fn draw(
        &mut self,
        method: Method,
        bound: u64,
        sample: impl FnOnce(&mut ChaCha8) -> u64,
    ) -> u64 {
        let value = match &mut self.source {
            Source::Random(rng) => sample(rng),
            Source::Replay(replay) => replay.draw(method, bound),
            Source::Enumerate(enumerate) => enumerate.draw(bound, sample),
        };
        if let Some(log) = &mut self.log {
            log.push(Draw {
                method,
                bound,
                value,
            });
        }
        value
    }

    /// Logs every draw from now on.
    pub fn start_log(&mut self) {
        self.log = Some(Vec::new());
    }

    /// What was logged since the start or the last take. Logging goes on.
    pub fn take_log(&mut self) -> Vec<Draw> {
        self.log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub fn stop_log(&mut self) {
        self.log = None;
    }

    /// Where a strict replay first differed from its record, all of which should have been asked for by now.
    pub fn divergence(&self) -> Option<Divergence> {
        match &self.source {
            Source::Replay(replay) => replay.divergence.or_else(|| replay.left_over()),
            _ => None,
        }
    }

    /// The generator behind the draws, where they are random.
    pub fn generator(&self) -> Option<&ChaCha8> {
        match &self.source {
            Source::Random(rng) => Some(rng),
            _ => None,
        }
    }

    /// Whether an enumeration met a draw that was too wide for it.
    pub fn sampled(&self) -> bool {
        matches!(&self.source, Source::Enumerate(enumerate) if enumerate.sampled)
    }

    /// The draws that were enumerated, in order.
    pub fn choices(&self) -> &[Choice] {
        match &self.source {
            Source::Enumerate(enumerate) => &enumerate.choices,
            _ => &[],
        }
    }

    /// The path after this one, as an odometer counts, or None after the last.
    pub fn next_path(&self) -> Option<Vec<u64>> {
        let choices = self.choices();
        let turned = choices
            .iter()
            .rposition(|choice| choice.taken + 1 < choice.arity)?;
        let mut path: Vec<u64> = choices[..=turned]
            .iter()
            .map(|choice| choice.taken)
            .collect();
        path[turned] += 1;
        Some(path)
    }
}

#[cfg(test)]
#[path = "draws_tests.rs"]
mod tests;
