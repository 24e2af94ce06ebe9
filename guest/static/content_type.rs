//! Content types by the extension of a file's name.

use std::borrow::Cow;

/// What the extension of a file's name says about its content.
#[derive(Debug)]
pub(crate) struct ContentType {
    /// The value of the header line `Content-Type`.
    pub(crate) value: Cow<'static, str>,
    /// Content of this type becomes smaller by compression, so that there may be a `.br` or `.gz`
    /// beside the file. What is compressed already is not worth looking for one.
    pub(crate) compresses: bool,
}

impl ContentType {
    /// Returns the type of the file at `path`.
    pub(crate) fn of(path: &str) -> ContentType {
        let name = path.rsplit('/').next().unwrap_or_default();
        let essence = match name.rsplit_once('.') {
            Some((_, extension)) => mime_guess::from_ext(extension).first_raw(),
            None => None,
        };
        let essence = match essence {
            // Of modules, too: there is one type for all of them (RFC 9239).
            Some("application/javascript") => "text/javascript",
            Some(essence) => essence,
            None => "application/octet-stream",
        };
        // XML says its encoding itself, and a charset would overrule that (RFC 7303 section 3).
        let value = if essence.starts_with("text/") && essence != "text/xml" {
            Cow::Owned(format!("{essence}; charset=utf-8"))
        } else {
            Cow::Borrowed(essence)
        };
        let compresses = compresses(essence);
        ContentType { value, compresses }
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
