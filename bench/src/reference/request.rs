//! As much of HTTP/1.1 as a server needs that trusts its clients.

use memchr::{memchr, memmem};

/// The heads at the front of `bytes`, each with its blank line, and how many bytes they are.
pub(super) fn heads(bytes: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    let mut start = 0;
    memmem::find_iter(bytes, b"\r\n\r\n").map(move |at| {
        let end = at + 4;
        let head = &bytes[start..end];
        start = end;
        (head, end)
    })
}

/// Whether the client says that this is its last request, in the one spelling that is known here.
pub(super) fn is_last(head: &[u8]) -> bool {
    memmem::find(head, b"Connection: close").is_some()
}

/// The name of the file that is asked for, without the slash.
pub(super) fn name(head: &[u8]) -> &[u8] {
    let path = head.strip_prefix(b"GET /").unwrap_or_default();
    &path[..memchr(b' ', path).unwrap_or(0)]
}
