//! select(2), which is level-triggered.

use super::kernel::Kernel;
use super::tcp::bits;

/// As on Linux.
pub const FD_SETSIZE: usize = 1024;

/// A set of descriptors: one bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Bits([u64; FD_SETSIZE / 64]);

impl Bits {
    /// Adds a descriptor, unless it is outside the set's range.
    pub fn insert(&mut self, fd: i32) {
        if let Some((word, bit)) = self.place(fd) {
            self.0[word] |= bit;
        }
    }

    pub fn contains(&self, fd: i32) -> bool {
        self.place(fd)
            .is_some_and(|(word, bit)| self.0[word] & bit != 0)
    }

    fn place(&self, fd: i32) -> Option<(usize, u64)> {
        let fd = usize::try_from(fd).ok().filter(|fd| *fd < FD_SETSIZE)?;
        Some((fd / 64, 1 << (fd % 64)))
    }

    fn iter(self) -> impl Iterator<Item = i32> {
        let words = (0..).step_by(64).zip(self.0);
        words.flat_map(|(first, mut word)| {
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as i32;
                word &= word.checked_sub(1)?;
                Some(first + bit)
            })
        })
    }

    fn is_empty(self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

/// The sets of inputs, outputs, and excepts.
pub(super) type Sets = [Bits; 3];

/// What Linux counts as readable, writable, and exceptional: POLLIN_SET and so on in fs/select.c.
const MEANINGS: [u32; 3] = [
    bits::IN | bits::HUP | bits::ERR,
    bits::OUT | bits::ERR,
    bits::PRI,
];

/// What each set watches for, in the bits of epoll(7).
const WATCHED: [u32; 3] = [bits::IN, bits::OUT, bits::PRI];

/// The sets of the last select, which show what the loop watches.
#[derive(Debug, Default)]
pub(super) struct Selected(Sets);

impl Selected {
    pub fn watched(&self, fd: i32) -> u32 {
        let sets = self.0.iter().zip(WATCHED);
        let watching = sets.filter(|(set, _)| set.contains(fd));
        watching.fold(0, |all, (_, bits)| all | bits)
    }

    pub fn forget(&mut self, fd: i32) {
        for set in &mut self.0 {
            if let Some((word, bit)) = set.place(fd) {
                set.0[word] &= !bit;
            }
        }
    }
}

impl Kernel {
    /// Remembers what a select is about to watch.
    pub fn begin_select(&mut self, sets: &Sets) {
        self.selected = Selected(*sets);
    }

    /// select(2) with a timeout of zero: the ready descriptors of each set, and their
    /// number.
    pub fn select(&mut self, sets: &Sets) -> (Sets, usize) {
        let (mut ready, mut count) = (Sets::default(), 0);
        for ((set, ready), meaning) in sets.iter().zip(&mut ready).zip(MEANINGS) {
            if set.is_empty() {
                continue;
            }
            for fd in set.iter() {
                let object = self.object(fd);
                if object.is_ok_and(|object| self.readiness(object) & meaning != 0) {
                    ready.insert(fd);
                    count += 1;
                }
            }
        }
        (ready, count)
    }
}
