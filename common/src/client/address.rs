//! The address of a server, in the forms that people type.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use super::EchoClient;

/// The port of a server whose address has none.
pub const DEFAULT_PORT: u16 = 8881;

/// The forms that are accepted.
const FORMS: &str =
    "expected HOST:PORT, HOST, [IPV6]:PORT or :PORT, such as localhost:8881 or [::1]:8881";

/// The host and port of a server: `localhost:8881`, `localhost`, `127.0.0.1`, `[::1]:8881`,
/// `[::1]`, `::1` or `:8881`. Without a port it is [`DEFAULT_PORT`]; without a host, `localhost`.
///
/// ```
/// use common::client::ServerAddress;
///
/// let server: ServerAddress = "::1".parse()?;
/// assert_eq!(server.to_string(), "[::1]:8881");
/// assert!("http://localhost".parse::<ServerAddress>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

impl ServerAddress {
    /// The socket addresses of the server. A name can have several, such as one for each of IPv4
    /// and IPv6.
    ///
    /// # Errors
    /// The name doesn't resolve to any address; the message contains the name.
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let failed = |error: io::Error| io::Error::new(error.kind(), format!("{self}: {error}"));
        let addresses = (self.host.as_str(), self.port).to_socket_addrs();
        let addresses: Vec<_> = addresses.map_err(failed)?.collect();
        if addresses.is_empty() {
            return Err(failed(io::Error::new(ErrorKind::NotFound, "no address")));
        }
        Ok(addresses)
    }

    /// Connects to the first of the server's addresses that accepts, within `limit` for each.
    ///
    /// # Errors
    /// The errors of [`resolve`](Self::resolve), or that of the last address; the message contains it.
    pub fn connect_within(&self, limit: Duration) -> io::Result<EchoClient> {
        let mut last = io::Error::from(ErrorKind::NotFound);
        for address in self.resolve()? {
            match EchoClient::connect_within(address, limit) {
                Ok(client) => return Ok(client),
                Err(error) => {
                    let message = format!("cannot connect to {address}: {error}");
                    last = io::Error::new(error.kind(), message);
                }
            }
        }
        Err(last)
    }

    fn new(host: &str, port: &str) -> Result<Self, String> {
        let is_host = |byte: u8| byte.is_ascii_graphic() && !b"/@?#[]".contains(&byte);
        // getaddrinfo(3) reads a bare number as an IPv4 address: 8881 would be 0.0.34.177.
        let is_number = host.bytes().all(|byte| byte.is_ascii_digit());
        if host.is_empty() || is_number || !host.bytes().all(is_host) {
            return Err(FORMS.into());
        }
        match port.parse() {
            Ok(0) | Err(_) => Err(format!("the port must be from 1 to 65535; {FORMS}")),
            Ok(port) => Ok(ServerAddress {
                host: host.to_owned(),
                port,
            }),
        }
    }
}

impl FromStr for ServerAddress {
    type Err = String;

    /// Parses any of the forms.
    ///
    /// # Errors
    /// The text has another form; the message lists the accepted ones.
    fn from_str(text: &str) -> Result<Self, String> {
        let default = DEFAULT_PORT.to_string();
        let is_ipv6 = |host: &str| {
            let (address, _scope) = host.split_once('%').unwrap_or((host, ""));
            address.parse::<Ipv6Addr>().is_ok()
        };
        if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
            let port = match rest {
                "" => &default,
                _ => rest.strip_prefix(':').ok_or(FORMS)?,
            };
            return match is_ipv6(host) {
                true => Self::new(host, port),
                false => Err(FORMS.into()),
            };
        }
        if is_ipv6(text) {
            return Self::new(text, &default);
        }
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => Err(FORMS.into()),
            Some(("", port)) => Self::new("localhost", port),
            Some((host, port)) => Self::new(host, port),
            None => Self::new(text, &default),
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServerAddress { host, port } = self;
        match host.contains(':') {
            true => write!(out, "[{host}]:{port}"),
            false => write!(out, "{host}:{port}"),
        }
    }
}

/// The address to connect to for a server that listens on `address`: the loopback address if it
/// listens on all interfaces (`0.0.0.0` or `::`).
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => [127, 0, 0, 1].into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_people_type_is_an_address() {
        for (text, expected) in [
            ("localhost:9000", "localhost:9000"),
            ("localhost", "localhost:8881"),
            ("echo.example-1.org", "echo.example-1.org:8881"),
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("127.0.0.1", "127.0.0.1:8881"),
            ("[::1]:9000", "[::1]:9000"),
            ("[::1]", "[::1]:8881"),
            ("::1", "[::1]:8881"),
            ("::", "[::]:8881"),
            ("fe80::1%eth0", "[fe80::1%eth0]:8881"),
            ("[fe80::1%2]:9000", "[fe80::1%2]:9000"),
            (":9000", "localhost:9000"),
        ] {
            let parsed = text.parse::<ServerAddress>().map(|one| one.to_string());
            assert_eq!(parsed.as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_right_forms() {
        for text in [
            "",
            " ",
            "8881",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "localhost:echo",
            "localhost:88:81",
            "http://localhost:8881",
            "localhost:8881/path",
            "user@localhost",
            "[localhost]:8881",
            "[::1",
            "[::1]8881",
            "[]:8881",
            "::1]:8881",
            ":",
            "two words",
        ] {
            let error = text.parse::<ServerAddress>().expect_err(text);
            assert!(error.contains("[IPV6]:PORT"), "{text}: {error}");
        }
    }

    #[test]
    fn a_server_on_all_interfaces_is_reached_on_the_loopback_interface() {
        for (listens, expected) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.1:1", "10.0.0.1:1"),
        ] {
            let listens: SocketAddr = listens.parse().unwrap();
            assert_eq!(reachable(listens).to_string(), expected);
        }
    }
}
