//! The life of a connection in the select loop and the dispatchers. The reactor's has more states.

/// The state of a connection's life: what the server still does with it.
///
/// ```text
/// the peer ends first     Open ─▶ PeerClosed ────────────▶ Closed
/// the server ends first   Open ─▶ Closing ─▶ Draining ───▶ Closed
/// nothing is left to do   Open ──────────────────────────▶ Closed
/// ```
///
/// An error closes it from any state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// The server reads, and sends back.
    Open,
    /// The peer has sent its last byte: send pending output, then close.
    PeerClosed,
    /// The server ends the connection: send pending output, then shut down writing.
    Closing,
    /// Writing is shut down. Read and discard until the peer closes too: closing with unread input
    /// would send a reset, which can destroy an answer that is still on its way.
    Draining,
    /// Nothing is left to do.
    Closed,
}
