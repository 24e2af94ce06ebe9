//! `sockeye new`: a project to begin with.
//!
//! What is written are the files of `guest/templates/` and of the layers beside it, which are part
//! of this program; `language.rs` says which.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, ValueHint};
use include_dir::{Dir, DirEntry, include_dir};

use super::kind::Kind;
use super::language::{Facts, Language, Tool};
use super::output::quoted;
use crate::{Error, ProjectError};

static TEMPLATES: Dir = include_dir!("$CARGO_MANIFEST_DIR/../guest/templates");

/// What the project is called in the templates, in text and in the names of files.
const PLACEHOLDERS: [&str; 2] = ["my-handler", "my_handler"];

/// Files whose names mean something to the tools that work on the templates themselves.
const HIDDEN: [(&str, &str); 2] = [("gitignore", ".gitignore"), ("cargo", ".cargo")];

/// What programs leave beside sources; it is in this program where they have run before its build.
const LEFT_BEHIND: [&str; 2] = ["__pycache__", "node_modules"];

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The project's directory, which is made; its last part is the project's name
    #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
    path: PathBuf,

    /// The language of the handler
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,

    /// What its clients speak
    #[arg(long, default_value = "http")]
    kind: Kind,
}

/// A project while its files are put together.
struct Project {
    name: String,
    directory: PathBuf,
}

impl NewArgs {
    /// Writes the project, whole or not at all, and says how it is built.
    ///
    /// # Errors
    /// [`ProjectError::Name`], and [`ProjectError::New`] where the directory exists or cannot be
    /// written.
    pub(super) fn run(self) -> Result<(), Error> {
        let name = self.path.file_name().and_then(|name| name.to_str());
        let name = name.filter(|name| is_name(name)).ok_or_else(|| {
            let name = self.path.display().to_string();
            ProjectError::Name { name }
        })?;
        self.write(name).map_err(|source| ProjectError::New {
            path: self.path.clone(),
            source,
        })?;
        super::print(self.next_steps(name).as_bytes())
    }

    /// Puts the project together beside its place, so that nobody finds half of one.
    fn write(&self, name: &str) -> io::Result<()> {
        let parent = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let partial = tempfile::Builder::new()
            .prefix(".sockeye-new-")
            .tempdir_in(parent)?;
        let project = Project {
            name: name.to_owned(),
            directory: partial.path().join(name),
        };
        fs::create_dir(&project.directory)?;
        project.fill(self.lang.facts(), self.kind)?;
        // Onto an empty directory this would work, too, and leave a shell in it nowhere.
        if fs::symlink_metadata(&self.path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(&project.directory, &self.path)
    }

    /// What to type next, and what has to be installed before.
    fn next_steps(&self, name: &str) -> String {
        let lang = self.lang.facts();
        let path = quoted(&self.path.display().to_string());
        let mut text = format!(
            "`{name}` is a handler in {}. Build and run it:\n",
            lang.title
        );
        text.push_str(&format!("  cd {path}\n"));
        for step in lang.steps {
            text.push_str(&format!("  {step}\n"));
        }
        text.push_str("  sockeye serve handler.wasm\n");
        text.push_str("`sockeye dev` does both again whenever a source has changed.\n");
        for tool in lang.tools.iter().filter(|tool| !tool.is_installed()) {
            text.push_str(&format!(
                "\nhint: {} is not installed: {}\n",
                tool.name, tool.install
            ));
        }
        text
    }
}

/// Whether every build tool takes `name` for the name of a project, beside that of the library.
fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= 64
        && name != "sockeye-guest"
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(known)
}

impl Project {
    fn fill(&self, lang: &Facts, kind: Kind) -> io::Result<()> {
        let template = TEMPLATES.get_dir(lang.name);
        let template = template.expect("every language has a folder of templates");
        let of_kind = |kind| template.get_dir(template.path().join(kind));
        let (chosen, other) = match kind {
            Kind::Http => ("http", "tcp"),
            Kind::Tcp => ("tcp", "http"),
        };
        let skipped = [of_kind(chosen), of_kind(other)];
        self.copy(template, Path::new(""), &skipped)?;
        if let Some(chosen) = of_kind(chosen) {
            self.copy(chosen, Path::new(""), &[])?;
        }
        for (layer, to) in lang.layers {
            self.copy(layer, Path::new(to), &[])?;
        }
        if lang.needs_wit {
            for (name, text) in super::WIT {
                self.write(&Path::new("wit").join(name), text.as_bytes())?;
            }
        }
        if let Some(built) = lang.leaves {
            std::os::unix::fs::symlink(built, self.directory.join("handler.wasm"))?;
        }
        Ok(())
    }

    /// Copies what is in a folder, but for those that are `skipped`.
    fn copy(&self, from: &Dir, to: &Path, skipped: &[Option<&Dir>]) -> io::Result<()> {
        for entry in from.entries() {
            let name = entry.path().file_name().and_then(|name| name.to_str());
            let name = name.expect("the names of our own files are text");
            let hidden = HIDDEN.iter().find(|(shown, _)| *shown == name);
            let to = to.join(hidden.map_or(name, |(_, hidden)| hidden));
            match entry {
                DirEntry::File(file) => self.write(&to, file.contents())?,
                DirEntry::Dir(_) if LEFT_BEHIND.contains(&name) => {}
                DirEntry::Dir(folder) if skipped.contains(&Some(folder)) => {}
                DirEntry::Dir(folder) => self.copy(folder, &to, skipped)?,
            }
        }
        Ok(())
    }

    /// Writes a file under the project's name.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let path = self.directory.join(self.named(&path.to_string_lossy()));
        fs::create_dir_all(path.parent().expect("it is below the project"))?;
        match std::str::from_utf8(bytes) {
            Ok(text) => fs::write(path, self.named(text)),
            Err(_) => fs::write(path, bytes),
        }
    }

    fn named(&self, text: &str) -> String {
        let [dashed, underscored] = PLACEHOLDERS;
        let text = text.replace(dashed, &self.name);
        text.replace(underscored, &self.name.replace('-', "_"))
    }
}

impl Tool {
    /// Asks a shell for the tool.
    fn is_installed(&self) -> bool {
        let mut shell = Command::new("sh");
        shell.args(["-c", self.check]);
        shell
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        shell.status().is_ok_and(|status| status.success())
    }
}
