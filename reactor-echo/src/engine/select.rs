//! The engine on select(2): its sets are made anew for each wait, and nothing needs to be
//! remembered.

use std::fmt;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use common::sys::{self, AsDescriptor, FdSet, check_fits, select};

use super::{Descriptor, Engine, Event, Interest};
use crate::Key;

pub(super) struct Select {
    /// A place for each descriptor: they are small numbers, and the kernel always hands out the
    /// lowest that is free.
    places: Vec<Option<Watched>>,
}

struct Watched {
    key: Key,
    descriptor: Descriptor,
    wanted: Interest,
}

impl Select {
    pub(super) fn new() -> Self {
        Select { places: Vec::new() }
    }

    /// What is watched, in the order of the descriptors.
    fn watched(&self) -> impl Iterator<Item = &Watched> {
        self.places.iter().flatten()
    }

    /// Waits until one of `inputs` can be read or one of `outputs` written. A signal does not end
    /// the wait; it resumes with the time that is left.
    fn select<'fd>(
        inputs: FdSet<'fd>,
        outputs: FdSet<'fd>,
        timeout: Option<Duration>,
    ) -> io::Result<(FdSet<'fd>, FdSet<'fd>)> {
        let deadline = timeout.and_then(|timeout| sys::now().checked_add(timeout));
        loop {
            let (mut readable, mut writable) = (inputs, outputs);
            let left = deadline.map(|deadline| deadline.saturating_duration_since(sys::now()));
            match select(Some(&mut readable), Some(&mut writable), None, left) {
                Ok(_) => return Ok((readable, writable)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Engine for Select {
    fn watch(&mut self, key: Key, descriptor: &Descriptor, wanted: Interest) -> io::Result<()> {
        let place = descriptor.descriptor().number() as usize;
        if wanted == Interest::NOTHING {
            if let Some(place) = self.places.get_mut(place) {
                *place = None;
            }
            return Ok(());
        }
        check_fits(descriptor.descriptor())?;
        if place >= self.places.len() {
            self.places.resize_with(place + 1, || None);
        }
        self.places[place] = Some(Watched {
            key,
            descriptor: Rc::clone(descriptor),
            wanted,
        });
        Ok(())
    }

    /// The kernel looks anew each time.
    // CONCEPT: level-and-edge
    fn not_ready(&mut self, _: Key, _: Interest) {}

    fn short_read(&mut self, _: Key) {}

    // CONCEPT: scaling
    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Event>) -> io::Result<()> {
        ready.clear();
        let (mut inputs, mut outputs) = (FdSet::new(), FdSet::new());
        for watched in self.watched() {
            let descriptor = watched.descriptor.descriptor();
            if watched.wanted.reads() {
                inputs.insert(descriptor)?;
            }
            if watched.wanted.writes() {
                outputs.insert(descriptor)?;
            }
        }
        let (readable, writable) = Self::select(inputs, outputs, timeout)?;
        for watched in self.watched() {
            let Watched { key, wanted, .. } = *watched;
            let descriptor = watched.descriptor.descriptor();
            let is_ready = |set: &FdSet<'_>| set.contains(descriptor) || sys::spurious();
            let found = Interest::READ.when(wanted.reads() && is_ready(&readable))
                | Interest::WRITE.when(wanted.writes() && is_ready(&writable));
            if found != Interest::NOTHING {
                ready.push(Event { key, ready: found });
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Select")
    }
}
