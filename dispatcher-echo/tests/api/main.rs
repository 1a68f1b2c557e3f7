//! Every method of the API does what its documentation says. The tests use an object that logs its
//! calls, on loopback connections whose other end is the test.

mod accepting;
mod closing;
mod connecting;
mod looping;
mod probe;
mod reading;
mod serving;
#[path = "../../../common/tests/shared/serving.rs"]
mod shared;
mod stopping;
#[path = "../../../common/tests/shared/stream.rs"]
mod stream;
mod writing;
