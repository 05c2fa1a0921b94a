//! The one generator. Its stream is fixed for ever: a seed that a release prints means the same in the next.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// The stream that scenarios draw from; the planner has its own.
pub const SCENARIO_STREAM: u64 = 0;

/// `ChaCha8` seeded from 64 bits, equal to `rand_chacha::ChaCha8Rng::seed_from_u64` bit for bit.
#[derive(Clone, Debug)]
pub struct ChaCha8 {
    seed: u64,
    generator: ChaCha8Rng,
}

impl ChaCha8 {
    /// Streams of one seed are independent of each other; stream 0 is the plain generator.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self { seed, generator }
    }

    /// The generator after it has given `words` words of 32 bits.
    pub fn at(seed: u64, stream: u64, words: u128) -> Self {
        let mut rng = Self::new(seed, stream);
        rng.generator.set_word_pos(words);
        rng
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn stream(&self) -> u64 {
        self.generator.get_stream()
    }

    /// How many words of 32 bits were given so far.
    pub fn words(&self) -> u128 {
        self.generator.get_word_pos()
    }

    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        self.generator.next_u32()
    }

    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// An integer from 0 to `n - 1`, drawn as `gen_range(0..n)` of rand 0.8.5 does over `u64`.
    /// `n = 0` stands for 2^64, the full range.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return self.next_u64();
        }
        let zone = (n << n.leading_zeros()).wrapping_sub(1);
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 <= zone {
                return (product >> 64) as u64;
            }
        }
    }

    /// True with this probability, drawn as `gen_bool` of rand 0.8.5 does.
    #[inline]
    pub fn chance(&mut self, probability: f64) -> bool {
        const SCALE: f64 = 18_446_744_073_709_551_616.0; // 2^64
        probability >= 1.0 || self.next_u64() < (probability * SCALE) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::ChaCha8;

    #[test]
    fn the_stream_of_seed_0_is_the_reference() {
        let mut rng = ChaCha8::new(0, 0);
        let words: Vec<u32> = (0..4).map(|_| rng.next_u32()).collect();
        assert_eq!(
            words,
            [2_811_902_828, 3_045_455_719, 3_134_767_159, 2_001_118_559]
        );
        let mut rng = ChaCha8::new(12345, 0);
        assert_eq!(rng.next_u64(), 1_359_602_502_065_542_099);
    }

    #[test]
    fn streams_of_one_seed_differ() {
        assert_ne!(ChaCha8::new(1, 0).next_u64(), ChaCha8::new(1, 1).next_u64());
    }

    #[test]
    fn a_position_resumes_the_stream_wherever_it_was() {
        for taken in [0, 1, 15, 16, 63, 64, 129] {
            let mut rng = ChaCha8::new(7, 3);
            for _ in 0..taken {
                rng.next_u32();
            }
            let mut resumed = ChaCha8::at(rng.seed(), rng.stream(), rng.words());
            for _ in 0..70 {
                assert_eq!(resumed.next_u64(), rng.next_u64());
                assert_eq!(resumed.next_u32(), rng.next_u32());
            }
        }
    }

    #[test]
    fn below_is_the_high_half_of_the_product_unless_it_is_rejected() {
        let (mut rng, mut raw) = (ChaCha8::new(3, 0), ChaCha8::new(3, 0));
        for n in [1, 2, 3, 100, 1 << 53, (1 << 63) + 1, u64::MAX, 0] {
            for _ in 0..50 {
                let value = rng.below(n);
                let expected = loop {
                    let word = raw.next_u64();
                    if n == 0 {
                        break word;
                    }
                    // gen_range accepts words whose product has a low half of less than n times a power of two.
                    let shifted = u128::from(n) << n.leading_zeros();
                    let product = u128::from(word) * u128::from(n);
                    if product % (1 << 64) < shifted {
                        break (product / (1 << 64)) as u64;
                    }
                };
                assert_eq!(value, expected, "n = {n}");
            }
        }
    }

    #[test]
    fn a_chance_is_met_about_as_often_as_asked() {
        let mut rng = ChaCha8::new(1, 0);
        let met = (0..10_000).filter(|_| rng.chance(0.25)).count();
        assert!((2_300..2_700).contains(&met), "{met}");
        assert!((0..100).all(|_| rng.chance(1.0)));
        assert!(!(0..100).any(|_| rng.chance(0.0)));
    }
}
