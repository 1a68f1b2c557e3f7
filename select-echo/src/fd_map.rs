//! A map whose keys are descriptors.

use common::sys::Fd;

/// A map from descriptors to `T`: an array, since descriptors are small numbers and the kernel
/// always allocates the lowest free one.
#[derive(Debug)]
pub struct FdMap<T> {
    places: Vec<Option<T>>,
}

impl<T> Default for FdMap<T> {
    fn default() -> Self {
        FdMap { places: Vec::new() }
    }
}

impl<T> FdMap<T> {
    /// Creates an empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores `value` under `fd`.
    pub fn insert(&mut self, fd: Fd, value: T) {
        let index = fd as usize;
        if index >= self.places.len() {
            self.places.resize_with(index + 1, || None);
        }
        self.places[index] = Some(value);
    }

    /// Returns the value of `fd`, if there is one.
    pub fn get_mut(&mut self, fd: Fd) -> Option<&mut T> {
        self.places.get_mut(fd as usize)?.as_mut()
    }

    /// Removes and returns the value of `fd`.
    pub fn remove(&mut self, fd: Fd) -> Option<T> {
        self.places.get_mut(fd as usize)?.take()
    }

    /// All values, in the order of their descriptors.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }

    /// Returns the descriptors of all values that meet `condition`, as a list of its own, so that
    /// the map can change while the caller iterates over it.
    pub fn fds_where(&self, condition: impl Fn(&T) -> bool) -> Vec<Fd> {
        let is_meant = |place: &Option<T>| place.as_ref().is_some_and(&condition);
        let fds = self
            .places
            .iter()
            .enumerate()
            .filter(|(_, place)| is_meant(place));
        fds.map(|(index, _)| index as Fd).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_descriptor_returns_none() {
        let mut map = FdMap::new();
        map.insert(5, "five");
        map.insert(3, "three");
        assert_eq!(map.values().copied().collect::<Vec<_>>(), ["three", "five"]);
        assert_eq!(map.fds_where(|value| value.len() == 4), [5]);
        assert_eq!(map.remove(5), Some("five"));
        assert_eq!(map.remove(5), None);
        assert_eq!(map.get_mut(5), None);
        assert_eq!(map.get_mut(99), None);
        assert_eq!(map.get_mut(-1), None);
        assert_eq!(map.get_mut(3).copied(), Some("three"));
    }
}
