//! Each example is run, and does what it says.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use common::Settings;
use common::client::TIME_LIMIT;
use common::program::{Program, Serving, example};
use reactor_echo::{EngineKind, Write as Sending, serve};

#[test]
fn the_countdown_counts_down() -> io::Result<()> {
    let output = example("reactor_countdown")?.arg("0.02").output()?;
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "3\n2\n1\nlift-off\n"
    );
    assert!(output.status.success());
    Ok(())
}

#[test]
fn the_echo_client_hears_what_it_says() -> io::Result<()> {
    let (engine, sending) = (EngineKind::default(), Sending::default());
    let server = Serving::start(Settings::default(), move |listener, settings, stop| {
        serve(listener, settings, engine, sending, stop)
    })?;
    let address = server.address();
    let output = example("reactor_client")?
        .arg(address.to_string())
        .output()?;
    let heard = String::from_utf8_lossy(&output.stdout);
    assert_eq!(heard, "heard one\nheard two\nheard three\nfinished\n");
    server.stop()?;

    let refused = example("reactor_client")?
        .arg(address.to_string())
        .output()?;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("cannot connect"), "{said}");
    Ok(())
}

#[test]
fn in_the_chat_room_the_others_hear_it() -> io::Result<()> {
    let room = Program::start_example("reactor_chat_room", &["127.0.0.1:0"])?;
    let address = room.address();

    let (mut anna, mut bert) = (Guest::enter(address)?, Guest::enter(address)?);
    assert_eq!(anna.hear()?, format!("{}: comes in\n", bert.name));
    anna.says(b"hello\n")?;
    assert_eq!(bert.hear()?, format!("{}: hello\n", anna.name));
    drop(anna);
    assert!(bert.hear()?.ends_with(": goes out\n"));
    Ok(())
}

struct Guest {
    reading: BufReader<TcpStream>,
    name: String,
}

impl Guest {
    fn enter(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, TIME_LIMIT)?;
        socket.set_read_timeout(Some(TIME_LIMIT))?;
        let (reading, name) = (BufReader::new(socket), String::new());
        let mut guest = Guest { reading, name };
        let greeting = guest.hear()?;
        guest.name = greeting.trim().trim_start_matches("you are ").to_owned();
        Ok(guest)
    }

    fn says(&mut self, words: &[u8]) -> io::Result<()> {
        self.reading.get_mut().write_all(words)
    }

    fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.reading.read_line(&mut line)?;
        Ok(line)
    }
}
