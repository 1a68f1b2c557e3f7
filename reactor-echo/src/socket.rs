//! A connection's socket, for both kinds of engine.

use std::ops::Deref;
use std::rc::Rc;

use common::sys::Stream;

pub(crate) enum Socket {
    /// The reactor makes all calls.
    Own(Stream),
    /// The operations of a completion engine have a part in it, and keep it open.
    Shared(Rc<Stream>),
}

impl Socket {
    /// Closes it. If an operation still has a part in it, it closes when that operation has ended.
    #[track_caller]
    pub(crate) fn close(self) {
        match self {
            Socket::Own(stream) => stream.close(),
            Socket::Shared(stream) => {
                if let Some(stream) = Rc::into_inner(stream) {
                    stream.close();
                }
            }
        }
    }
}

impl Deref for Socket {
    type Target = Stream;

    #[inline]
    fn deref(&self) -> &Stream {
        match self {
            Socket::Own(stream) => stream,
            Socket::Shared(stream) => stream,
        }
    }
}
