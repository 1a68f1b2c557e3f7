//! Systems without proc(5): every function returns a skip.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Queues, Usage};
use crate::client::check::case_run::CaseError;

pub(in crate::client::check) fn anonymous_memory(_pid: i32) -> Result<u64, CaseError> {
    unknown()
}

pub(in crate::client::check) fn usage(_pid: i32) -> Result<Usage, CaseError> {
    unknown()
}

pub(in crate::client::check) fn held_up_here() -> Result<Duration, CaseError> {
    unknown()
}

pub(in crate::client::check) fn is_asleep(_pid: i32) -> Result<bool, CaseError> {
    unknown()
}

pub(in crate::client::check) fn descriptors(_pid: i32) -> Result<usize, CaseError> {
    unknown()
}

pub(in crate::client::check) fn listening_address(
    _pid: i32,
) -> Result<Option<SocketAddr>, CaseError> {
    unknown()
}

pub(in crate::client::check) fn queues(
    _client: SocketAddr,
    _server: SocketAddr,
) -> Result<Queues, CaseError> {
    unknown()
}

fn unknown<T>() -> Result<T, CaseError> {
    Err(CaseError::Skip("needs Linux's /proc".into()))
}
