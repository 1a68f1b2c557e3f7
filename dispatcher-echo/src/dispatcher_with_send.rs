//! An output buffer, for objects that send more than the kernel takes at once.

use std::collections::VecDeque;
use std::io;

use crate::Channel;

/// What is to be sent but not yet taken by the kernel: asyncore's `dispatcher_with_send`.
///
/// An object keeps it in a field, answers [`writable`](Self::writable) with its answer, and calls
/// [`initiate_send`](Self::initiate_send) in `handle_write`. The original sends at most 64 KiB a
/// iteration (512 bytes in Python 2.7) and copies the rest each time; here the kernel gets what
/// lies in one piece, and the rest stays where it is.
#[derive(Debug, Default)]
pub struct DispatcherWithSend {
    /// There only while something waits.
    #[expect(clippy::box_collection, reason = "most connections have none")]
    out_buffer: Option<Box<VecDeque<u8>>>,
}

/// Most memory that the loop keeps for the answers to come, in bytes.
const MOST_RECYCLED: usize = 1 << 16;

impl DispatcherWithSend {
    /// Sends `data` at once, as much of it as the kernel takes, and keeps the rest.
    ///
    /// # Errors
    /// The connection's end.
    // CONCEPT: partial-write
    pub fn send(&mut self, channel: &mut Channel, data: &[u8]) -> io::Result<()> {
        let sent = if self.writable() || data.is_empty() {
            0
        } else {
            channel.send(data)?
        };
        if sent < data.len() {
            self.append(&data[sent..]);
        }
        Ok(())
    }

    /// Keeps `data` to be sent by the next [`initiate_send`](Self::initiate_send), together with
    /// what is kept already.
    pub fn append(&mut self, data: &[u8]) {
        self.out_buffer.get_or_insert_default().extend(data);
    }

    /// Takes the recycled buffer of the loop for what will be kept during this call: answers
    /// that are sent before the call is over need none of their own.
    pub fn borrow_memory(&mut self, channel: &mut Channel) {
        if self.out_buffer.is_none() {
            self.out_buffer = channel.map.recycled.take();
        }
    }

    /// Sends what was kept, from where the last send stopped.
    ///
    /// # Errors
    /// The connection's end.
    // CONCEPT: partial-write
    pub fn initiate_send(&mut self, channel: &mut Channel) -> io::Result<()> {
        let Some(out_buffer) = &mut self.out_buffer else {
            return Ok(());
        };
        let (front, _) = out_buffer.as_slices();
        if !front.is_empty() {
            let sent = channel.send(front)?;
            if sent == out_buffer.len() {
                out_buffer.clear();
            } else {
                out_buffer.drain(..sent);
            }
        }
        if out_buffer.is_empty() {
            // An idle connection keeps no memory, and the loop not too much of it.
            let memory = self.out_buffer.take();
            channel.map.recycled = memory.filter(|memory| memory.capacity() <= MOST_RECYCLED);
        }
        Ok(())
    }

    /// Whether there is something to send.
    pub fn writable(&self) -> bool {
        self.pending_output() > 0
    }

    /// How many bytes wait to be sent.
    pub fn pending_output(&self) -> usize {
        self.out_buffer.as_ref().map_or(0, |waiting| waiting.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dispatcher, SocketMap};
    use std::cell::RefCell;
    use std::rc::Rc;

    use common::client::EchoClient;
    use common::net;

    /// Sends what it was given.
    struct Sender(Rc<RefCell<DispatcherWithSend>>);

    impl Dispatcher for Sender {
        fn writable(&self) -> bool {
            self.0.borrow().writable()
        }

        fn handle_write(&mut self, channel: &mut Channel) -> io::Result<()> {
            self.0.borrow_mut().initiate_send(channel)
        }
    }

    #[test]
    fn an_emptied_output_buffer_is_recycled() -> io::Result<()> {
        let listener = net::listen("127.0.0.1", 0, 1)?;
        let mut client = EchoClient::connect(listener.local_addr()?)?;
        let (socket, _) = listener.accept()?;
        let out = Rc::new(RefCell::new(DispatcherWithSend::default()));
        out.borrow_mut().append(&[7; 10_000]);
        let mut map = SocketMap::new(vec![0])?;
        map.open(socket, Sender(Rc::clone(&out)))?;
        while out.borrow().writable() {
            map.poll(None)?;
        }
        assert_eq!(client.receive(10_000)?, [7; 10_000]);
        assert!(out.borrow().out_buffer.is_none());
        let recycled = map.recycled.map_or(0, |memory| memory.capacity());
        assert!(recycled >= 10_000, "for the next one");
        Ok(())
    }
}
