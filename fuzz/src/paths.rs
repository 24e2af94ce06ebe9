//! Paths of URLs: no URL leads out of the root or to a name with a meaning of its own, and what is
//! written into an answer leads back to where it came from.

use sockeye_guest::http::path::{FilePath, PathError, encode};

/// Takes `data` for the path of a URL, for a query and for the name of a file.
pub fn paths(data: &[u8]) {
    // The library has looked at the characters of a target before: it is UTF-8.
    let text = String::from_utf8_lossy(data);
    let found = FilePath::from_url(&text);
    assert_eq!(found, reference(text.as_bytes()), "`{text}`");
    if let Ok(found) = found {
        stays_inside(&found.path);
        leads_back(&found, &text);
    }
    name_leads_back(&text);
}

/// Checks what the host is asked to open: a relative path of plain names.
fn stays_inside(path: &str) {
    assert!(!path.contains('\0'), "{path:?}");
    if !path.is_empty() {
        let plain = |part: &str| !["", ".", ".."].contains(&part);
        assert!(path.split('/').all(plain), "{path:?}");
    }
}

/// Checks that a redirect leads to the same place as a directory, on the same host.
fn leads_back(found: &FilePath, query: &str) {
    let location = found.location(Some(query));
    let (path, sent_query) = location.split_once('?').expect("it has a query");
    assert!(path.starts_with('/') && path.ends_with('/'), "{location}");
    assert!(
        !path.starts_with("//"),
        "a browser takes it for a host: {location}"
    );
    let may_stand = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
    assert!(location.bytes().all(may_stand), "{location}");
    let again = FilePath::from_url(path).expect("it was made of a path");
    assert_eq!((&again.path, again.is_directory), (&found.path, true));
    assert!(!again.ends_in_dots);
    // Sent again, the query stays as it is, and so does what it stands for.
    let resent = found.location(Some(sent_query));
    assert_eq!(resent, location);
    assert_eq!(
        decoded(sent_query.as_bytes(), true),
        decoded(query.as_bytes(), true)
    );
    assert_eq!(found.location(None), path);
}

/// Checks that a name in a list of files leads to that file.
fn name_leads_back(name: &str) {
    let encoded = encode(name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
    assert!(encoded.bytes().all(plain), "{encoded}");
    assert_eq!(
        decoded(encoded.as_bytes(), false).as_deref(),
        Some(name.as_bytes())
    );
    let is_name = !["", ".", ".."].contains(&name) && !name.contains(['/', '\0']);
    if is_name {
        let found = FilePath::from_url(&format!("/{encoded}")).map(|found| found.path);
        assert_eq!(found.as_deref(), Ok(name));
    }
}

/// Decodes every part, then follows the parts from the root.
fn reference(url: &[u8]) -> Result<FilePath, PathError> {
    let [b'/', rest @ ..] = url else {
        return Err(PathError::Malformed);
    };
    let mut parts = Vec::new();
    for part in rest.split(|byte| *byte == b'/') {
        parts.push(decoded(part, false).ok_or(PathError::Malformed)?);
    }
    if parts.iter().any(|part| part.contains(&0)) {
        return Err(PathError::Malformed);
    }
    let mut followed: Vec<String> = Vec::new();
    let mut error = None;
    for part in &parts {
        let step = match &part[..] {
            b"" | b"." => Ok(()),
            b".." => followed.pop().map(drop).ok_or(PathError::Outside),
            name => match String::from_utf8(name.to_vec()) {
                Ok(name) if !name.contains('/') => {
                    followed.push(name);
                    Ok(())
                }
                _ => Err(PathError::NoFile),
            },
        };
        // The first thing that is wrong is what is said.
        error = error.or(step.err());
    }
    let last = &parts[parts.len() - 1][..];
    let ends_in_dots = last == b"." || last == b"..";
    match error {
        Some(error) => Err(error),
        None => Ok(FilePath {
            path: followed.join("/"),
            is_directory: last.is_empty() || ends_in_dots,
            ends_in_dots,
        }),
    }
}

/// Decodes percent-encoded bytes; what is no code stands for itself where that is `lenient`.
fn decoded(text: &[u8], lenient: bool) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let code = match &text[at..] {
            [b'%', high, low, ..] => digit(high).zip(digit(low)),
            _ => None,
        };
        match (text[at], code) {
            (_, Some((high, low))) => {
                bytes.push((high * 16 + low) as u8);
                at += 3;
            }
            (b'%', None) if !lenient => return None,
            (byte, None) => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    Some(bytes)
}
