//! The PROXY protocol, versions 1 and 2: the header with which a proxy begins each connection to
//! the server, and which contains the client's address.
//!
//! Written from the [specification](https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt),
//! whose sections the comments name.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The longest header of version 1, in bytes, with its CRLF (section 2.1).
pub const LONGEST_LINE: usize = 107;

/// How version 1 begins.
const LINE_START: &[u8] = b"PROXY ";

/// How version 2 begins.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, one byte each for command and address family, and two for the length of the rest.
const FIXED_PART: usize = 16;

/// The command of a connection that the proxy makes on its own account, for example to check the
/// server.
const LOCAL: u8 = 0x20;

/// The command of a connection that the proxy makes for a client.
const PROXY: u8 = 0x21;

/// A header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The client's address. `None` means that the connection is the proxy's own, such as a health
    /// check, or that the proxy can't express the address.
    pub client: Option<SocketAddr>,
    /// The length of the header in bytes. The client's first byte comes after it.
    pub length: usize,
}

impl Header {
    /// Parses the first bytes of a connection. Returns `None` while they are the beginning of a
    /// header. Ignores what comes after the addresses: the rest of the header can still be missing.
    ///
    /// # Errors
    /// `InvalidData` as soon as no header begins with these bytes.
    pub fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        if begins_like(bytes, SIGNATURE) {
            return binary(bytes);
        }
        if begins_like(bytes, LINE_START) {
            return line(bytes);
        }
        Err(bad("the connection doesn't begin with one"))
    }
}

/// Whether one is the beginning of the other.
fn begins_like(bytes: &[u8], start: &[u8]) -> bool {
    bytes
        .iter()
        .zip(start)
        .all(|(byte, expected)| byte == expected)
}

fn bad(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("bad PROXY header: {why}"))
}

/// Version 1, a line of text (section 2.1):
///
/// ```text
/// PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n
///            client      proxy        ports of both
/// ```
fn line(bytes: &[u8]) -> io::Result<Option<Header>> {
    let bytes = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return match bytes.len() {
            LONGEST_LINE => Err(bad("the line is too long")),
            _ => Ok(None),
        };
    };
    let text = str::from_utf8(&bytes[..end]).ok();
    let text = text.and_then(|text| text.strip_suffix('\r'));
    let words: Vec<&str> = text.unwrap_or_default().split(' ').collect();
    let client = match words[..] {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", "TCP4", ref addresses @ ..] => Some(client::<Ipv4Addr>(addresses)?),
        ["PROXY", "TCP6", ref addresses @ ..] => Some(client::<Ipv6Addr>(addresses)?),
        _ => return Err(bad("the line begins with other words, or lacks its CR")),
    };
    Ok(Some(Header {
        client,
        length: end + 1,
    }))
}

/// The first of two addresses. Both must be valid.
fn client<Ip: FromStr + Into<IpAddr>>(words: &[&str]) -> io::Result<SocketAddr> {
    let address = |ip: &str, port: &str| {
        let (ip, number): (Ip, u16) = (ip.parse().ok()?, port.parse().ok()?);
        let is_canonical = number.to_string() == port; // No sign, and no zeros in front.
        is_canonical.then(|| SocketAddr::new(ip.into(), number))
    };
    let addresses = match *words {
        [client, proxy, port, proxy_port] => address(client, port).zip(address(proxy, proxy_port)),
        _ => None,
    };
    let (client, _) = addresses.ok_or_else(|| bad("an address or a port isn't valid"))?;
    Ok(client)
}

/// Version 2 (section 2.2).
fn binary(bytes: &[u8]) -> io::Result<Option<Header>> {
    let Some((fixed_part, rest)) = bytes.split_first_chunk::<FIXED_PART>() else {
        return Ok(None);
    };
    let [.., command, family, high, low] = *fixed_part;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let client = match (command, family) {
        (LOCAL, _) => None,
        (PROXY, 0x11) => Some(first_address::<4>(rest, length)?),
        (PROXY, 0x21) => Some(first_address::<16>(rest, length)?),
        // Datagrams, Unix sockets, and what the proxy doesn't know: no client of TCP.
        (PROXY, 0x00..=0x02 | 0x10 | 0x12 | 0x20 | 0x22 | 0x30..=0x32) => None,
        _ => return Err(bad("its version, command, or address family is unknown")),
    };
    let length = FIXED_PART + length;
    Ok(match client {
        Some(None) => None,
        client => Some(Header {
            client: client.flatten(),
            length,
        }),
    })
}

