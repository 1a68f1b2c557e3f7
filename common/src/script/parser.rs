//! Parses the tokens of a script into steps.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use super::lexer::{A_STEP, LONGEST, ScriptToken};
use super::place::Place;
use super::{ParseError, Payload, Step};

/// Most bytes of one `send` or `read`, and the highest number of a client.
const MOST: u64 = 1 << 26;

/// Parses steps from tokens.
pub(super) struct Parser {
    tokens: std::vec::IntoIter<(Place, ScriptToken)>,
    /// The next token.
    place: Place,
    token: ScriptToken,
    /// The clients that exist so far.
    clients: BTreeSet<u32>,
    /// Where each step begins, so far.
    places: Vec<Place>,
}

/// A whole script.
pub(super) struct Parsed {
    /// Each step with the line on which it begins.
    pub steps: Vec<(usize, Step)>,
    /// Where each step begins. The steps of a `together` follow it.
    pub places: Vec<Place>,
}

/// The steps that exist.
const STEPS: [&str; 16] = [
    "connect",
    "send",
    "urgent",
    "read",
    "stop-reading",
    "resume-reading",
    "half-close",
    "close",
    "reset",
    "listen",
    "ignore-port",
    "wait",
    "stop",
    "signal",
    "descriptors",
    "together",
];

impl Parser {
    pub fn new(tokens: Vec<(Place, ScriptToken)>) -> Self {
        let mut parser = Parser {
            tokens: tokens.into_iter(),
            place: Place::BEGIN,
            token: ScriptToken::End,
            clients: BTreeSet::new(),
            places: Vec::new(),
        };
        parser.advance();
        parser
    }

    /// Parses the whole text.
    pub fn script(mut self) -> Result<Parsed, ParseError> {
        let steps = self.steps(false)?;
        match self.token {
            ScriptToken::End => Ok(Parsed {
                steps,
                places: self.places,
            }),
            _ => Err(self.unexpected(A_STEP)),
        }
    }

    fn advance(&mut self) -> (Place, ScriptToken) {
        let next = self.tokens.next().unwrap_or((self.place, ScriptToken::End));
        let old = (self.place, std::mem::replace(&mut self.token, next.1));
        self.place = next.0;
        old
    }

    fn unexpected(&self, expected: impl Display) -> ParseError {
        self.place.unexpected(&self.token, expected)
    }

    fn steps(&mut self, are_together: bool) -> Result<Vec<(usize, Step)>, ParseError> {
        let mut steps = Vec::new();
        loop {
            match self.token {
                ScriptToken::Separator => {
                    self.advance();
                }
                ScriptToken::End | ScriptToken::Close => return Ok(steps),
                _ => {
                    let line = self.place.line;
                    steps.push((line, self.step(are_together)?));
                    if !matches!(
                        self.token,
                        ScriptToken::Separator | ScriptToken::End | ScriptToken::Close
                    ) {
                        return Err(self.unexpected("the end of the step: `;` or a new line"));
                    }
                }
            }
        }
    }

    fn step(&mut self, is_together: bool) -> Result<Step, ParseError> {
        let ScriptToken::Word(verb) = &self.token else {
            return Err(self.unexpected(A_STEP));
        };
        let verb = verb.clone();
        if is_together && (verb == "together" || verb == "wait") {
            return Err(self.unexpected("a step that takes no time"));
        }
        let (place, found) = self.advance();
        self.places.push(place);
        Ok(match verb.as_str() {
            "connect" => Step::Connect(self.new_client()?, self.optional_port()?),
            "listen" => Step::Listen(self.new_client()?, self.port()?),
            "ignore-port" => Step::IgnorePort(self.port()?),
            "send" => Step::Send(self.client()?, self.payload()?),
            "urgent" => Step::Urgent(self.client()?, self.text()?),
            "read" => Step::Read(self.client()?, self.count("a number of bytes")?),
            "stop-reading" => Step::StopReading(self.client()?),
            "resume-reading" => Step::ResumeReading(self.client()?),
            "half-close" => Step::HalfClose(self.client()?),
            "close" => Step::Close(self.client()?),
            "reset" => Step::Reset(self.client()?),
            "wait" => Step::Wait(self.duration()?),
            "stop" => Step::Stop,
            "signal" => Step::Signal,
            "descriptors" => Step::Descriptors(self.count("a number of descriptors")?),
            "together" => self.together()?,
            _ => {
                let known = format!("one of {}", STEPS.join(", "));
                return Err(place.unexpected(found, known));
            }
        })
    }

