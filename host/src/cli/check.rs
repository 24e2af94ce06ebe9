//! `sockeye check`: whether a component fits, what it imports, and what it has to be granted.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::output::quoted;
use super::serve::CompilingArgs;
use crate::Error;
use crate::config::{Compiling, INSTANCE_BYTES_MAX, Limits, Source};
use crate::instance::{Compiled, HandlerKind, Program, Target, compiling, linker, running};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The component
    #[arg(value_name = "COMPONENT", value_hint = ValueHint::FilePath)]
    component: PathBuf,

    #[command(flatten)]
    compiling: CompilingArgs,
}

/// What is offered, by the beginning of an interface's name, and what to know about it.
const OFFERED: [(&str, &str); 12] = [
    (
        "sockeye:net/files@",
        "grant a directory with `--root DIR`, or every open is refused",
    ),
    ("sockeye:net/errors@", ""),
    ("sockeye:net/connections@", ""),
    ("wasi:cli/environment@", "no variables are granted"),
    ("wasi:cli/stdout@", "becomes log lines"),
    ("wasi:cli/stderr@", "becomes log lines"),
    ("wasi:cli/", ""),
    ("wasi:clocks/", ""),
    (
        "wasi:filesystem/",
        "no directory is granted; files come through `sockeye:net/files`",
    ),
    ("wasi:io/", ""),
    ("wasi:random/", ""),
    (
        "wasi:sockets/",
        "no network is granted; the one connection is that of `sockeye:net`",
    ),
];

impl CheckArgs {
    /// Prints what was found.
    ///
    /// # Errors
    /// Why the component does not fit.
    pub(super) fn run(self) -> Result<(), Error> {
        let how = self.compiling.into_compiling()?;
        check(&Source::File(self.component), &how, |text| {
            super::print(super::harmless(&text).as_bytes())
        })
    }
}

/// Says what was found, in two parts where the component fits.
///
/// # Errors
/// Why the component does not fit, and what `say` returns.
pub(crate) fn check(
    source: &Source,
    how: &Compiling,
    mut say: impl FnMut(String) -> Result<(), Error>,
) -> Result<(), Error> {
    let engine = compiling(Target::USUAL)?;
    let compiled = Compiled::load(&engine, source, how)?;
    let types = compiled.component().component_type();
    // A name that breaks the line could say what this command says.
    let imports: Vec<String> = types
        .imports(&engine)
        .map(|(name, _)| name.escape_debug().to_string())
        .collect();
    let exports: Vec<String> = types
        .exports(&engine)
        .map(|(name, _)| name.escape_debug().to_string())
        .collect();
    let kind = HandlerKind::of(compiled.component()).map(|(kind, _)| kind);
    let memory = compiled.needs().memory_bytes;
    say(report(&exports, &imports, kind, memory))?;
    // On an engine like that of a server, with as much memory as it asks for: the pool has bounds
    // that the compiler does not know.
    let limit = Limits::default().instance_bytes_max.max(memory);
    if limit > INSTANCE_BYTES_MAX {
        return Err(Error::MemoryLimit {
            name: source.to_string(),
            needed: memory,
            limit: INSTANCE_BYTES_MAX,
        });
    }
    let limits = Limits {
        instance_bytes_max: limit,
        ..Limits::default()
    };
    let engine = running(1, compiled.needs(), Target::USUAL, &limits)?;
    let linker = linker(&engine)?;
    Program::link(&linker, source, &compiled.into_runnable(&engine)?)?;
    let mut command = format!("sockeye serve {}", quoted(&source.to_string()));
    if imports
        .iter()
        .any(|name| name.starts_with("sockeye:net/files@"))
    {
        command.push_str(" --root DIR");
    }
    if memory > Limits::default().instance_bytes_max {
        command.push_str(&format!(" --memory-limit {}MiB", memory.div_ceil(1 << 20)));
    }
    if how.allow_precompiled {
        command.push_str(" --allow-precompiled");
    }
    say(format!("\n`{source}` fits. Run it:\n  {command}\n"))
}

fn report(
    exports: &[String],
    imports: &[String],
    kind: Option<HandlerKind>,
    memory_bytes: usize,
) -> String {
    let mut text = String::new();
    let exports = exports.iter().map(|name| {
        let note = match kind {
            Some(kind) if kind.interface() != name => "not used",
            Some(HandlerKind::Http) => "it is started by a request head",
            Some(HandlerKind::Raw) => "it is started by a connection",
            None => "not used",
        };
        (name.as_str(), note)
    });
    list(&mut text, "exports", exports);
    let imports = imports.iter().map(|name| {
        let known = |(start, _): &&(&str, &str)| name.starts_with(start);
        let offered = OFFERED.iter().find(known);
        // Another version than those is not offered, whatever the name.
        let offered = offered.filter(|_| name.contains("@0.1.") || name.contains("@0.2."));
        (
            name.as_str(),
            offered.map_or("NOT OFFERED", |(_, note)| note),
        )
    });
    list(&mut text, "imports", imports);
    let limit = Limits::default().instance_bytes_max;
    let note = if memory_bytes > limit {
        format!(
            "give at least that as `--memory-limit`, which is {}",
            mebibytes(limit)
        )
    } else {
        format!("`--memory-limit` is {}", mebibytes(limit))
    };
    let size = format!("{} at first", mebibytes(memory_bytes));
    list(
        &mut text,
        "memory",
        [(size.as_str(), note.as_str())].into_iter(),
    );
    // A component that does fails to compile here.
    list(&mut text, "async", [("not used", "")].into_iter());
    text
}

/// Writes one topic: its name, and a line for each item.
fn list<'a>(text: &mut String, topic: &str, items: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut topic = topic;
    let mut said = "";
    for (item, note) in items {
        // What is true of several in a row is said once.
        let shown = if note == said { "" } else { note };
        said = note;
        let line = format!("{topic:9}{item:42} {shown}");
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", line.trim_end());
        topic = "";
    }
    if !topic.is_empty() {
        let _ = writeln!(text, "{topic:9}none");
    }
}

fn mebibytes(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
