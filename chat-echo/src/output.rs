//! What a chat object has pushed and the kernel has not yet taken.

use std::collections::VecDeque;
use std::io;

use dispatcher_echo::{Channel, DispatcherWithSend};

use crate::Producer;

/// What to send, in order: asynchat's `producer_fifo`.
#[derive(Default)]
pub(crate) struct Output {
    /// Bytes to be sent, those pushed in this iteration last: they are sent together at its end.
    out: DispatcherWithSend,
    /// What comes after them, if a producer or the end of the output is among it.
    #[expect(clippy::box_collection, reason = "few connections ever have one")]
    fifo: Option<Box<VecDeque<Item>>>,
}

enum Item {
    Data(Vec<u8>),
    Producer(Box<dyn Producer>),
    Close,
}

impl Output {
    /// Borrows memory for what will be pushed during this call.
    pub fn begin(&mut self, channel: &mut Channel) {
        self.out.borrow_memory(channel);
    }

    pub fn push(&mut self, data: &[u8]) {
        match self.fifo.as_mut().map(|fifo| fifo.back_mut()) {
            None | Some(None) => self.out.append(data),
            Some(Some(Item::Data(last))) => last.extend_from_slice(data),
            Some(Some(Item::Producer(_))) => self.push_item(Item::Data(data.to_vec())),
            Some(Some(Item::Close)) => {}
        }
    }

    pub fn push_with_producer(&mut self, producer: Box<dyn Producer>) {
        if self.is_closing() {
            return;
        }
        self.push_item(Item::Producer(producer));
    }

    pub fn close_when_done(&mut self) {
        if self.is_closing() {
            return;
        }
        self.push_item(Item::Close);
    }

    pub fn discard(&mut self) {
        *self = Output::default();
    }

    /// How many bytes wait; what a producer will make is not among them.
    pub fn pending_output(&self) -> usize {
        let waits = |item: &Item| {
            if let Item::Data(data) = item {
                data.len()
            } else {
                0
            }
        };
        let fifo = self.fifo.iter().flat_map(|fifo| fifo.iter());
        self.out.pending_output() + fifo.map(waits).sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        !self.out.writable() && self.first().is_none()
    }

    /// Whether nothing can be pushed any more.
    pub fn is_closing(&self) -> bool {
        matches!(self.last(), Some(Item::Close))
    }

    /// Whether all that was pushed before the end of the output is sent.
    pub fn is_done(&self) -> bool {
        !self.out.writable() && matches!(self.first(), Some(Item::Close))
    }

    /// Sends as much as the kernel takes: asynchat's method of the same name. Producers are asked
    /// for more until more than `high_water` bytes wait: so reading pauses too, and no one who does
    /// not listen can order more and more of them.
    ///
    /// # Errors
    /// The connection's end.
    // CONCEPT: partial-write
    pub fn initiate_send(&mut self, channel: &mut Channel, high_water: usize) -> io::Result<()> {
        while self.out.pending_output() <= high_water && self.refill() {}
        self.out.initiate_send(channel)
    }

    /// Takes the next piece out of the fifo; answers whether there was one.
    fn refill(&mut self) -> bool {
        let Some(fifo) = &mut self.fifo else {
            return false;
        };
        match fifo.front_mut() {
            Some(Item::Data(data)) => {
                self.out.append(data);
                fifo.pop_front();
            }
            Some(Item::Producer(producer)) => match producer.more() {
                Some(piece) if !piece.is_empty() => self.out.append(&piece),
                _ => drop(fifo.pop_front()),
            },
            Some(Item::Close) => return false,
            None => self.fifo = None,
        }
        true
    }

    fn first(&self) -> Option<&Item> {
        self.fifo.as_ref()?.front()
    }

    fn last(&self) -> Option<&Item> {
        self.fifo.as_ref()?.back()
    }

    fn push_item(&mut self, item: Item) {
        self.fifo.get_or_insert_default().push_back(item);
    }
}
