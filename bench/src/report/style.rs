//! The marker and the colour of each of the four styles, the same as in the book's plots.

/// How a server's row looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// Filled for the four, hollow for the originals.
    pub(super) marker: char,
    /// A colour of the palette of 256, readable on a light and on a dark background; `None` for the
    /// terminal's own.
    pub(super) colour: Option<u8>,
}

const BLUE: Option<u8> = Some(32);
const ORANGE: Option<u8> = Some(166);
const GREEN: Option<u8> = Some(29);
const PURPLE: Option<u8> = Some(133);

/// The style that a candidate is written in.
pub(super) fn of(candidate: &str) -> Style {
    let (marker, colour) = match candidate {
        "select" | "select-queued" => ('●', BLUE),
        "python-select" | "c-select" => ('○', BLUE),
        "dispatcher" => ('■', ORANGE),
        "python-asyncore" => ('□', ORANGE),
        "chat" => ('▲', GREEN),
        "python-asynchat" => ('△', GREEN),
        "reactor-tokio" | "reactor-mio" | "reactor-select" | "reactor-uring" => ('◆', PURPLE),
        "python-twisted" => ('◇', PURPLE),
        _ => ('·', None),
    };
    Style { marker, colour }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::ALL;
    use common::comparison::Family;

    #[test]
    fn ours_have_a_style_each() {
        let ours = ALL.iter().filter(|one| one.family == Family::Ours);
        assert!(
            ours.map(|one| of(one.name))
                .all(|style| style.colour.is_some())
        );
    }
}