    fn together(&mut self) -> Result<Step, ParseError> {
        self.exactly(ScriptToken::Open)?;
        let steps = self.steps(true)?;
        self.exactly(ScriptToken::Close)?;
        let steps = steps.into_iter().map(|(_, step)| step);
        Ok(Step::Together(steps.collect()))
    }

    fn exactly(&mut self, token: ScriptToken) -> Result<(), ParseError> {
        if self.token != token {
            return Err(self.unexpected(token.to_string()));
        }
        self.advance();
        Ok(())
    }

    fn count(&mut self, expected: &str) -> Result<usize, ParseError> {
        match &self.token {
            ScriptToken::Number(number, unit) if unit.is_empty() && *number <= MOST => {
                let number = *number as usize;
                self.advance();
                Ok(number)
            }
            _ => Err(self.unexpected(format!("{expected}, at most {MOST}"))),
        }
    }

    fn port(&mut self) -> Result<u16, ParseError> {
        let (place, found) = (self.place, self.token.clone());
        let expected = "the number of a port";
        let number = self.count(expected)?;
        u16::try_from(number).map_err(|_| place.unexpected(found, expected))
    }

    fn optional_port(&mut self) -> Result<Option<u16>, ParseError> {
        match self.token {
            ScriptToken::Number(..) => self.port().map(Some),
            _ => Ok(None),
        }
    }

    fn new_client(&mut self) -> Result<u32, ParseError> {
        let place = self.place;
        let client = self.count("the number of a client")? as u32;
        match self.clients.insert(client) {
            true => Ok(client),
            false => {
                Err(place.unexpected(format_args!("`{client}`"), "the number of a new client"))
            }
        }
    }

    fn client(&mut self) -> Result<u32, ParseError> {
        let (place, expected) = (self.place, "the number of a client that has connected");
        let client = self.count(expected)? as u32;
        match self.clients.contains(&client) {
            true => Ok(client),
            false => Err(place.unexpected(format_args!("`{client}`"), expected)),
        }
    }

    fn payload(&mut self) -> Result<Payload, ParseError> {
        match self.token {
            ScriptToken::Text(_) => self.text().map(Payload::Text),
            _ => self
                .count("a text or a number of bytes")
                .map(Payload::Count),
        }
    }

    fn text(&mut self) -> Result<Vec<u8>, ParseError> {
        match &mut self.token {
            ScriptToken::Text(text) => {
                let text = std::mem::take(text);
                self.advance();
                Ok(text)
            }
            _ => Err(self.unexpected("a text, such as `\"hello\\n\"`")),
        }
    }

