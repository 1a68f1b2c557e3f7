//! A descriptor beyond FD_SETSIZE, in a process of its own because it takes all lower numbers.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;

use common::sys::{AsDescriptor, check_fits};
use select_echo::{NOTHING, select};

#[test]
fn a_descriptor_beyond_the_set_is_an_error_and_no_panic() -> io::Result<()> {
    let (here, _there) = UnixStream::pair()?;
    let mut taken = vec![here.try_clone()?];
    while check_fits(taken[taken.len() - 1].descriptor()).is_ok() {
        taken.push(here.try_clone()?);
    }
    let beyond = &taken[taken.len() - 1];
    for error in [
        select(&[beyond], NOTHING, NOTHING, None).expect_err("it does not fit"),
        select(NOTHING, &[beyond], NOTHING, None).expect_err("it does not fit"),
        select(NOTHING, NOTHING, &[beyond], None).expect_err("it does not fit"),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("FD_SETSIZE"), "{error}");
    }
    Ok(())
}
