//! epoll(7), edge-triggered as mio uses it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};

use super::kernel::{Kernel, Object};
use super::tcp::bits;

/// One event, in the bits of epoll(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawEvent {
    pub token: u64,
    pub bits: u32,
}

/// An epoll: the descriptors that it watches, and its list of those with news.
#[derive(Debug, Default)]
pub(super) struct Epoll {
    watched: BTreeMap<i32, Watched>,
    /// The list, in the order in which the news came.
    ready: VecDeque<i32>,
}

#[derive(Debug)]
struct Watched {
    token: u64,
    bits: u32,
    is_queued: bool,
}

/// epoll always reports these, whether they are watched or not.
const ALWAYS: u32 = bits::ERR | bits::HUP;

impl Epoll {
    /// Puts descriptors on the list if they are the changed object and its changes concern
    /// them.
    pub fn wake(&mut self, changes: u32, is_meant: impl Fn(i32) -> bool) {
        for (fd, watched) in &mut self.watched {
            let is_any = changes & bits::ANY != 0;
            let concerns = is_any || changes & (watched.bits | ALWAYS) != 0;
            if concerns && !watched.is_queued && is_meant(*fd) {
                watched.is_queued = true;
                self.ready.push_back(*fd);
            }
        }
    }

    /// Stops watching a descriptor. Returns whether it was watched.
    pub fn forget(&mut self, fd: i32) -> bool {
        self.ready.retain(|ready| *ready != fd);
        self.watched.remove(&fd).is_some()
    }

    /// What a descriptor is watched for.
    pub fn watched(&self, fd: i32) -> u32 {
        self.watched.get(&fd).map_or(0, |watched| watched.bits)
    }

    /// Whether a descriptor is watched and has no news.
    pub fn is_reported(&self, fd: i32) -> bool {
        let watched = self.watched.get(&fd);
        watched.is_some_and(|watched| !watched.is_queued)
    }

    /// The watched descriptors without news, and what they are watched for.
    pub fn quiet(&self) -> impl Iterator<Item = (i32, u32)> {
        let quiet = self
            .watched
            .iter()
            .filter(|(_, watched)| !watched.is_queued);
        quiet.map(|(fd, watched)| (*fd, watched.bits))
    }
}

impl Kernel {
    /// epoll_create(2).
    pub fn create_poll(&mut self) -> io::Result<i32> {
        let fd = self.open(Object::Poll(self.polls.len()))?;
        self.polls.push(Epoll::default());
        Ok(fd)
    }

    fn poll_mut(&mut self, poll: i32) -> io::Result<&mut Epoll> {
        match self.object(poll)? {
            Object::Poll(index) => Ok(&mut self.polls[index]),
            _ => Err(ErrorKind::InvalidInput.into()),
        }
    }

    /// epoll_ctl(2) with EPOLL_CTL_ADD or, if `again`, EPOLL_CTL_MOD. Either puts the descriptor on
    /// the list if it is ready now.
    pub fn watch(&mut self, poll: i32, fd: i32, again: bool, event: RawEvent) -> io::Result<()> {
        let object = self.object(fd)?;
        let is_watched = self.poll_mut(poll)?.watched.contains_key(&fd);
        match (is_watched, again) {
            (true, false) => return Err(ErrorKind::AlreadyExists.into()),
            (false, true) => return Err(ErrorKind::NotFound.into()),
            _ => {}
        }
        let is_ready = self.readiness(object) & (event.bits | ALWAYS) != 0;
        let poll = self.poll_mut(poll)?;
        let was_queued = poll
            .watched
            .get(&fd)
            .is_some_and(|watched| watched.is_queued);
        if is_ready && !was_queued {
            poll.ready.push_back(fd);
        }
        poll.watched.insert(
            fd,
            Watched {
                token: event.token,
                bits: event.bits,
                is_queued: was_queued || is_ready,
            },
        );
        Ok(())
    }

    /// epoll_ctl(2) with EPOLL_CTL_DEL.
    pub fn stop_watching(&mut self, poll: i32, fd: i32) -> io::Result<()> {
        match self.poll_mut(poll)?.forget(fd) {
            true => Ok(()),
            false => Err(ErrorKind::NotFound.into()),
        }
    }

    /// epoll_wait(2) with a timeout of zero: takes at most `capacity` descriptors from the list,
    /// and returns what they are ready for now. A descriptor that isn't ready any more leaves the list
    /// silently.
    pub fn take_events(&mut self, poll: i32, capacity: usize) -> Vec<RawEvent> {
        let mut events = Vec::new();
        while events.len() < capacity {
            let Some((fd, token, watched)) = self.next_ready(poll) else {
                break;
            };
            let object = self.object(fd);
            let ready = object.map_or(0, |object| self.readiness(object));
            let bits = ready & (watched | ALWAYS);
            if bits != 0 {
                events.push(RawEvent { token, bits });
            }
        }
        events
    }

    fn next_ready(&mut self, poll: i32) -> Option<(i32, u64, u32)> {
        let poll = self.poll_mut(poll).ok()?;
        let fd = poll.ready.pop_front()?;
        let watched = poll.watched.get_mut(&fd)?;
        watched.is_queued = false;
        Some((fd, watched.token, watched.bits))
    }
}
