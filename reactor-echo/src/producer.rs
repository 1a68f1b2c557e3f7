//! Producers: sources of a connection's output, which the loop pauses and resumes depending on
//! pending output.
//!
//! | Twisted (`IConsumer`, `IPushProducer`, `IPullProducer`) | here | difference |
//! |---|---|---|
//! | `transport.registerProducer(producer, streaming)` | [`Transport::register_producer`] | a second one replaces the first; Twisted raises. A pull producer is first called when the connection is writable, not from inside this call |
//! | `transport.unregisterProducer()` | [`Transport::unregister_producer`] | |
//! | `producer.pauseProducing()` | [`Producer::pause_producing`] | above the high-water mark, which is 64 KiB in Twisted |
//! | `producer.resumeProducing()` | [`Producer::resume_producing`] | a push producer: at the low-water mark; in Twisted when all is sent |
//! | `producer.stopProducing()` | [`Producer::stop_producing`] | |
//! | a transport is itself a push producer | a [`Key`] is one, for its connection | |
//! | `loseConnection` waits for a pull producer and for a paused push producer | only for a pull producer | a push producer that ends has to call `lose_connection` either way |

use std::mem;

use crate::{Key, Reactor, Transport};

/// Produces the output of a connection, its consumer.
///
/// A *push* producer writes whenever it has data, unless it is paused: a connection, a timer. A
/// *pull* producer writes once for each call of `resume_producing`: a file, a table.
pub trait Producer {
    /// Called when the consumer can take data. A paused push producer goes on; a pull producer
    /// writes its next piece before it returns, or [unregisters](Transport::unregister_producer)
    /// itself at its end.
    #[doc(alias = "resumeProducing")]
    fn resume_producing(&mut self, consumer: &mut Transport<'_>);

    /// Called when more than the high-water mark is pending. A push producer writes no more until
    /// it is resumed.
    #[doc(alias = "pauseProducing")]
    fn pause_producing(&mut self, consumer: &mut Transport<'_>) {
        let _ = consumer;
    }

    /// Called when the consumer is closed, or the reactor stops. Nothing more will be sent.
    #[doc(alias = "stopProducing")]
    fn stop_producing(&mut self, reactor: &mut Reactor);
}

/// A connection whose protocol forwards its input to another one. It is that one's push producer.
impl Producer for Key {
    fn resume_producing(&mut self, consumer: &mut Transport<'_>) {
        if let Some(mut connection) = consumer.reactor().transport(*self) {
            connection.resume_producing();
        }
    }

    fn pause_producing(&mut self, consumer: &mut Transport<'_>) {
        if let Some(mut connection) = consumer.reactor().transport(*self) {
            connection.pause_producing();
        }
    }

    fn stop_producing(&mut self, reactor: &mut Reactor) {
        if let Some(mut connection) = reactor.transport(*self) {
            connection.lose_connection();
        }
    }
}

/// A producer, and whether it is paused.
pub(crate) struct Registered {
    /// Absent while one of its callbacks runs.
    pub(crate) producer: Option<Box<dyn Producer>>,
    pub(crate) streaming: bool,
    /// The next call is `resume_producing`: a push producer was paused, or a pull producer's last
    /// piece is sent.
    pub(crate) paused: bool,
}

impl Registered {
    pub(crate) fn new(producer: Box<dyn Producer>, streaming: bool) -> Self {
        Registered {
            producer: Some(producer),
            streaming,
            paused: !streaming,
        }
    }

    /// Whether this is a pull producer, which has more to send.
    pub(crate) fn is_pulling(&self) -> bool {
        !self.streaming
    }

    /// Whether this is a pull producer to call as soon as the connection is writable.
    pub(crate) fn is_pulled(&self) -> bool {
        self.paused && !self.streaming
    }

    /// Called when all output is sent.
    pub(crate) fn all_sent(&mut self) {
        self.paused |= !self.streaming;
    }
}

impl Reactor {
    /// Pauses or resumes a connection's producer, depending on pending output.
    // CONCEPT: back-pressure
    pub(crate) fn update_producer(&mut self, key: Key, is_writable: bool) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        let (reading_paused, sent_all) = (
            connection.reading_paused,
            connection.pending_output.is_empty(),
        );
        let Some(registered) = &mut connection.producer else {
            return;
        };
        let paused = if registered.streaming {
            reading_paused
        } else {
            registered.paused && !(is_writable && sent_all)
        };
        if mem::replace(&mut registered.paused, paused) == paused {
            return;
        }
        let producer = registered.producer.take();
        if let (Some(mut producer), Some(mut consumer)) = (producer, self.transport(key)) {
            if paused {
                producer.pause_producing(&mut consumer);
            } else {
                producer.resume_producing(&mut consumer);
            }
            self.request(key, |connection| {
                // Unless the producer has unregistered, or has registered another one.
                if let Some(registered) = &mut connection.producer {
                    registered.producer.get_or_insert(producer);
                }
            });
        }
    }

    /// Calls `stop_producing` of a connection's producer, if it has one.
    pub(crate) fn stop_producer(&mut self, producer: Option<Registered>) {
        if let Some(mut producer) = producer.and_then(|registered| registered.producer) {
            producer.stop_producing(self);
        }
    }
}
