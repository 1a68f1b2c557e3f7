//! What a reactor holds: everything that has a key.

use std::fmt;

use common::sys::{AsDescriptor, Descriptor, Interest, Readiness};
use slotmap::{Key as _, SlotMap, new_key_type};

use crate::Reactor;
use crate::connection::Connection;
use crate::connector::PendingConnect;
use crate::port::{Port, Reader};

new_key_type! {
    /// Names a connection, a port, or anything else that a reactor holds. Once that is gone, the
    /// key finds nothing, even when its place is given to another.
    pub struct Key;
}

/// Such as `3v1`: the place, and a number that rises each time the place is used.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.data(), f)
    }
}

pub(crate) type Entries = SlotMap<Key, Entry>;

pub(crate) struct Entry {
    pub(crate) object: Object,
    /// What the engine was last told to watch its descriptor for.
    pub(crate) watched: Option<Interest>,
    /// What the engine has reported, until a call has met its end.
    pub(crate) ready: Readiness,
    /// It is in the list of those that are ready.
    pub(crate) listed: bool,
    /// It is in the list of those with requests.
    pub(crate) dirty: bool,
}

pub(crate) enum Object {
    Connection(Connection),
    Port(Port),
    PendingConnect(PendingConnect),
    Reader(Reader),
    /// A call to be made as soon as the reactor runs and no other callback does.
    Call(Call),
}

pub(crate) type Call = Box<dyn FnOnce(&mut Reactor)>;

impl Entry {
    pub(crate) fn new(object: Object) -> Self {
        Entry {
            object,
            watched: None,
            ready: Readiness::default(),
            listed: false,
            dirty: false,
        }
    }

    pub(crate) fn descriptor(&self) -> Option<Descriptor<'_>> {
        match &self.object {
            Object::Connection(connection) => {
                connection.socket.as_ref().map(AsDescriptor::descriptor)
            }
            Object::Port(port) => Some(port.listener.descriptor()),
            Object::PendingConnect(pending) => {
                pending.socket.as_ref().map(AsDescriptor::descriptor)
            }
            Object::Reader(reader) => Some(reader.descriptor.descriptor()),
            Object::Call(_) => None,
        }
    }

    /// Whether a read may find something, and that is wanted.
    #[inline]
    pub(crate) fn can_read(&self) -> bool {
        self.ready.may_read() && self.watched.is_some_and(Interest::is_readable)
    }

    /// Whether the kernel may take a write, and that is wanted.
    #[inline]
    pub(crate) fn can_write(&self) -> bool {
        self.ready.may_write() && self.watched.is_some_and(Interest::is_writable)
    }

    /// Whether it stays in the list of those that are ready, as far as is known before the next
    /// wait.
    #[inline]
    pub(crate) fn stays_listed(&mut self) -> bool {
        self.ready = self.ready.left();
        self.listed = self.can_read() || self.can_write();
        self.listed
    }
}
