//! The extensions of a chunk: `*( BWS ";" BWS name [ BWS "=" BWS value ] )`, where a name is a
//! token, and a value a token or a quoted string (RFC 9112 section 7.1.1).
//!
//! They are dropped, but not whatever they are: a reader that knows quotations goes on behind the
//! end of a line that leaves one open, and the next chunk is its text.

use crate::http::characters::{TOKEN, VALUE};

/// What the last byte was a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// The blanks in front of a semicolon.
    Blank,
    Semicolon,
    Name,
    /// The blanks behind a name: another extension or a value may follow.
    NameBlank,
    Equals,
    Value,
    Quoted,
    Backslash,
    /// The end of a quotation.
    Unquoted,
}

impl Extension {
    /// Returns what the next byte is a part of, where it fits.
    pub(super) fn step(self, byte: u8) -> Option<Extension> {
        use Extension::*;
        Some(match (self, byte) {
            (Quoted, b'"') => Unquoted,
            (Quoted, b'\\') => Backslash,
            (Quoted | Backslash, _) if VALUE.contains(byte) => Quoted,
            (Semicolon | Name, _) if TOKEN.contains(byte) => Name,
            (Equals | Value, _) if TOKEN.contains(byte) => Value,
            (Equals, b'"') => Quoted,
            (Name | NameBlank, b'=') => Equals,
            (Blank | Name | NameBlank | Value | Unquoted, b';') => Semicolon,
            (Semicolon | Equals, b' ' | b'\t') => self,
            (Name | NameBlank, b' ' | b'\t') => NameBlank,
            (Blank | Value | Unquoted, b' ' | b'\t') => Blank,
            _ => return None,
        })
    }

    /// Returns how many more bytes there are at least in front of the end of the line.
    pub(super) fn needed(self) -> u64 {
        use Extension::*;
        match self {
            Name | Value | Unquoted => 0,
            Semicolon | Equals | Quoted => 1,
            Blank | NameBlank | Backslash => 2,
        }
    }
}
