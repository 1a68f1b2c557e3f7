//! The costs of the four servers stay within their bands. If a tool is missing, the counts that need
//! it are left out.

use std::io;
use std::thread::{self, ScopedJoinHandle};

use bench::builder::{Builder, Profile};
use bench::candidate::ALL;
use bench::counts::{self, Tools, bands};
use bench::harness::Harness;
use common::comparison::Family;

/// The four servers and their engines.
fn ours() -> io::Result<Builder> {
    let ours = |family| family == Family::Ours;
    let ours = ALL.iter().filter(|candidate| ours(candidate.family));
    Builder::open(ours, Profile::Dev)
}

/// More waits than the band allows are no error here: a server that is faster than its client finds
/// one message at a time. But there is never more than a wait, a read, and a write per message.
#[test]
fn every_echo_is_one_read_and_one_write_by_the_servers_own_count() -> io::Result<()> {
    let (builder, harness) = (ours()?, Harness::enter()?);
    for ready in &builder.ready {
        let name = ready.candidate.name;
        let calls = counts::counted(ready, &harness)?.expect("our servers count");
        assert!((2.0..=3.1).contains(&calls), "{name}: {calls:.2} calls");
    }
    Ok(())
}

#[test]
fn no_server_wakes_up_while_all_clients_are_silent() -> io::Result<()> {
    let (builder, harness) = (ours()?, Harness::enter()?);
    // Most of the time is waiting, so this watches all servers at once.
    let watch = |ready| counts::wake_ups(ready, &harness);
    let wake_ups: io::Result<Vec<u64>> = thread::scope(|scope| {
        let start = |ready| scope.spawn(move || watch(ready));
        let watched: Vec<_> = builder.ready.iter().map(start).collect();
        let join = |watched: ScopedJoinHandle<'_, _>| watched.join().unwrap();
        watched.into_iter().map(join).collect()
    });
    for (ready, wake_ups) in builder.ready.iter().zip(wake_ups?) {
        let name = ready.candidate.name;
        assert!(
            bands::IDLE_WAKE_UPS.contains(&wake_ups),
            "{name}: {wake_ups}"
        );
    }
    Ok(())
}

#[test]
fn strace_sees_what_the_servers_count() -> io::Result<()> {
    let (tools, builder, harness) = (Tools::find(), ours()?, Harness::enter()?);
    for ready in &builder.ready {
        let name = ready.candidate.name;
        let Some(calls) = counts::calls_per_echo(ready, &harness, &tools)? else {
            common::output::print_to_stderr(format_args!("left out: no working strace"));
            return Ok(());
        };
        assert_eq!(counts::doubt(&calls), None, "{name}: {calls:?}");
        let band = &bands::of(name).expect("ours have bands").system_calls;
        assert!(band.contains(&calls.per_echo), "{name}: {calls:?}");
    }
    Ok(())
}
