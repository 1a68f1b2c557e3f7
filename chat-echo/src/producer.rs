//! Output that is made only when it can be sent.

/// Makes output piece by piece, whenever the channel can send more, such as a file that is larger
/// than memory. As in asynchat.
pub trait Producer {
    /// Returns the next piece, or `None` at the end. An empty piece is the end too, as in the
    /// original.
    fn more(&mut self) -> Option<Vec<u8>>;
}

/// Produces bytes in pieces of a given size: asynchat's `simple_producer`.
#[derive(Debug, Clone)]
pub struct SimpleProducer {
    data: Vec<u8>,
    next: usize,
    buffer_size: usize,
}

impl SimpleProducer {
    /// Creates a producer of `data` in pieces of `buffer_size` bytes (the original's default is
    /// 512).
    pub fn new(data: impl Into<Vec<u8>>, buffer_size: usize) -> Self {
        SimpleProducer {
            data: data.into(),
            next: 0,
            buffer_size,
        }
    }
}

impl Producer for SimpleProducer {
    fn more(&mut self) -> Option<Vec<u8>> {
        let rest = &self.data[self.next..];
        let piece = &rest[..rest.len().min(self.buffer_size)];
        self.next += piece.len();
        (!piece.is_empty()).then(|| piece.to_vec())
    }
}
