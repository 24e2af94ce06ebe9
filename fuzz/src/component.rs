//! Loading a component, whatever the file holds: an error that can be shown or success, the same
//! from `sockeye check` as from a server that starts.

use std::cell::RefCell;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use sockeye::Error;
use sockeye::config::{Compiling, Config, Limits, Reuse, Service, Source};
use sockeye::internals::{check, load, told};
use tempfile::NamedTempFile;

/// What a larger file shows, a smaller one shows sooner.
const BYTES_MAX: usize = 32 * 1024;

/// How much of the processors' time a file of that size may cost the loader.
const TIME_MAX: Duration = Duration::from_secs(20);

/// What an error may say, however long the names in the file are.
const TEXT_BYTES_MAX: usize = 128 * 1024;

thread_local! {
    static FILE: RefCell<NamedTempFile> =
        RefCell::new(NamedTempFile::new().expect("there is a place for files"));
}

/// Takes `data` for the file of a component.
pub fn component(data: &[u8]) {
    let data = &data[..data.len().min(BYTES_MAX)];
    let start = cpu_time();
    let (checked, loaded) = FILE.with_borrow_mut(|file| {
        let path = written(file, data).expect("the file can be written");
        (check(path), load(&config(path)))
    });
    let took = cpu_time() - start;
    assert!(took < TIME_MAX, "it took {took:?}");

    match (&checked, &loaded) {
        (Ok(said), Ok(())) => assert!(said.contains("fits. Run it:"), "{said}"),
        // `check` says which limit the server needs instead.
        (Ok(said), Err(Error::MemoryLimit { .. })) => {
            assert!(said.contains("--memory-limit"), "{said}");
        }
        (Err(checked), Err(loaded)) => {
            let both = (kind(checked), kind(loaded));
            let limited = matches!(loaded, Error::MemoryLimit { .. });
            assert!(both.0 == both.1 || limited, "{checked:?} and {loaded:?}");
        }
        both => panic!("check and serve disagree: {both:?}"),
    }
    let outcome = checked.and_then(|said| loaded.map(|()| said));
    begins_as_it_should(data, &outcome);
    let text = outcome.unwrap_or_else(|error| told(&error));
    assert!(text.len() < TEXT_BYTES_MAX, "{} bytes of text", text.len());
    // The file's author writes these words too, and the operator's terminal would obey.
    let obeyed = |letter: char| letter.is_control() && !['\n', '\t'].contains(&letter);
    assert!(!text.contains(obeyed), "{text:?}");
}

/// What the process has had of the processors; on a busy machine, a clock on the wall would tell of
/// others.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.try_into().unwrap_or_default()
}

fn written<'a>(file: &'a mut NamedTempFile, data: &[u8]) -> std::io::Result<&'a Path> {
    file.as_file_mut().set_len(0)?;
    file.as_file_mut().rewind()?;
    file.as_file_mut().write_all(data)?;
    Ok(file.path())
}

fn config(path: &Path) -> Config {
    let service = Service {
        component: Source::File(path.to_owned()),
        listen: Vec::new(),
        root: None,
        reuse: Reuse::Never,
        activate_on: None,
        arguments: Vec::new(),
    };
    Config {
        services: vec![service],
        workers: 1,
        admin: None,
        access_log: None,
        take_over_timeout: Duration::from_secs(60),
        limits: Limits {
            instances_max: Some(1),
            ..Limits::default()
        },
        compiling: Compiling::default(),
    }
}

fn kind(error: &Error) -> std::mem::Discriminant<Error> {
    std::mem::discriminant(error)
}

/// Checks what the first eight bytes alone decide (the preamble of the component model's binary
/// format): what is no component never gets further.
fn begins_as_it_should(data: &[u8], outcome: &Result<String, Error>) {
    let is_elf = data.starts_with(b"\x7fELF");
    match (data.get(..4), data.get(6..8)) {
        (Some(b"\0asm"), Some([0, 0])) => {
            assert!(
                matches!(outcome, Err(Error::CoreModule { .. })),
                "{outcome:?}"
            );
        }
        (Some(b"\0asm"), Some([1, 0])) => {
            let early = matches!(
                outcome,
                Err(Error::CoreModule { .. } | Error::NotWasm { .. } | Error::Precompiled { .. })
            );
            assert!(!early, "{outcome:?}");
        }
        _ => {
            let refused = matches!(outcome, Err(Error::NotWasm { .. }))
                || is_elf && matches!(outcome, Err(Error::Precompiled { .. }));
            assert!(refused, "{outcome:?}");
        }
    }
}
