//! The engine on select(2), which reports levels. It builds its sets for each wait, and remembers
//! nothing.

use std::io::{self, ErrorKind};
use std::time::Duration;

use common::sys::{self, Descriptor, FdSet, Interest, Readiness, check_fits, select};

use super::{Engine, Event, Watched};
use crate::Key;

#[derive(Debug)]
pub(super) struct Select;

impl Engine for Select {
    fn watch(
        &mut self,
        _: Key,
        descriptor: Descriptor<'_>,
        _: Option<Interest>,
        wanted: Option<Interest>,
    ) -> io::Result<()> {
        match wanted {
            Some(_) => check_fits(descriptor),
            None => Ok(()),
        }
    }

    // CONCEPT: scaling
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        watched: Watched<'_>,
        events: &mut Vec<Event>,
    ) -> io::Result<()> {
        let (mut inputs, mut outputs) = (FdSet::new(), FdSet::new());
        for (_, descriptor, wanted) in watched.iter() {
            if wanted.is_readable() {
                inputs.insert(descriptor)?;
            }
            if wanted.is_writable() {
                outputs.insert(descriptor)?;
            }
        }
        let (readable, writable) = wait_for(inputs, outputs, timeout)?;
        for (key, descriptor, _) in watched.iter() {
            let (may_read, may_write) =
                (readable.contains(descriptor), writable.contains(descriptor));
            if may_read || may_write {
                let ready = Readiness::level(may_read, may_write);
                events.push(Event { key, ready });
            }
        }
        Ok(())
    }
}

/// Waits until one of `inputs` is readable or one of `outputs` is writable. A signal doesn't end
/// the wait; it resumes with the time that is left.
fn wait_for<'fd>(
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
