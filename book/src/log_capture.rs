//! Captures the warnings and errors that mdBook logs while it builds. If a page or an include is missing, mdBook only
//! logs that, and continues.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber, subscriber};

/// Calls `run`. Returns its result, and all warnings and errors that were logged meanwhile.
pub fn capture<T>(run: impl FnOnce() -> T) -> (T, Vec<String>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let result = subscriber::with_default(WarningSubscriber(Arc::clone(&log)), run);
    let logged = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (result, logged)
}

struct WarningSubscriber(Arc<Mutex<Vec<String>>>);

impl Subscriber for WarningSubscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = MessageVisitor(String::new());
        event.record(&mut text);
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(text.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct MessageVisitor(String);

impl Visit for MessageVisitor {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_captured() {
        let ((), logged) = capture(|| {
            tracing::info!("all is well");
            tracing::warn!("no page {}", 3);
        });
        assert_eq!(logged, ["no page 3"]);
    }
}
