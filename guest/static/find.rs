//! From the target of a request to what is there: a file, one of its compressed forms, or a
//! directory.

use sockeye_guest::http::Exchange;
use sockeye_guest::http::encoding::{self, Coding};
use sockeye_guest::http::path::{FilePath, PathError};
use sockeye_guest::{Directory, ErrorCode, File};

use crate::content_type::ContentType;
use crate::listing::Listing;
use crate::options::Options;

/// The file that stands for its directory.
const INDEX: &str = "index.html";

/// What a path stands for.
pub(crate) enum Found {
    File(FoundFile),
    Listing(Listing),
    /// A directory, but the URL does not end in a `/`, so relative links would lead elsewhere.
    Directory(FilePath),
}

/// A file, open, in the form that the client prefers.
pub(crate) struct FoundFile {
    pub(crate) file: File,
    /// Of the content, whatever form it has.
    pub(crate) content_type: ContentType,
    /// The form, where it is compressed.
    pub(crate) coding: Option<Coding>,
}

/// Why a path stands for nothing that could be sent.
pub(crate) enum Missing {
    /// The path cannot be decoded.
    Malformed,
    /// It leads outside, or permission is missing.
    Denied,
    /// Nothing is there that could be sent.
    Nothing,
    /// A directory is there where a file was looked for.
    IsDirectory,
    /// The host could not look.
    Fault(ErrorCode),
}

/// Looks for what the target of the request stands for.
pub(crate) fn find(exchange: &Exchange, options: &Options) -> Result<Found, Missing> {
    match find_path(exchange, options) {
        Err(Missing::Nothing) if options.spa => open(INDEX, exchange).map(Found::File),
        found => found,
    }
}

fn find_path(exchange: &Exchange, options: &Options) -> Result<Found, Missing> {
    let found = FilePath::from_url(exchange.path())?;
    if !found.is_directory {
        return match open(&found.path, exchange) {
            Err(Missing::IsDirectory) => Ok(Found::Directory(found)),
            file => file.map(Found::File),
        };
    }
    let page = find_page(&found.path, exchange, options)?;
    Ok(if found.ends_in_dots {
        Found::Directory(found)
    } else {
        page
    })
}

/// Looks for what stands for the directory at `path`: its index, or a listing.
fn find_page(path: &str, exchange: &Exchange, options: &Options) -> Result<Found, Missing> {
    let index = match path {
        "" => INDEX.to_owned(),
        path => format!("{path}/{INDEX}"),
    };
    match open(&index, exchange) {
        Ok(found) => Ok(Found::File(found)),
        Err(Missing::Nothing | Missing::IsDirectory) if options.list => {
            let directory = Directory::open(if path.is_empty() { "." } else { path })?;
            Ok(Found::Listing(Listing::new(path.to_owned(), directory)))
        }
        // As far as the path goes, there is nothing: an index of that name is no page.
        Err(Missing::IsDirectory) => Err(Missing::Nothing),
        Err(missing) => Err(missing),
    }
}

/// Opens the file at `path`, in the first of the codings that the client prefers to none and that
/// it has a sibling in.
///
/// The file itself comes first: without it a sibling is no form of anything, so that whether there
/// is something at the path never depends on what the client takes. A sibling that is missing costs
/// a failed lookup in each request that would take it, because the host keeps only files that
/// exist. So none is looked for where the type does not compress.
fn open(path: &str, exchange: &Exchange) -> Result<FoundFile, Missing> {
    let file = File::open(path)?;
    let content_type = ContentType::of(path);
    let siblings = if content_type.compresses {
        codings(exchange)
    } else {
        &[]
    };
    // Whatever is wrong with a sibling, the file itself is there.
    let sibling = siblings.iter().find_map(|coding| {
        let file = File::open(&format!("{path}{}", coding.suffix())).ok()?;
        Some((file, *coding))
    });
    let (file, coding) = match sibling {
        Some((file, coding)) => (file, Some(coding)),
        None => (file, None),
    };
    Ok(FoundFile {
        file,
        content_type,
        coding,
    })
}

fn codings(exchange: &Exchange) -> &'static [Coding] {
    let lines = exchange
        .headers()
        .filter(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"));
    encoding::preferred(lines.map(|(_, value)| value))
}

impl From<PathError> for Missing {
    fn from(error: PathError) -> Missing {
        match error {
            PathError::Malformed => Missing::Malformed,
            PathError::Outside => Missing::Denied,
            PathError::NoFile => Missing::Nothing,
        }
    }
}

impl From<ErrorCode> for Missing {
    fn from(error: ErrorCode) -> Missing {
        match error {
            ErrorCode::AccessDenied => Missing::Denied,
            ErrorCode::NotFound
            | ErrorCode::NotRegularFile
            | ErrorCode::NameTooLong
            | ErrorCode::InvalidArgument => Missing::Nothing,
            ErrorCode::IsDirectory => Missing::IsDirectory,
            error => Missing::Fault(error),
        }
    }
}