    fn duration(&mut self) -> Result<Duration, ParseError> {
        if let ScriptToken::Number(number, unit) = &self.token {
            let microseconds = match unit.as_str() {
                "us" => Some(*number),
                "ms" => number.checked_mul(1_000),
                "s" => number.checked_mul(1_000_000),
                _ => None,
            };
            if let Some(microseconds) = microseconds.filter(|time| *time <= LONGEST) {
                self.advance();
                return Ok(Duration::from_micros(microseconds));
            }
        }
        Err(self.unexpected("a duration up to 1000000s, such as `200us`, `5ms`, or `2s`"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Script, TypedScript};
    use super::*;

    #[test]
    fn a_script_may_have_lines_and_comments() -> Result<(), ParseError> {
        let text =
            "connect 1 # the first\n\n  send 1 \"a#\\x00ü\\\"\";; together { reset 1\nstop }\n";
        let script: Script = text.parse()?;
        let sent = Payload::Text(b"a#\x00\xc3\xbc\"".to_vec());
        let together = Step::Together(vec![Step::Reset(1), Step::Stop]);
        assert_eq!(
            script.steps,
            [Step::Connect(1, None), Step::Send(1, sent), together]
        );
        let printed = "connect 1; send 1 \"a#\\x00\\xc3\\xbc\\\"\"; together { reset 1; stop }";
        assert_eq!(script.to_string(), printed);
        Ok(())
    }

    #[test]
    fn an_error_names_the_place_and_what_was_expected() {
        let cases = [
            (
                "conect 1",
                "script:1:1: found `conect`, expected one of connect, send, urgent, read, stop-reading, \
                 resume-reading, half-close, close, reset, listen, ignore-port, wait, stop, signal, \
                 descriptors, together",
            ),
            (
                "connect 1;\n send 2 \"x\"",
                "script:2:7: found `2`, expected the number of a client that has connected",
            ),
            (
                "connect 1; connect 1",
                "script:1:20: found `1`, expected the number of a new client",
            ),
            (
                "connect 1; send 1",
                "script:1:18: found the end of the script, expected a text or a number of \
                 bytes, at most 67108864",
            ),
            (
                "connect 1; send 1 \"x",
                "script:1:19: found a text without an end, expected a closing `\"`",
            ),
            (
                "connect 1; send 1 \"\\q\"",
                r#"script:1:20: found an unknown escape, expected `\n`, `\r`, `\t`, `\"`, `\\`, or `\x` with two hexadecimal digits"#,
            ),
            (
                "wait 2",
                "script:1:6: found `2`, expected a duration up to 1000000s, such as `200us`, \
                 `5ms`, or `2s`",
            ),
            (
                "stop stop",
                "script:1:6: found `stop`, expected the end of the step: `;` or a new line",
            ),
            (
                "together { wait 1s }",
                "script:1:12: found `wait`, expected a step that takes no time",
            ),
            (
                "together { stop",
                "script:1:16: found the end of the script, expected `}`",
            ),
            (
                "stop }",
                "script:1:6: found `}`, expected a step, such as `connect 1`",
            ),
            (
                "connect 1 70000",
                "script:1:11: found `70000`, expected the number of a port",
            ),
            (
                "ü",
                "script:1:1: found 'ü', expected a step, such as `connect 1`",
            ),
            (
                "connect 99999999999999999999",
                "script:1:9: found 99999999999999999999, expected a number up to 1000000000000",
            ),
        ];
        for (text, message) in cases {
            let error = text.parse::<Script>().expect_err(text);
            assert_eq!(error.to_string(), message, "{text}");
        }
    }

    #[test]
    fn each_step_in_the_list_exists() {
        for step in STEPS {
            let text = format!("{step} x");
            let error = text.parse::<Script>().expect_err(&text);
            assert!(!error.reason.contains("one of"), "{error}");
        }
    }

    #[test]
    fn the_place_of_a_step_is_that_in_the_text() {
        let text = "connect 1; # the first\n\n send 1 2; together { stop\n  signal }; wait 1s";
        let typed = TypedScript::parse(text).expect("it is a script");
        for (step, line, column) in [
            (Step::Connect(1, None), 1, 1),
            (Step::Send(1, Payload::Count(2)), 3, 2),
            (Step::Stop, 3, 23),
            (Step::Signal, 4, 3),
            (Step::Wait(Duration::from_secs(1)), 4, 13),
        ] {
            let error = typed.check(|one| (*one == step).then(|| "no".into()));
            let error = error.expect_err("the step is there");
            assert_eq!((error.line, error.column), (line, column), "{step}");
            assert_eq!(error.to_string(), format!("script:{line}:{column}: no"));
        }
    }
}
