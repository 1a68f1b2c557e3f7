//! The output that a chat object has pushed and the kernel hasn't taken yet.

use std::collections::VecDeque;
use std::io;
use std::mem;

use common::Settings;
use dispatcher_echo::{Channel, DispatcherWithSend};

use crate::Producer;

/// All pending output, in order: asynchat's `producer_fifo`.
#[derive(Default)]
pub(crate) struct Output {
    /// Bytes to send, including those of this iteration. They are sent together at its end.
    out: DispatcherWithSend,
    /// The output after them, from the first producer on. Few connections ever have one: boxed, it
    /// costs the others 8 bytes instead of 32, of 270.
    #[expect(clippy::box_collection, reason = "see above")]
    fifo: Option<Box<VecDeque<Item>>>,
    /// Nothing more can be pushed, and the channel is closed when all output is sent.
    closing: bool,
    /// Reading is paused because more than the high-water mark was pending.
    reading_paused: bool,
}

enum Item {
    Data(Vec<u8>),
    Producer(Box<dyn Producer>),
}

impl Output {
    pub fn push(&mut self, data: Vec<u8>) {
        match &mut self.fifo {
            _ if self.closing => {}
            None => self.out.append_vec(data),
            Some(fifo) => match fifo.back_mut() {
                Some(Item::Data(last)) => last.extend(data),
                _ => fifo.push_back(Item::Data(data)),
            },
        }
    }

    pub fn push_with_producer(&mut self, producer: Box<dyn Producer>) {
        if !self.closing {
            let fifo = self.fifo.get_or_insert_default();
            fifo.push_back(Item::Producer(producer));
        }
    }

    pub fn close_when_done(&mut self) {
        self.closing = true;
    }

    pub fn discard(&mut self) {
        *self = Output::default();
    }

    /// How many bytes are pending. Output that a producer hasn't made yet doesn't count.
    pub fn pending_output(&self) -> usize {
        let waits = |item: &Item| match item {
            Item::Data(data) => data.len(),
            Item::Producer(_) => 0,
        };
        let fifo = self.fifo.iter().flat_map(|fifo| fifo.iter());
        self.out.pending_output() + fifo.map(waits).sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        !self.out.writable() && self.fifo.is_none()
    }

    pub fn is_reading_paused(&self) -> bool {
        self.reading_paused
    }

    /// Whether nothing more can be pushed.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Whether nothing more can be pushed and all output is sent.
    pub fn is_done(&self) -> bool {
        self.closing && self.is_empty()
    }

    /// Sends as much as the kernel takes, like asynchat's `initiate_send`. Calls producers for more
    /// until more than the high-water mark is pending. Then reading pauses too, so a client that
    /// doesn't read can't start more and more producers.
    ///
    /// # Errors
    /// The error of [`Channel::send`].
    // CONCEPT: partial-write
    pub fn initiate_send(&mut self, channel: &mut Channel, settings: &Settings) -> io::Result<()> {
        while self.out.pending_output() <= settings.high_water && self.refill() {}
        self.out.initiate_send(channel)?;
        // CONCEPT: back-pressure
        let mark = if self.reading_paused {
            settings.low_water()
        } else {
            settings.high_water
        };
        self.reading_paused = self.pending_output() > mark;
        Ok(())
    }

    /// Moves the next piece from the fifo to the buffer, and returns whether there was one.
    fn refill(&mut self) -> bool {
        let Some(fifo) = &mut self.fifo else {
            return false;
        };
        let piece = match fifo.front_mut() {
            Some(Item::Data(data)) => mem::take(data),
            Some(Item::Producer(producer)) => producer.more().unwrap_or_default(),
            None => Vec::new(),
        };
        if piece.is_empty() {
            fifo.pop_front(); // It has no more.
        }
        if fifo.is_empty() {
            self.fifo = None;
        }
        self.out.append_vec(piece);
        true
    }
}
