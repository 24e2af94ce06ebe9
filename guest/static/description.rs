//! What is said of a file: its validators and header lines, made once for each version of it.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::SystemTime;

use sockeye_guest::FileStat;
use sockeye_guest::http::HeaderLines;
use sockeye_guest::http::conditional::{self, Validators};
use sockeye_guest::http::encoding::Coding;

use crate::content_type::ContentType;
use crate::find::FoundFile;
use crate::options::Options;

/// Descriptions that are remembered: writing one costs more than all else that an answer does. An
/// instance serves one connection, or one after the other, so there are few files.
const REMEMBERED_MAX: usize = 32;

/// What is said of one version of a file.
#[derive(Debug)]
pub(crate) struct Description {
    version: Version,
    /// The strong entity tag.
    etag: String,
    /// When it was modified, once that is a date.
    modified: Option<SystemTime>,
    /// What 200, 206 and 304 say alike about the representation.
    pub(crate) representation: HeaderLines,
    /// What 200 says: that, and what the bytes are that come with it.
    pub(crate) whole: HeaderLines,
}

/// Whatever a description depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Version {
    stat: FileStat,
    content_type: ContentType,
    coding: Option<Coding>,
}

thread_local! {
    static REMEMBERED: RefCell<Vec<Rc<Description>>> = const { RefCell::new(Vec::new()) };
}

impl Description {
    /// Returns what is said of the file that was found, in the version that `stat` is of.
    ///
    /// # Errors
    /// `InvalidInput`: a header line cannot be sent.
    pub(crate) fn of(
        found: &FoundFile,
        stat: FileStat,
        options: &Options,
    ) -> io::Result<Rc<Description>> {
        let version = Version {
            stat,
            content_type: found.content_type,
            coding: found.coding,
        };
        REMEMBERED.with_borrow_mut(|remembered| {
            let known = remembered.iter().find(|known| known.version == version);
            if let Some(known) = known {
                return Ok(Rc::clone(known));
            }
            let new = Rc::new(Description::new(version, options)?);
            // It becomes another when the second is over in which the file was modified.
            if new.modified.is_some() {
                if remembered.len() == REMEMBERED_MAX {
                    remembered.remove(0);
                }
                remembered.push(Rc::clone(&new));
            }
            Ok(new)
        })
    }

    fn new(version: Version, options: &Options) -> io::Result<Description> {
        let etag = etag(&version.stat, version.coding);
        let modified = conditional::date_of(version.stat.modified, SystemTime::now());
        let mut lines = HeaderLines::new().header("ETag", &etag)?;
        if let Some(modified) = modified {
            lines = lines.header("Last-Modified", conditional::format_date(modified))?;
        }
        if let Some(coding) = version.coding {
            lines = lines.header("Content-Encoding", coding.token())?;
        }
        if version.content_type.compresses {
            lines = lines.header("Vary", crate::file::VARY)?;
        }
        if let Some(value) = &options.cache_control {
            lines = lines.header("Cache-Control", value)?;
        }
        let whole = crate::file::with_bytes(lines.clone())?;
        Ok(Description {
            version,
            etag,
            modified,
            representation: lines,
            whole: whole.header("Content-Type", &*version.content_type.value())?,
        })
    }

    /// Returns what the conditions of a request are compared with.
    pub(crate) fn validators(&self) -> Validators<'_> {
        Validators {
            etag: Some(&self.etag),
            modified: self.modified,
        }
    }
}

/// Returns the strong entity tag of a file: it says everything that changes with the content.
fn etag(stat: &FileStat, coding: Option<Coding>) -> String {
    let modified = match stat.modified.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_nanos(),
        // Before 1970; what it is does not matter as long as it is another for another time.
        Err(before) => u128::MAX - before.duration().as_nanos(),
    };
    let coding = coding.map_or("", Coding::suffix).trim_start_matches('.');
    format!(
        "\"{modified:x}-{:x}-{:x}{coding}\"",
        stat.size, stat.identity
    )
}
