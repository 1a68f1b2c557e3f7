//! The life of a connection in the select loop and the dispatchers. The reactor's has more states.

/// Where a connection is in its life: what a server still does with it.
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
    /// The server ends the connection: send pending output, then say that there will be no more.
    Closing,
    /// That was said. Read and discard until the peer closes too: closing with unread input would
    /// send a reset, which can destroy the answer that is still on its way.
    Draining,
    /// Nothing more is to be done.
    Closed,
}
