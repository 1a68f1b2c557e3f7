//! The items of a Rust file, with their names and lines.

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, Ident, ImplItem, Item, Meta, TraitItem, Type};

/// One item. Lines count from 1, and the last one is included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceItem {
    /// Its name in pages: `serve`, `Connection::handle_read`, `impl Dispatcher for Echo`.
    pub name: String,
    /// Its first line, including its documentation.
    pub first_line: usize,
    /// Its first line after its documentation and tags.
    pub code_line: usize,
    /// Its last line.
    pub last_line: usize,
    /// Whether it has items of its own, such as an `impl` or a `mod`.
    pub is_container: bool,
    /// Whether it is compiled only for tests.
    pub is_test: bool,
}

/// All items of the file, in order. A container comes before its items.
///
/// # Errors
/// The file isn't Rust.
pub fn parse(source: &str) -> syn::Result<Vec<SourceItem>> {
    let file = syn::parse_file(source)?;
    let mut list = ItemCollector::default();
    list.add_items(&file.items);
    let lines: Vec<&str> = source.lines().collect();
    for item in &mut list.items {
        let code = &lines[item.code_line - 1..];
        let tags = code.iter().take_while(|line| without_tag(line).is_none());
        item.code_line += tags.count();
    }
    Ok(list.items)
}

/// The beginning of a tag, such as `// CONCEPT: framing`: a comment for this book, and not part of the code.
pub const TAG: &str = "// CONCEPT:";

/// The line without its tag. `None` if nothing else is on it.
pub fn without_tag(line: &str) -> Option<&str> {
    match line.split_once(TAG) {
        None => Some(line),
        Some((code, _)) => Some(code.trim_end()).filter(|code| !code.is_empty()),
    }
}

/// The number of lines that document the file itself, with the empty ones after them.
pub fn header(source: &str) -> usize {
    let is_header = |line: &&str| line.starts_with("//!") || line.trim().is_empty();
    source.lines().take_while(is_header).count()
}

#[derive(Default)]
struct ItemCollector {
    items: Vec<SourceItem>,
    /// The modules around the items that are being added, each with its `::`.
    path: String,
    in_tests: bool,
}

impl ItemCollector {
    fn add_items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Impl(item) => self.add_impl(item),
                Item::Trait(item) => self.add_trait(item),
                Item::Mod(item) => self.add_mod(item),
                Item::Use(_) | Item::ExternCrate(_) => {}
                item => {
                    if let Some((name, attributes)) = named(item) {
                        self.add(&name.to_string(), attributes, item.span(), false);
                    }
                }
            }
        }
    }

    fn add_impl(&mut self, item: &syn::ItemImpl) {
        let own = last_name(&item.self_ty);
        let name = match &item.trait_ {
            Some((path, _)) => {
                let of = path.segments.last().map(|last| last.ident.to_string());
                format!("impl {} for {own}", of.unwrap_or_default())
            }
            None => format!("impl {own}"),
        };
        self.add(&name, &item.attrs, item.span(), true);
        for inner in &item.items {
            if let ImplItem::Fn(method) = inner {
                let name = format!("{own}::{}", method.sig.ident);
                self.add(&name, &method.attrs, method.span(), false);
            }
        }
    }

    fn add_trait(&mut self, item: &syn::ItemTrait) {
        self.add(&item.ident.to_string(), &item.attrs, item.span(), true);
        for inner in &item.items {
            if let TraitItem::Fn(method) = inner {
                let name = format!("{}::{}", item.ident, method.sig.ident);
                self.add(&name, &method.attrs, method.span(), false);
            }
        }
    }

    fn add_mod(&mut self, item: &syn::ItemMod) {
        let Some((_, items)) = &item.content else {
            return;
        };
        let (path, in_tests) = (self.path.clone(), self.in_tests);
        self.in_tests |= is_for_tests(&item.attrs);
        self.add(&item.ident.to_string(), &item.attrs, item.span(), true);
        self.path.push_str(&format!("{}::", item.ident));
        self.add_items(items);
        (self.path, self.in_tests) = (path, in_tests);
    }

    fn add(&mut self, name: &str, attributes: &[Attribute], span: Span, is_container: bool) {
        let is_doc = |attribute: &&Attribute| attribute.path().is_ident("doc");
        let docs = attributes.iter().take_while(is_doc).last();
        let first = span.start().line;
        self.items.push(SourceItem {
            name: format!("{}{name}", self.path),
            first_line: first,
            code_line: docs.map_or(first, |doc| doc.span().end().line + 1),
            last_line: span.end().line,
            is_container,
            is_test: self.in_tests,
        });
    }
}

/// The name and the attributes of an item that has no items of its own.
fn named(item: &Item) -> Option<(&Ident, &[Attribute])> {
    Some(match item {
        Item::Fn(item) => (&item.sig.ident, &item.attrs),
        Item::Struct(item) => (&item.ident, &item.attrs),
        Item::Enum(item) => (&item.ident, &item.attrs),
        Item::Const(item) => (&item.ident, &item.attrs),
        Item::Static(item) => (&item.ident, &item.attrs),
        Item::Type(item) => (&item.ident, &item.attrs),
        Item::Macro(item) => (item.ident.as_ref()?, &item.attrs),
        _ => return None,
    })
}

/// For example `Connection` for `&mut net::Connection<T>`.
fn last_name(of: &Type) -> String {
    match of {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        Type::Reference(reference) => Some(last_name(&reference.elem)),
        _ => None,
    }
    .unwrap_or_else(|| of.to_token_stream().to_string())
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => {
            list.path.is_ident("cfg") && list.tokens.to_string().starts_with("test")
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! About the file.

/// About it.
// CONCEPT: descriptors
// why
#[derive(Debug)]
struct Connection {
    fd: i32,
}

impl Connection {
    /// Reads.
    fn handle_read(&mut self) {
    }
}

impl Drop for Connection {
    fn drop(&mut self) {}
}

#[cfg(test)]
mod tests {
    fn it_works() {}
}
";

    #[test]
    fn items_are_found_by_their_paths() -> syn::Result<()> {
        let names: Vec<String> = parse(SOURCE)?.into_iter().map(|item| item.name).collect();
        let expected = [
            "Connection",
            "impl Connection",
            "Connection::handle_read",
            "impl Drop for Connection",
            "Connection::drop",
            "tests",
            "tests::it_works",
        ];
        assert_eq!(names, expected);
        Ok(())
    }

    #[test]
    fn an_item_has_its_lines() -> syn::Result<()> {
        let items = parse(SOURCE)?;
        let lines = |at: usize| {
            (
                items[at].first_line,
                items[at].code_line,
                items[at].last_line,
            )
        };
        assert_eq!(lines(0), (3, 5, 9));
        assert_eq!(lines(2), (12, 13, 14));
        assert!(items[6].is_test && !items[4].is_test);
        assert_eq!(header(SOURCE), 2);
        Ok(())
    }

    #[test]
    fn tags_are_removed_from_a_line() {
        assert_eq!(without_tag("    // CONCEPT: timers"), None);
        assert_eq!(without_tag("now(); // CONCEPT: timers"), Some("now();"));
        assert_eq!(without_tag(""), Some(""));
    }
}
