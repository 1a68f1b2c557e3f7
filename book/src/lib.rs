//! The book: what it shows of the four servers is recorded from them.

mod html;
pub mod record;
pub mod stacks;
pub mod style;
pub mod trace;
