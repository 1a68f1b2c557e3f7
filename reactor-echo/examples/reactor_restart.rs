//! An echo server that can be replaced while it runs: start it again, and the new process takes the
//! listener over. Shows how to pass a descriptor to another process.
//!
//! The new process connects to the old one's control socket, which is a Unix socket, and receives a
//! duplicate of the listener (SCM_RIGHTS, see unix(7)). No client notices: the queue of waiting clients
//! belongs to the listener, not to a process. The old process closes its own listener, serves the
//! clients that it has, and ends with the last of them.
//!
//! ```sh
//! cargo run -p reactor-echo --example reactor_restart -- 127.0.0.1:7000 /tmp/control   # twice
//! nc 127.0.0.1 7000                                                  # before, and after
//! ```

use std::env;
use std::fs;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use common::{Settings, StopSignal, net, output};
use reactor_echo::{EngineKind, Reactor};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use shared::Shared;

mod shared;

/// How long the processes wait for each other.
const TIME_LIMIT: Duration = Duration::from_secs(5);

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:0".into());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let path = arguments.next().ok_or(ErrorKind::InvalidInput)?;
    let path = Path::new(&path);

    let stop = StopSignal::on_signals()?;
    let listener = match UnixStream::connect(path) {
        Ok(old) => receive_listener(&old)?,
        Err(_) => net::bind(address, 128)?, // There is no old process.
    };
    let _ = fs::remove_file(path); // The old process keeps its socket, but not its name.
    let control = UnixListener::bind(path)?;
    output::print(format_args!("listening on {}\n", listener.local_addr()?))?;
    serve(listener, control, stop)
}

/// Serves the clients of this listener until it is replaced and all clients have left, or until the
/// stop signal is raised.
fn serve(listener: TcpListener, control: UnixListener, stop: StopSignal) -> io::Result<()> {
    let mut reactor = Reactor::new(EngineKind::default(), Settings::default())?;
    let mut duplicate = Some(listener.try_clone()?);
    let shared = Rc::<Shared>::default();
    let port = shared.listen(&mut reactor, listener)?;
    control.set_nonblocking(true)?;
    let control = Rc::new(control);
    reactor.add_reader(Rc::<UnixListener>::clone(&control), move |reactor| {
        if let Ok((new, _)) = control.accept()
            && let Some(listener) = &duplicate
            && send_listener(&new, listener).is_ok()
        {
            shared.retire(reactor, port);
            duplicate = None; // From now on, only the new process has the listener.
        }
    })?;
    let stop = Rc::new(stop);
    reactor.add_reader(Rc::<StopSignal>::clone(&stop), move |reactor| {
        if stop.is_raised() {
            reactor.stop();
        }
    })?;
    reactor.run()
}

fn send_listener(new: &UnixStream, listener: &TcpListener) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut descriptors = SendAncillaryBuffer::new(&mut space);
    let listener = [listener.as_fd()];
    descriptors.push(SendAncillaryMessage::ScmRights(&listener));
    // Descriptors travel with at least one ordinary byte.
    sendmsg(
        new,
        &[IoSlice::new(b"L")],
        &mut descriptors,
        SendFlags::empty(),
    )?;
    Ok(())
}

fn receive_listener(old: &UnixStream) -> io::Result<TcpListener> {
    old.set_read_timeout(Some(TIME_LIMIT))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut received = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    recvmsg(old, &mut bytes, &mut received, RecvFlags::empty())?;
    let mut descriptors = received.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let descriptor: Option<OwnedFd> = descriptors.next().and_then(|mut all| all.next());
    Ok(descriptor.ok_or(ErrorKind::NotConnected)?.into())
}
