//! The four styles, as the book names and marks them.

use serde::{Deserialize, Serialize};

/// One of the four, in the book's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// A bare `select` loop.
    Select,
    /// asyncore's dispatchers.
    Dispatcher,
    /// asynchat's chat objects.
    Chat,
    /// Twisted's reactor.
    Reactor,
}

impl Style {
    /// All four, in the book's order.
    pub const ALL: [Style; 4] = [
        Style::Select,
        Style::Dispatcher,
        Style::Chat,
        Style::Reactor,
    ];

    /// Its name in pages, data, and style sheets.
    pub fn name(self) -> &'static str {
        match self {
            Style::Select => "select",
            Style::Dispatcher => "dispatcher",
            Style::Chat => "chat",
            Style::Reactor => "reactor",
        }
    }

    /// Its program, which is also its folder.
    pub fn program(self) -> &'static str {
        match self {
            Style::Select => "select-echo",
            Style::Dispatcher => "dispatcher-echo",
            Style::Chat => "chat-echo",
            Style::Reactor => "reactor-echo",
        }
    }

    /// Its shape, for readers who can't tell the colours apart.
    pub fn marker(self) -> &'static str {
        match self {
            Style::Select => "●",
            Style::Dispatcher => "■",
            Style::Chat => "▲",
            Style::Reactor => "◆",
        }
    }

    /// The style of this name.
    pub fn named(name: &str) -> Option<Style> {
        Style::ALL.into_iter().find(|style| style.name() == name)
    }

    /// A heading for content of the style: its marker and its name, in its colour.
    pub fn heading(self) -> String {
        format!(
            r#"<span class="style-name" data-style="{0}"><span aria-hidden="true">{1}</span> {0}</span>"#,
            self.name(),
            self.marker()
        )
    }
}
