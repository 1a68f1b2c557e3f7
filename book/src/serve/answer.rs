//! One request to the book.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use tiny_http::{Header, Request, Response};

/// Where a page asks which version of the book is shown.
const VERSION: &str = "/__version";

/// Answers the request with a file of this folder, or with the version.
pub fn answer(request: Request, folder: &Path, version: u64) {
    let response = respond(request.url(), folder, version);
    // A browser that has gone away is no concern of ours.
    let _ = request.respond(response);
}

fn respond(url: &str, folder: &Path, version: u64) -> Response<Cursor<Vec<u8>>> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    if path == VERSION {
        return with_type(Response::from_string(version.to_string()), "text/plain");
    }
    let file = file_of(folder, path);
    let Some(content) = file.as_ref().and_then(|file| fs::read(file).ok()) else {
        let page = fs::read(folder.join("404.html")).unwrap_or_default();
        return with_type(Response::from_data(page), "text/html").with_status_code(404);
    };
    let kind = file.as_deref().map_or("", media_type);
    let content = match kind {
        "text/html" => with_reload(content, version),
        _ => content,
    };
    with_type(Response::from_data(content), kind)
}

/// The file that the path names, if it is one within the folder.
fn file_of(folder: &Path, path: &str) -> Option<PathBuf> {
    let mut file = folder.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part.starts_with('.') || part.contains(['\\', '%']) {
            return None;
        }
        file.push(part);
    }
    if file.is_dir() {
        file.push("index.html");
    }
    Some(file)
}

/// Adds what makes the page ask for the version now and then, and reload when it has changed.
fn with_reload(mut page: Vec<u8>, version: u64) -> Vec<u8> {
    let script = format!(
        "<script>setInterval(async () => {{\
         const answer = await fetch('{VERSION}').catch(() => null);\
         if (answer?.ok && await answer.text() !== '{version}') location.reload();\
         }}, 500)</script>"
    );
    page.extend_from_slice(script.as_bytes());
    page
}

fn with_type<R: std::io::Read>(response: Response<R>, kind: &str) -> Response<R> {
    let kind = match kind.starts_with("text/") {
        true => format!("{kind}; charset=utf-8"),
        false => kind.to_owned(),
    };
    let header = |name: &str, value: &str| Header::from_bytes(name, value);
    let fields = [
        header("Content-Type", &kind),
        header("Cache-Control", "no-store"),
    ];
    fields
        .into_iter()
        .flatten()
        .fold(response, Response::with_header)
}

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_served() {
        let folder = Path::new("/site");
        let file = |path| file_of(folder, path).map(|file| file.display().to_string());
        assert_eq!(file("/a/b.html").as_deref(), Some("/site/a/b.html"));
        for path in ["/../etc/passwd", "/%2e%2e/x", "/a/..\\x", "/.git/config"] {
            assert_eq!(file(path), None, "{path}");
        }
    }
}
