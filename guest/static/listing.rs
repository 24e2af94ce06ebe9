//! The entries of a directory as a page.

use std::fmt::Write;
use std::time::SystemTime;

use sockeye_guest::http::conditional::{Conditions, Validators, Verdict};
use sockeye_guest::http::{self, Exchange, path};
use sockeye_guest::{Directory, DirectoryEntry, EntryKind, ErrorCode};

use crate::options::Options;

/// The most entries that are read and shown: sorting needs them all in memory.
const ENTRIES_MAX: usize = 10_000;

/// A directory that is to be listed.
pub(crate) struct Listing {
    path: String,
    directory: Directory,
}

impl Listing {
    pub(crate) fn new(path: String, directory: Directory) -> Listing {
        Listing { path, directory }
    }

    /// Answers with the page.
    pub(crate) fn answer(&self, exchange: &mut Exchange, options: &Options) -> http::Result {
        let (entries, complete) = match self.entries() {
            Ok(entries) => entries,
            Err(error) => return crate::fault(exchange, error),
        };
        // The page exists, and nothing tells its versions apart: any entry changes it.
        let validators = Validators {
            etag: None,
            modified: None,
        };
        let conditions = Conditions::of(exchange.headers(), SystemTime::now());
        let status = match conditions.evaluate(&validators) {
            Verdict::Proceed => 200,
            Verdict::NotModified => 304,
            Verdict::PreconditionFailed => {
                return crate::text(exchange, 412, crate::PRECONDITION_FAILED);
            }
        };
        let mut head = exchange.response(status);
        if let Some(value) = &options.cache_control {
            head = head.header("Cache-Control", value);
        }
        if status == 304 {
            return Ok(head.send("")?);
        }
        let page = self.page(entries, complete);
        let head = head.header("X-Content-Type-Options", "nosniff");
        Ok(head.content_type("text/html; charset=utf-8").send(page)?)
    }

    /// Returns what is shown of the directory, and whether that is everything.
    fn entries(&self) -> Result<(Vec<DirectoryEntry>, bool), ErrorCode> {
        let (mut entries, mut seen) = (Vec::new(), 0);
        loop {
            let read = self.directory.read()?;
            if read.is_empty() {
                return Ok((entries, true));
            }
            seen += read.len();
            // As elsewhere, a leading dot hides a name. It does not protect the file.
            let shown = read
                .into_iter()
                .filter(|entry| !entry.name.starts_with('.'));
            entries.extend(shown);
            if seen > ENTRIES_MAX {
                entries.truncate(ENTRIES_MAX);
                return Ok((entries, false));
            }
        }
    }

    fn page(&self, mut entries: Vec<DirectoryEntry>, complete: bool) -> String {
        let rank = |entry: &DirectoryEntry| entry.kind != EntryKind::Directory;
        entries.sort_unstable_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
        let title = format!("Index of /{}", escape(&self.path));
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <title>{title}</title>\n<h1>{title}</h1>\n<ul>\n"
        );
        if !self.path.is_empty() {
            page.push_str("<li><a href=\"../\">../</a></li>\n");
        }
        for entry in &entries {
            let slash = if entry.kind == EntryKind::Directory {
                "/"
            } else {
                ""
            };
            let (href, name) = (path::encode(&entry.name), escape(&entry.name));
            // Writing to a string cannot fail.
            let _ = writeln!(page, "<li><a href=\"{href}{slash}\">{name}{slash}</a></li>");
        }
        page.push_str("</ul>\n");
        if !complete {
            let _ = writeln!(
                page,
                "<p>There is more: no more than {ENTRIES_MAX} entries are read.</p>"
            );
        }
        page.push_str("</html>\n");
        page
    }
}

/// Writes text so that it is text in HTML, also within an attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