/// The first address of a block: the IP addresses of client and proxy, then the ports of both.
/// Returns `None` while a part of the block is missing.
fn first_address<const IP: usize>(rest: &[u8], length: usize) -> io::Result<Option<SocketAddr>>
where
    IpAddr: From<[u8; IP]>,
{
    let block = 2 * IP + 4;
    if length < block {
        return Err(bad("it is too short for its addresses"));
    }
    let Some((ips, ports)) = rest.get(..block).map(|block| block.split_at(2 * IP)) else {
        return Ok(None);
    };
    let (ip, port) = (ips.first_chunk::<IP>(), ports.first_chunk::<2>());
    let address = ip.zip(port);
    Ok(address.map(|(ip, port)| SocketAddr::new((*ip).into(), u16::from_be_bytes(*port))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("it is short");
        let fixed = [&[command, family], &length.to_be_bytes()[..]].concat();
        [SIGNATURE, &fixed, rest].concat()
    }

    const IPV4: [u8; 12] = [192, 168, 0, 1, 192, 168, 0, 11, 0xdc, 0x04, 0x01, 0xbb];

    fn ipv6() -> Vec<u8> {
        let ip = |last: u8| Ipv6Addr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()]).octets();
        [&ip(1)[..], &ip(2), &[0xdc, 0x04, 0x01, 0xbb]].concat()
    }

    /// Headers, and the client in each.
    fn good() -> Vec<(Vec<u8>, Option<&'static str>)> {
        let with_tlv = [&IPV4[..], b"\x04\x00\x02xx"].concat();
        let longest = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                       ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
        assert_eq!(longest.len(), LONGEST_LINE);
        let text = |line: &str| line.as_bytes().to_vec();
        vec![
            (
                text("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"),
                Some("192.168.0.1:56324"),
            ),
            (
                text("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n"),
                Some("255.255.255.255:65535"),
            ),
            (
                text("PROXY TCP6 2001:DB8::1 ::1 56324 443\r\n"),
                Some("[2001:db8::1]:56324"),
            ),
            (text("PROXY UNKNOWN\r\n"), None),
            (text("PROXY UNKNOWN whatever  it is\r\n"), None),
            (text(longest), None),
            (v2(PROXY, 0x11, &IPV4), Some("192.168.0.1:56324")),
            (v2(PROXY, 0x11, &with_tlv), Some("192.168.0.1:56324")),
            (v2(PROXY, 0x21, &ipv6()), Some("[2001:db8::1]:56324")),
            (v2(PROXY, 0x00, b""), None),
            (v2(PROXY, 0x12, &IPV4), None),
            (v2(PROXY, 0x31, &[0; 216]), None),
            (v2(LOCAL, 0x00, b""), None),
            (v2(LOCAL, 0x11, &IPV4), None),
            (v2(LOCAL, 0xff, b"skipped"), None),
        ]
    }

    #[test]
    fn each_header_is_parsed_wherever_it_is_cut_and_whatever_follows() -> io::Result<()> {
        for (bytes, client) in good() {
            let header = Header {
                client: client.map(|client| client.parse().expect("it is an address")),
                length: bytes.len(),
            };
            let name = bytes.escape_ascii().to_string();
            for cut in 0..bytes.len() {
                let parsed = Header::parse(&bytes[..cut])?;
                // Version 2 is parsed before the part that is skipped has arrived.
                let is_skipped = bytes.starts_with(SIGNATURE) && parsed == Some(header);
                assert!(parsed.is_none() || is_skipped, "{name}, cut at {cut}");
            }
            for after in [&b""[..], b"hello\n", b"\r\n", &[0xff; 200]] {
                let all = [&bytes, after].concat();
                assert_eq!(Header::parse(&all)?, Some(header), "{name}");
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_no_header_is_refused_at_the_first_byte_that_shows_it() {
        let long = format!("PROXY UNKNOWN {}", "x".repeat(LONGEST_LINE));
        let lines = [
            ("hello", 1),
            ("PROXIES", 5),
            ("PROXY\r\n", 6),
            ("PROXY \r\n", 8),
            ("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", 32),
            ("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", 33),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", 33),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", 30),
            ("PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", 33),
            ("PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", 34),
            ("PROXY TCP4 ::1 ::1 1 2\r\n", 24),
            ("PROXY TCP4 1.2.3.4 nowhere 1 2\r\n", 32),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", 33),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", 33),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", 36),
            ("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", 32),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", 31),
            ("PROXY UNKNOWN\nhello\r\n", 14),
            (long.as_str(), LONGEST_LINE),
            ("\r\n\r\n\0\r\nQUITE", 12),
        ];
        let lines = lines.map(|(line, length)| (line.as_bytes().to_vec(), length));
        let too_short = v2(PROXY, 0x11, &IPV4[..11]);
        let binary = [
            (v2(0x11, 0x11, &IPV4), 16),
            (v2(0x22, 0x11, &IPV4), 16),
            (v2(PROXY, 0x13, &IPV4), 16),
            (v2(PROXY, 0x41, &IPV4), 16),
            (too_short, 16),
            (v2(PROXY, 0x21, &IPV4), 16),
        ];
        for (bytes, length) in lines.into_iter().chain(binary) {
            let name = bytes.escape_ascii().to_string();
            let before = Header::parse(&bytes[..length - 1]);
            assert!(matches!(before, Ok(None)), "{name}: {before:?}");
            for end in length..=bytes.len() {
                let error = Header::parse(&bytes[..end]).expect_err(&name);
                assert_eq!(error.kind(), ErrorKind::InvalidData, "{name}");
                assert!(error.to_string().starts_with("bad PROXY header"), "{error}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_and_more_bytes_change_no_result(
            start in prop::sample::select(vec![&b""[..], LINE_START, b"PROXY TCP4 ", SIGNATURE]),
            rest in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let bytes = [start, &rest].concat();
            let told = |bytes: &[u8]| Header::parse(bytes).map_err(|error| error.to_string());
            let all = told(&bytes);
            for cut in 0..bytes.len() {
                let part = told(&bytes[..cut]);
                prop_assert!(part == Ok(None) || part == all, "{part:?}, {all:?}");
            }
        }
    }
}
