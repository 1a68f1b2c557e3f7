//! A connection's socket, for both kinds of engine.

use std::ops::Deref;
use std::rc::Rc;

use common::sys::Stream;

pub(crate) enum Socket {
    /// The reactor makes all calls.
    Own(Stream),
    /// The operations of a completion engine have a part in it, and keep it open.
    #[cfg(all(feature = "completion", target_os = "linux"))]
    Shared(Rc<Stream>),
}

impl Socket {
    /// What an operation of a completion engine gets a part in.
    pub(crate) fn shared(&self) -> Option<&Rc<Stream>> {
        match self {
            Socket::Own(_) => None,
            #[cfg(all(feature = "completion", target_os = "linux"))]
            Socket::Shared(stream) => Some(stream),
        }
    }

    /// Closes it. If an operation still has a part in it, it closes when that operation has ended.
    #[track_caller]
    pub(crate) fn close(self) {
        match self {
            Socket::Own(stream) => stream.close(),
            #[cfg(all(feature = "completion", target_os = "linux"))]
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
            #[cfg(all(feature = "completion", target_os = "linux"))]
            Socket::Shared(stream) => stream,
        }
    }
}
