//! Splits the text of a script into tokens.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::iter::Peekable;
use std::str::Chars;

use super::ParseError;
use super::place::Place;

/// The longest `wait`, in microseconds: about 11 days.
pub(super) const LONGEST: u64 = 1_000_000_000_000;

pub(super) const A_STEP: &str = "a step, such as `connect 1`";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ScriptToken {
    Word(String),
    /// A number, with the letters that follow it directly: `2s`.
    Number(u64, String),
    Text(Vec<u8>),
    /// A semicolon or the end of a line.
    Separator,
    Open,
    Close,
    End,
}

impl Display for ScriptToken {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ScriptToken::Word(word) => write!(f, "`{word}`"),
            ScriptToken::Number(number, unit) => write!(f, "`{number}{unit}`"),
            ScriptToken::Text(_) => f.write_str("a text"),
            ScriptToken::Separator => f.write_str("the end of the step"),
            ScriptToken::Open => f.write_str("`{`"),
            ScriptToken::Close => f.write_str("`}`"),
            ScriptToken::End => f.write_str("the end of the script"),
        }
    }
}

/// The tokens of a text, and its comments.
#[derive(Debug)]
pub(super) struct Tokens {
    /// The last one is [`ScriptToken::End`].
    pub tokens: Vec<(Place, ScriptToken)>,
    /// Each comment by its line, without `#`.
    pub comments: BTreeMap<usize, String>,
}

impl Tokens {
    /// Splits a text into tokens.
    pub fn new(text: &str) -> Result<Self, ParseError> {
        let mut lexer = Lexer {
            chars: text.chars().peekable(),
            place: Place::BEGIN,
            comments: BTreeMap::new(),
        };
        let mut tokens = Vec::new();
        loop {
            let next = lexer.token()?;
            let is_last = next.1 == ScriptToken::End;
            tokens.push(next);
            if is_last {
                let comments = lexer.comments;
                return Ok(Tokens { tokens, comments });
            }
        }
    }
}

struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    place: Place,
    comments: BTreeMap<usize, String>,
}

impl Lexer<'_> {
    fn next_char(&mut self) -> Option<char> {
        let next = self.chars.next()?;
        self.place = self.place.after(next);
        Some(next)
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(next) = self.chars.peek().copied().filter(|next| belongs(*next)) {
            taken.push(next);
            self.next_char();
        }
        taken
    }

    fn token(&mut self) -> Result<(Place, ScriptToken), ParseError> {
        self.take_while(|next| next.is_whitespace() && next != '\n');
        if self.chars.peek() == Some(&'#') {
            let comment = self.take_while(|next| next != '\n');
            let comment = comment.trim_start_matches('#').trim().to_owned();
            self.comments.insert(self.place.line, comment);
        }
        let place = self.place;
        let is_word = |next: char| next.is_ascii_alphabetic() || next == '-';
        let token = match self.chars.peek().copied() {
            None => ScriptToken::End,
            Some(next) if is_word(next) => ScriptToken::Word(self.take_while(is_word)),
            Some('0'..='9') => {
                let digits = self.take_while(|next| next.is_ascii_digit());
                let number = digits.parse().ok().filter(|number| *number <= LONGEST);
                let most = || place.unexpected(&digits, format!("a number up to {LONGEST}"));
                let number = number.ok_or_else(most)?;
                ScriptToken::Number(number, self.take_while(|next| next.is_ascii_alphabetic()))
            }
            Some('"') => {
                self.next_char();
                ScriptToken::Text(self.text(place)?)
            }
            Some(next) => {
                self.next_char();
                match next {
                    ';' | '\n' => ScriptToken::Separator,
                    '{' => ScriptToken::Open,
                    '}' => ScriptToken::Close,
                    other => return Err(place.unexpected(format_args!("{other:?}"), A_STEP)),
                }
            }
        };
        Ok((place, token))
    }

    /// The rest of a text, up to its closing quote.
    fn text(&mut self, begin: Place) -> Result<Vec<u8>, ParseError> {
        let mut text = Vec::new();
        loop {
            let place = self.place;
            match self.next_char() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape(place)?),
                Some('\n') | None => {
                    return Err(begin.unexpected("a text without an end", "a closing `\"`"));
                }
                Some(other) => {
                    text.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
    }

    fn escape(&mut self, place: Place) -> Result<u8, ParseError> {
        let escaped = self.next_char();
        let byte = match escaped {
            Some('n') => Some(b'\n'),
            Some('r') => Some(b'\r'),
            Some('t') => Some(b'\t'),
            Some('"') => Some(b'"'),
            Some('\\') => Some(b'\\'),
            Some('x') => {
                let digits = [self.next_char(), self.next_char()];
                let digits = digits.map(|digit| digit.and_then(|digit| digit.to_digit(16)));
                match digits {
                    [Some(high), Some(low)] => u8::try_from(high * 16 + low).ok(),
                    _ => None,
                }
            }
            _ => None,
        };
        let expected = r#"`\n`, `\r`, `\t`, `\"`, `\\`, or `\x` with two hexadecimal digits"#;
        byte.ok_or_else(|| place.unexpected("an unknown escape", expected))
    }
}
