//! A fixed 128-bit hash over a stream of words.
//!
//! No seed, no pointers, no platform byte order: the same words give the same hash on every machine and in every
//! release. It guards against accidents, not against an adversary.
//!
//! Each step folds the full 128-bit product of state and input, as wyhash and rapidhash do, in two lanes that use
//! the inputs in opposite roles. A step may merge two different states of one lane with probability 2^-64, but of
//! both only with about 2^-128.

// A step is a handful of instructions in the innermost loops of the walk.
#![allow(clippy::inline_always)]

const START: [u64; 2] = [0x2d35_8dcc_aa6c_78a5, 0x8bb8_4b93_962e_acc9];
const LANE: [u64; 2] = [0x4b33_a62e_d433_d4a3, 0x4d5a_2da5_1de1_aa47];
const LAST: [u64; 2] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];

#[inline(always)]
fn fold(x: u64, y: u64) -> u64 {
    let product = u128::from(x).wrapping_mul(u128::from(y));
    (product as u64) ^ ((product >> 64) as u64)
}

/// Eight bytes, little-endian on every machine; shorter input is padded with zeros.
#[inline(always)]
fn read(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(word)
}

/// At most eight bytes as one word. Different inputs of one length give different words.
#[inline(always)]
fn read_short(bytes: &[u8]) -> u64 {
    let four = |at: usize| {
        let mut word = [0; 4];
        word.copy_from_slice(&bytes[at..at + 4]);
        u64::from(u32::from_le_bytes(word))
    };
    match bytes.len() {
        0 => 0,
        1..=3 => {
            let len = bytes.len();
            u64::from(bytes[0]) | u64::from(bytes[len / 2]) << 8 | u64::from(bytes[len - 1]) << 16
        }
        len => four(0) | four(len - 4) << 32,
    }
}

/// The state of the hash: 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mixer {
    a: u64,
    b: u64,
}

impl Default for Mixer {
    fn default() -> Self {
        Self::new()
    }
}

impl Mixer {
    /// The state before any word.
    #[inline(always)]
    pub const fn new() -> Self {
        Self {
            a: START[0],
            b: START[1],
        }
    }

    /// Takes two words. By convention `tag` says what `word` means; both may be any value.
    #[inline(always)]
    pub fn absorb(&mut self, word: u64, tag: u64) {
        self.a = fold(self.a ^ word, tag ^ LANE[0]);
        self.b = fold(self.b ^ tag, word ^ LANE[1]);
    }

    /// Takes a byte string of any length. `tag` must be below 2^8.
    #[inline(always)]
    pub fn absorb_bytes(&mut self, bytes: &[u8], tag: u64) {
        let len = bytes.len() as u64;
        if len <= 8 {
            self.absorb(read_short(bytes), tag | len << 8);
        } else {
            self.absorb_long(bytes, tag | len << 8);
        }
    }

    #[inline(never)]
    fn absorb_long(&mut self, bytes: &[u8], header: u64) {
        let (first, last) = (read(bytes), read(&bytes[bytes.len() - 8..]));
        self.absorb(first, header);
        if bytes.len() > 16 {
            for pair in bytes[8..].chunks_exact(16) {
                self.absorb(read(pair), read(&pair[8..]));
            }
            // The last 16 bytes overlap what came before; the length in the header tells how far.
            self.absorb(read(&bytes[bytes.len() - 16..]), last);
        } else {
            self.absorb(last, header);
        }
    }

    /// The hash of all words so far. The state itself is not changed.
    #[inline]
    pub fn finish(self) -> u128 {
        let mut end = self;
        end.absorb(LAST[0], LAST[1]);
        end.absorb(self.b, self.a);
        u128::from(end.a) << 64 | u128::from(end.b)
    }
}

#[cfg(test)]
mod tests {
    use super::Mixer;
    use std::collections::BTreeSet;

    fn hash(words: &[(u64, u64)]) -> u128 {
        let mut mixer = Mixer::new();
        for &(word, tag) in words {
            mixer.absorb(word, tag);
        }
        mixer.finish()
    }

    fn hash_bytes(bytes: &[u8]) -> u128 {
        let mut mixer = Mixer::new();
        mixer.absorb_bytes(bytes, 7);
        mixer.finish()
    }

    /// Inputs such as states have: small integers, floats, high bits, in short sequences.
    fn structured() -> Vec<u128> {
        let mut words: Vec<u64> = (0..100).collect();
        words.extend((0..64).map(|bit| 1 << bit));
        words.extend((0..100).map(|n| f64::from(n).to_bits()));
        words.extend((0..100).map(|n| (-f64::from(n) - 0.5).to_bits()));
        words.extend((1..100).map(|n: u64| n.wrapping_neg()));
        words.sort_unstable();
        words.dedup();
        let mut hashes = Vec::new();
        for &x in &words {
            hashes.extend((0..6).map(|tag| hash(&[(x, tag)])));
            for &y in &words {
                hashes.push(hash(&[(x, 2), (y, 2)]));
                hashes.push(hash(&[(x, 2), (0, 2), (y, 3)]));
            }
        }
        hashes
    }

    #[test]
    fn structured_words_do_not_collide_in_either_half() {
        let hashes = structured();
        let high: BTreeSet<u64> = hashes.iter().map(|h| (h >> 64) as u64).collect();
        let low: BTreeSet<u64> = hashes.iter().map(|&h| h as u64).collect();
        assert_eq!((high.len(), low.len()), (hashes.len(), hashes.len()));
    }

    #[test]
    fn every_32_bit_window_collides_no_more_than_chance() {
        let hashes = structured();
        let n = hashes.len() as f64;
        let expected = n * n / 2.0 / f64::from(u32::MAX);
        for shift in [0, 16, 32, 48, 64, 80, 96] {
            let distinct: BTreeSet<u32> = hashes.iter().map(|h| (h >> shift) as u32).collect();
            let collisions = n - distinct.len() as f64;
            assert!(
                collisions < expected + 6.0 * expected.sqrt(),
                "{collisions} at {shift}, expected {expected}"
            );
        }
    }

    #[test]
    fn each_input_bit_flips_about_half_of_the_output() {
        for bit in 0..64 {
            for word in [0, 1, 1 << 40, u64::MAX] {
                let flipped = hash(&[(word, 3), (9, 3)]) ^ hash(&[(word ^ 1 << bit, 3), (9, 3)]);
                assert!(
                    (30..=98).contains(&flipped.count_ones()),
                    "bit {bit} of {word}: {}",
                    flipped.count_ones()
                );
            }
        }
    }

    #[test]
    fn every_byte_of_a_string_counts_and_so_does_its_length() {
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for len in 0..80 {
            let zeros = vec![0; len];
            seen.insert(hash_bytes(&zeros));
            count += 1;
            for at in 0..len {
                let mut changed = zeros.clone();
                changed[at] = 1;
                seen.insert(hash_bytes(&changed));
                count += 1;
            }
        }
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn the_hash_is_the_same_in_every_release() {
        let show = |hash: u128| format!("{hash:032x}");
        assert_eq!(show(hash(&[])), "0226bb9429915da5d2b4d9115c96ecb1");
        assert_eq!(
            show(hash(&[(1, 2), (3, 4)])),
            "324d9a88d71a41b3dc158b0824b00ce9"
        );
        assert_eq!(
            show(hash_bytes(b"state")),
            "050a2157977a80e8eb61ffd875a0c7d3"
        );
        assert_eq!(
            show(hash_bytes(b"a string of more than sixteen bytes")),
            "b91530bfcd2ff5630189d1ef45f54f9a"
        );
    }
}
