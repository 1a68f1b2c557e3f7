//! Keys: how everything that a reactor holds is named.
//!
//! A slot is used again when what was in it is gone, a key never is: an object that is gone is a
//! key that finds nothing, and an event that comes late cannot reach whoever moved in.

use std::fmt;

/// The name of a connection, a port or anything else that a reactor holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    slot: u32,
    /// Counts what was ever put into any slot; only after four billion it begins anew.
    serial: u32,
}

/// Such as `7`: connections are numbered in the order of their coming.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serial.fmt(f)
    }
}

/// Objects, each named by a key that it is given when it is put in.
#[derive(Debug)]
pub(crate) struct SlotMap<T> {
    objects: SecondaryMap<T>,
    free_slots: Vec<usize>,
    next_serial: u32,
}

impl<T> SlotMap<T> {
    pub(crate) fn new() -> Self {
        SlotMap {
            objects: SecondaryMap::new(),
            free_slots: Vec::new(),
            next_serial: 0,
        }
    }

    pub(crate) fn insert(&mut self, object: T) -> Key {
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        let unused = self.objects.places.len();
        let slot = self.free_slots.pop().unwrap_or(unused);
        let key = Key::new(slot, serial);
        self.objects.insert(key, object);
        key
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        self.objects.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.objects.get_mut(key)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let object = self.objects.remove(key)?;
        self.free_slots.push(key.slot());
        Some(object)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.objects.iter()
    }
}

/// What somebody else knows of the objects with those keys.
#[derive(Debug)]
pub(crate) struct SecondaryMap<T> {
    /// In each slot the serial of the key, and the object.
    places: Vec<Option<(u32, T)>>,
}

impl<T> SecondaryMap<T> {
    pub(crate) fn new() -> Self {
        SecondaryMap { places: Vec::new() }
    }

    pub(crate) fn insert(&mut self, key: Key, value: T) {
        let slot = key.slot();
        if slot >= self.places.len() {
            self.places.resize_with(slot + 1, || None);
        }
        self.places[slot] = Some((key.serial, value));
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let (serial, value) = self.places.get(key.slot())?.as_ref()?;
        (*serial == key.serial).then_some(value)
    }

    // CONCEPT: stale-events
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (serial, value) = self.places.get_mut(key.slot())?.as_mut()?;
        (*serial == key.serial).then_some(value)
    }

    /// What is in the slot now, with its key.
    pub(crate) fn in_slot(&mut self, slot: usize) -> Option<(Key, &mut T)> {
        let (serial, value) = self.places.get_mut(slot)?.as_mut()?;
        Some((Key::new(slot, *serial), value))
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        self.places[key.slot()].take().map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(slot, place)| {
            let (serial, value) = place.as_ref()?;
            Some((Key::new(slot, *serial), value))
        })
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        let places = self.places.iter_mut().enumerate();
        places.filter_map(|(slot, place)| {
            let (serial, value) = place.as_mut()?;
            Some((Key::new(slot, *serial), value))
        })
    }
}

impl Key {
    fn new(slot: usize, serial: u32) -> Self {
        let slot = slot as u32;
        Key { slot, serial }
    }

    pub(crate) fn slot(self) -> usize {
        self.slot as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_returns_none() {
        let mut objects = SlotMap::new();
        let first = objects.insert("first");
        assert_eq!(objects.remove(first), Some("first"));
        let second = objects.insert("second");
        assert_eq!(second.slot(), first.slot(), "the slot is used again");
        assert_eq!(objects.get(first), None);
        assert_eq!(objects.get_mut(first), None);
        assert_eq!(objects.remove(first), None);
        assert_eq!(objects.get(second), Some(&"second"));
        assert_eq!(objects.iter().collect::<Vec<_>>(), [(second, &"second")]);
    }

    #[test]
    fn a_secondary_map_finds_values_only_by_the_current_key() {
        let mut objects = SlotMap::new();
        let first = objects.insert(());
        let mut known = SecondaryMap::new();
        known.insert(first, 1);
        objects.remove(first);
        let second = objects.insert(());
        assert_eq!(known.get_mut(second), None);
        known.insert(second, 2);
        assert_eq!(known.get_mut(first), None);
        assert_eq!(known.remove(first), None);
        assert_eq!(known.in_slot(first.slot()), Some((second, &mut 2)));
        assert_eq!(known.iter_mut().count(), 1);
        assert_eq!(known.remove(second), Some(2));
        assert_eq!(known.in_slot(99), None);
    }
}
