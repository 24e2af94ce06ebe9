//! Content types by the extension of a file's name.

use std::borrow::Cow;
use std::cell::RefCell;

/// Extensions whose type is remembered: looking one up compares a dozen strings without regard to
/// case, and what is asked for has few.
const REMEMBERED_MAX: usize = 16;

/// What is remembered must not grow with what clients make up.
const EXTENSION_BYTES_MAX: usize = 16;

/// What the extension of a file's name says about its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContentType {
    essence: &'static str,
    /// Content of this type becomes smaller by compression, so that there may be a `.br` or `.gz`
    /// beside the file. What is compressed already is not worth looking for one.
    pub(crate) compresses: bool,
}

thread_local! {
    static REMEMBERED: RefCell<Vec<(Box<str>, ContentType)>> = const { RefCell::new(Vec::new()) };
}

impl ContentType {
    /// Returns the type of the file at `path`.
    pub(crate) fn of(path: &str) -> ContentType {
        let bytes = path.as_bytes();
        let end = bytes.iter().rposition(|byte| matches!(byte, b'.' | b'/'));
        let extension = match end {
            Some(dot) if bytes[dot] == b'.' => &path[dot + 1..],
            // The name has none. There is no type for the empty one.
            _ => "",
        };
        if extension.len() > EXTENSION_BYTES_MAX {
            return ContentType::look_up(extension);
        }
        REMEMBERED.with_borrow_mut(|remembered| {
            let known = remembered.iter().find(|(known, _)| **known == *extension);
            if let Some((_, content_type)) = known {
                return *content_type;
            }
            if remembered.len() == REMEMBERED_MAX {
                remembered.remove(0);
            }
            let content_type = ContentType::look_up(extension);
            remembered.push((extension.into(), content_type));
            content_type
        })
    }

    fn look_up(extension: &str) -> ContentType {
        let essence = match mime_guess::from_ext(extension).first_raw() {
            // Of modules, too: there is one type for all of them (RFC 9239).
            Some("application/javascript") => "text/javascript",
            Some(essence) => essence,
            None => "application/octet-stream",
        };
        ContentType {
            essence,
            compresses: compresses(essence),
        }
    }

    /// Returns the value of the header line `Content-Type`.
    pub(crate) fn value(self) -> Cow<'static, str> {
        let essence = self.essence;
        // XML says its encoding itself, and a charset would overrule that (RFC 7303 section 3).
        if essence.starts_with("text/") && essence != "text/xml" {
            Cow::Owned(format!("{essence}; charset=utf-8"))
        } else {
            Cow::Borrowed(essence)
        }
    }
}

impl PartialEq for ContentType {
    /// Two are equal where they come from the same entry of the table, which is all that whoever
    /// remembers something needs to know; comparing text takes as long as the text is.
    fn eq(&self, other: &ContentType) -> bool {
        std::ptr::eq(self.essence, other.essence)
    }
}

fn compresses(essence: &str) -> bool {
    let suffixed = |suffix| essence.ends_with(suffix);
    essence.starts_with("text/")
        || suffixed("+json")
        || suffixed("+xml")
        || matches!(
            essence,
            "application/json"
                | "application/wasm"
                | "application/xml"
                | "application/vnd.ms-fontobject"
                | "font/otf"
                | "font/ttf"
                | "image/bmp"
                | "image/x-icon"
        )
}
