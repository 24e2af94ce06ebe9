//! What commands leave: files, and the command that comes next.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::Error;

/// Writes a path so that a shell takes it for one word.
pub(super) fn quoted(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./+:@%".contains(&byte);
    match path.bytes().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

/// Writes a file that was made of `input`, by way of a rename, so that nobody finds half of it.
///
/// # Errors
/// [`Error::Write`], also where the path is that of `input` or of something else than a file.
pub(super) fn write(path: &Path, input: &Path, bytes: &[u8]) -> Result<(), Error> {
    try_write(path, input, bytes).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

fn try_write(path: &Path, input: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Ok(found) = fs::symlink_metadata(path) {
        let input = fs::metadata(input)?;
        if !found.is_file() || (found.dev(), found.ino()) == (input.dev(), input.ino()) {
            let text = "it is no regular file, or the one that it is made of";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut partial = tempfile::Builder::new()
        // Less what the user's mask takes away, as for any file.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory)?;
    partial.write_all(bytes)?;
    partial.persist(path)?;
    Ok(())
}
