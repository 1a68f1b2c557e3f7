//! The engine on select(2): its lists are made anew for each wait, and nothing needs to be
//! remembered.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use select_echo::{FdMap, NOTHING, check_fits, select};

use super::{Descriptor, Engine, Event, Interest};
use crate::Key;

pub(super) struct Select {
    watched: FdMap<Watched>,
}

struct Watched {
    key: Key,
    descriptor: Descriptor,
    wanted: Interest,
}

impl Select {
    pub(super) fn new() -> Self {
        let watched = FdMap::new();
        Select { watched }
    }

    /// What is watched for `what`.
    // CONCEPT: scaling
    fn list(&self, what: Interest) -> Vec<BorrowedFd<'_>> {
        let wanting = self
            .watched
            .values()
            .filter(|watched| watched.wanted & what != Interest::NOTHING);
        wanting.map(|watched| watched.descriptor.as_fd()).collect()
    }

    fn key_of(&mut self, fd: RawFd) -> Option<Key> {
        self.watched.get_mut(fd).map(|watched| watched.key)
    }
}

impl Engine for Select {
    fn watch(&mut self, key: Key, descriptor: &Descriptor, wanted: Interest) -> io::Result<()> {
        let fd = descriptor.as_fd().as_raw_fd();
        if wanted == Interest::NOTHING {
            self.watched.remove(fd);
            return Ok(());
        }
        check_fits(descriptor)?;
        let descriptor = Rc::clone(descriptor);
        self.watched.insert(
            fd,
            Watched {
                key,
                descriptor,
                wanted,
            },
        );
        Ok(())
    }

    /// The kernel looks anew each time.
    // CONCEPT: level-and-edge
    fn not_ready(&mut self, _: Key, _: Interest) {}

    fn short_read(&mut self, _: Key) {}

    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Event>) -> io::Result<()> {
        ready.clear();
        let (inputs, outputs) = (self.list(Interest::READ), self.list(Interest::WRITE));
        let found = select(&inputs, &outputs, NOTHING, timeout)?;
        // Both lists ascend: a descriptor in both is told once, by the merge of the two.
        let mut outputs = found.outputs.into_iter().peekable();
        for fd in found.inputs {
            while let Some(output) = outputs.next_if(|output| *output < fd) {
                self.tell(output, Interest::WRITE, ready);
            }
            let writable = outputs.next_if_eq(&fd).is_some();
            self.tell(fd, Interest::READ | Interest::WRITE.when(writable), ready);
        }
        for output in outputs {
            self.tell(output, Interest::WRITE, ready);
        }
        Ok(())
    }
}

impl Select {
    fn tell(&mut self, fd: RawFd, ready_for: Interest, ready: &mut Vec<Event>) {
        if let Some(key) = self.key_of(fd) {
            let ready_for = Event {
                key,
                ready: ready_for,
            };
            ready.push(ready_for);
        }
    }
}

impl fmt::Debug for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Select")
    }
}
