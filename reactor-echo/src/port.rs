//! The records of what is watched for reading but is no connection: ports, and descriptors of the
//! user's own.

use std::rc::Rc;

use common::sys::{AsDescriptor, Listener};

use crate::engine::Interest;
use crate::{Factory, ReactorHandle};

pub(crate) struct Port {
    pub(crate) listener: Rc<Listener>,
    /// Absent while one of its callbacks runs.
    pub(crate) factory: Option<Box<dyn Factory>>,
    /// The factory has been told that it listens.
    pub(crate) started: bool,
    /// What the engine was last told to watch it for.
    pub(crate) watched: Interest,
    /// Asked for: listen no more.
    pub(crate) closing: bool,
}

impl Port {
    pub(crate) fn new(listener: Listener, factory: Box<dyn Factory>) -> Self {
        Port {
            listener: Rc::new(listener),
            factory: Some(factory),
            started: false,
            watched: Interest::NOTHING,
            closing: false,
        }
    }
}

pub(crate) struct Reader {
    pub(crate) descriptor: Rc<dyn AsDescriptor>,
    /// Absent while it runs.
    pub(crate) callback: Option<Callback>,
    /// The engine watches it.
    pub(crate) watched: bool,
    /// Asked for: watch it no more.
    pub(crate) closing: bool,
}

pub(crate) type Callback = Box<dyn FnMut(&mut ReactorHandle)>;

impl Reader {
    pub(crate) fn new(descriptor: Rc<dyn AsDescriptor>, callback: Callback) -> Self {
        Reader {
            descriptor,
            callback: Some(callback),
            watched: false,
            closing: false,
        }
    }
}
