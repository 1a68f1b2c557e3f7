//! The reactor's entries: everything that has a key.

use std::fmt;

use common::sys::{AsDescriptor, Descriptor, Interest, Readiness};
use slotmap::{Key as _, SlotMap, new_key_type};

use crate::Reactor;
use crate::connection::Connection;
use crate::connector::PendingConnect;
use crate::port::{Port, Reader};

new_key_type! {
    /// Identifies a connection, a port, or any other object of a reactor. After the object is
    /// closed, its key finds nothing, even if a new object reuses its slot.
    pub struct Key;
}

/// For example `3v1`: the slot, and a number that rises each time the slot is used.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.data(), f)
    }
}

pub(crate) type Entries = SlotMap<Key, Entry>;

pub(crate) struct Entry {
    pub(crate) object: Object,
    /// What the engine watches the descriptor for.
    pub(crate) watched: Option<Interest>,
    /// The readiness that the engine has reported. A call that finds nothing more clears it.
    pub(crate) ready: Readiness,
    /// The key is in the list of ready entries.
    pub(crate) listed: bool,
    /// The key is in the list of entries with requests.
    pub(crate) dirty: bool,
}

pub(crate) enum Object {
    Connection(Connection),
    Port(Port),
    PendingConnect(PendingConnect),
    Reader(Reader),
    /// A call to make as soon as the reactor runs and no other callback does.
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
            Object::Connection(connection) => connection.socket.as_ref().map(|it| it.descriptor()),
            Object::Port(port) => Some(port.listener.descriptor()),
            Object::PendingConnect(pending) => {
                pending.socket.as_ref().map(AsDescriptor::descriptor)
            }
            Object::Reader(reader) => Some(reader.descriptor.descriptor()),
            Object::Call(_) => None,
        }
    }

    /// Whether a read can find something, and reading is watched for.
    #[inline]
    pub(crate) fn can_read(&self) -> bool {
        self.ready.may_read() && self.watched.is_some_and(Interest::is_readable)
    }

    /// Whether the kernel can take a write, and writing is watched for.
    #[inline]
    pub(crate) fn can_write(&self) -> bool {
        self.ready.may_write() && self.watched.is_some_and(Interest::is_writable)
    }

    /// Whether the entry stays in the list of ready entries, as far as that is known before the
    /// next wait.
    #[inline]
    pub(crate) fn stays_listed(&mut self) -> bool {
        self.ready = self.ready.left();
        self.listed = self.can_read() || self.can_write();
        self.listed
    }
}
