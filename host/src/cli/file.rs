//! `sockeye.toml`: the flags of `sockeye serve` in a file.
//!
//! A key is a flag without its dashes, so there is no second list of settings: each key becomes
//! an argument, and is checked as one. `[[service]]` tables have the flags of a handler.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::serve;
use crate::Error;

/// The file that is read without being asked for.
const USUAL: &str = "sockeye.toml";

/// What only a file that was asked for can change: with these, a directory that somebody else
/// packed would have its native code run by whoever starts the program in it.
const NAMED_ONLY: [&str; 2] = ["allow-precompiled", "cache-dir"];

/// What only a file that was asked for can let lead out of its own directory: a directory that
/// somebody else packed would serve the user's other files, or have what clients send appended to
/// one of them, such as one that a shell reads.
const NAMED_ONLY_OUTSIDE: [&str; 2] = ["root", "access-log"];

/// The key of the tables that describe one handler each.
pub(super) const SERVICE: &str = "service";

/// The key of the table that only `sockeye dev` acts on.
const DEV: &str = "dev";

/// How a project is worked on.
#[derive(Clone)]
pub(super) struct Development {
    /// The command that builds the component, for a shell in the directory of the file.
    pub(super) build: String,
    /// The files and directories that it is built of.
    pub(super) watch: Vec<PathBuf>,
}

/// A configuration file whose syntax is right.
pub(super) struct File {
    path: PathBuf,
    /// Whether it was asked for.
    named: bool,
    settings: Vec<Setting>,
    services: Vec<Vec<Setting>>,
    development: Option<Development>,
}

/// A key with its value.
struct Setting {
    key: String,
    line: usize,
    value: Value,
}

impl Setting {
    fn new(key: &str, line: usize, value: Value) -> Setting {
        Setting {
            key: key.to_owned(),
            line,
            value,
        }
    }

    /// Whether it says of [`NAMED_ONLY`] what would hold without it.
    fn is_usual(&self) -> bool {
        match &self.value {
            Value::Flag(given) => !given,
            Value::One(dir) => serve::usual_cache_dir().is_some_and(|usual| usual == *dir),
            Value::List(_) => false,
        }
    }
}

enum Value {
    Flag(bool),
    One(String),
    List(Vec<String>),
}

impl File {
    /// Reads the file at `path`, or the usual one where there is one.
    ///
    /// # Errors
    /// [`Error::ReadConfig`], [`Error::ConfigSyntax`] and [`Error::Setting`].
    pub(super) fn find(path: Option<&Path>) -> Result<Option<File>, Error> {
        let text = match (path, fs::read_to_string(path.unwrap_or(Path::new(USUAL)))) {
            (None, Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            (_, result) => result,
        };
        let named = path.is_some();
        let path = path.unwrap_or(Path::new(USUAL)).to_owned();
        let text = text.map_err(|source| Error::ReadConfig {
            path: path.clone(),
            source,
        })?;
        let mut file = File {
            path,
            named,
            settings: Vec::new(),
            services: Vec::new(),
            development: None,
        };
        let table = DeTable::parse(&text).map_err(|source| Error::ConfigSyntax {
            path: file.path.clone(),
            source,
        })?;
        for (key, value) in table.get_ref() {
            let line = line_of(&text, key);
            match (&**key.get_ref(), value.get_ref()) {
                (SERVICE, DeValue::Array(tables)) => {
                    for table in tables {
                        file.read_service(&text, line, table.get_ref())?;
                    }
                }
                (SERVICE, _) => {
                    let setting = Setting::new(SERVICE, line, Value::Flag(false));
                    return Err(file.wrong(&setting, "write `[[service]]` and its keys below"));
                }
                (DEV, value) => {
                    let development = file.read_development(&text, line, value)?;
                    file.development = Some(development);
                }
                (name, value) => {
                    let setting = file.read(name, line, value)?;
                    file.settings.push(setting);
                }
            }
        }
        Ok(Some(file))
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How the project of this file is worked on, if it says so.
    pub(super) fn development(&self) -> Option<&Development> {
        self.development.as_ref()
    }

    /// Returns the arguments that the file adds to those that were `typed`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a key that is no flag, or a value that it cannot have.
    pub(super) fn arguments(&self, typed: &ArgMatches) -> Result<Vec<OsString>, Error> {
        let command = serve::command();
        let of_service = serve::service_command();
        let mut arguments = Vec::new();
        for setting in &self.settings {
            let arg = self.find_arg(setting, &command)?;
            if !self.services.is_empty() && by_key(&of_service, &setting.key).is_some() {
                return Err(self.wrong(setting, "move it into a `[[service]]` table"));
            }
            let typed = matches!(
                typed.value_source(arg.get_id().as_str()),
                Some(ValueSource::CommandLine | ValueSource::EnvVariable)
            );
            let is_free = self.named || typed || setting.is_usual();
            if !is_free && NAMED_ONLY.contains(&setting.key.as_str()) {
                let reason = "it is taken from a file only where that was named with `--config`";
                return Err(self.wrong(setting, reason));
            }
            let added = self.as_arguments(setting, arg, &command)?;
            if !typed {
                arguments.extend(added);
            }
        }
        Ok(arguments)
    }

    /// Returns the settings of the `[[service]]` tables; none where there is no such table.
    ///
    /// # Errors
    /// [`Error::Setting`], as [`arguments`](Self::arguments) does; [`Error::ServiceFlag`] where
    /// a flag of one handler was `typed`.
    pub(super) fn services(&self, typed: &ArgMatches) -> Result<Vec<ArgMatches>, Error> {
        let command = serve::service_command();
        for arg in command
            .get_arguments()
            .filter(|_| !self.services.is_empty())
        {
            let id = arg.get_id().as_str();
            if typed.value_source(id) == Some(ValueSource::CommandLine) {
                let flag = match arg.get_long() {
                    Some(long) => format!("--{long}"),
                    None => id.to_uppercase(),
                };
                return Err(Error::ServiceFlag {
                    flag,
                    path: self.path.clone(),
                });
            }
        }
        let services = self.services.iter();
        services
            .map(|settings| self.service(settings, &command))
            .collect()
    }

    fn service(&self, settings: &[Setting], command: &Command) -> Result<ArgMatches, Error> {
        let mut arguments = Vec::new();
        for setting in settings {
            let arg = self.find_arg(setting, command)?;
            arguments.extend(self.as_arguments(setting, arg, command)?);
        }
        if self.services.len() > 1 && !settings.iter().any(|setting| setting.key == "listen") {
            let path = self.path.clone();
            return Err(Error::ServiceListen { path });
        }
        // Each argument was checked by itself; flags that exclude each other are found here.
        let matches = command.clone().try_get_matches_from(arguments);
        Ok(matches.unwrap_or_else(|error| super::usage(&error)))
    }

    fn read_service(&mut self, text: &str, line: usize, table: &DeValue) -> Result<(), Error> {
        let DeValue::Table(table) = table else {
            let setting = Setting::new(SERVICE, line, Value::Flag(false));
            return Err(self.wrong(&setting, "write `[[service]]` and its keys below"));
        };
        let settings = table.iter().map(|(key, value)| {
            let line = line_of(text, key);
            self.read(key.get_ref(), line, value.get_ref())
        });
        let settings = settings.collect::<Result<_, _>>()?;
        self.services.push(settings);
        Ok(())
    }

    fn read_development(
        &self,
        text: &str,
        line: usize,
        table: &DeValue,
    ) -> Result<Development, Error> {
        let of_table = Setting::new(DEV, line, Value::Flag(false));
        let missing = "write `[dev]`, and `build = \"…\"` and `watch = [\"…\"]` below";
        let DeValue::Table(table) = table else {
            return Err(self.wrong(&of_table, missing));
        };
        let (mut build, mut watch) = (None, None);
        for (key, value) in table {
            let setting = self.read(key.get_ref(), line_of(text, key), value.get_ref())?;
            match (setting.key.as_str(), &setting.value) {
                ("build", Value::One(command)) => build = Some(command.clone()),
                ("build", _) => return Err(self.wrong(&setting, "write a command in quotes")),
                ("watch", Value::List(paths)) => watch = Some(paths.clone()),
                ("watch", Value::One(path)) => watch = Some(vec![path.clone()]),
                ("watch", _) => return Err(self.wrong(&setting, "write a list of paths")),
                _ => return Err(self.wrong(&setting, "`[dev]` has `build` and `watch`")),
            }
        }
        let (Some(build), Some(watch)) = (build, watch) else {
            return Err(self.wrong(&of_table, missing));
        };
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let watch = watch.iter().map(|path| directory.join(path)).collect();
        Ok(Development { build, watch })
    }

    fn read(&self, key: &str, line: usize, value: &DeValue) -> Result<Setting, Error> {
        let read = match (value, text_of(value)) {
            (DeValue::Boolean(flag), _) => Some(Value::Flag(*flag)),
            (_, Some(text)) => Some(Value::One(text)),
            (DeValue::Array(values), _) => {
                let texts = values.iter().map(|value| text_of(value.get_ref()));
                texts.collect::<Option<Vec<_>>>().map(Value::List)
            }
            _ => None,
        };
        let wrong = match &read {
            None => Some("write a string, a whole number, or a list of them"),
            Some(Value::One(text)) if text.is_empty() => Some("it is empty"),
            Some(Value::List(texts)) if texts.is_empty() => Some("it is empty"),
            Some(_) => None,
        };
        let setting = Setting::new(key, line, read.unwrap_or(Value::Flag(false)));
        match wrong {
            Some(reason) => Err(self.wrong(&setting, reason)),
            None => Ok(setting),
        }
    }

    fn find_arg<'a>(&self, setting: &Setting, command: &'a Command) -> Result<&'a Arg, Error> {
        by_key(command, &setting.key).ok_or_else(|| {
            let names = command.get_arguments().filter_map(name_of);
            let similarity = |name: &str| strsim::jaro_winkler(name, &setting.key);
            let similar = names
                .map(|name| (similarity(name), name))
                .filter(|(similarity, _)| *similarity > 0.7)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = match similar {
                Some((_, name)) => format!("did you mean `{name}`?"),
                None => "a key is a flag of `sockeye serve` without its dashes".to_owned(),
            };
            self.error(setting, "there is no such key", Some(hint))
        })
    }

    /// Makes the arguments of a setting, after a look at whether the command takes them.
    fn as_arguments(
        &self,
        setting: &Setting,
        arg: &Arg,
        command: &Command,
    ) -> Result<Vec<OsString>, Error> {
        let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
        let is_list = matches!(arg.get_action(), ArgAction::Append);
        let texts = match &setting.value {
            Value::Flag(given) if is_flag => {
                let flag = || format!("--{}", setting.key).into();
                return Ok(given.then(flag).into_iter().collect());
            }
            _ if is_flag => return Err(self.wrong(setting, "write `true` or `false`")),
            Value::Flag(_) => return Err(self.wrong(setting, "it takes a value in quotes")),
            Value::List(_) if !is_list => return Err(self.wrong(setting, "it takes one value")),
            Value::List(texts) => &texts[..],
            Value::One(text) => std::slice::from_ref(text),
        };
        if !self.named && NAMED_ONLY_OUTSIDE.contains(&setting.key.as_str()) {
            let mut paths = texts.iter().filter(|text| text.as_str() != "-");
            if paths.any(|path| leads_out(Path::new(path))) {
                let reason = "it leads out of the directory of this file, which may be so only \
                              where the file was named with `--config`";
                return Err(self.wrong(setting, reason));
            }
        }
        let arguments = texts.iter().map(|text| self.as_argument(arg, text));
        let arguments: Vec<OsString> = arguments.collect();
        let check = command.clone().no_binary_name(true);
        match check.try_get_matches_from(&arguments) {
            Ok(_) => Ok(arguments),
            Err(error) => {
                let text = error.render().to_string();
                let first = text.lines().next().unwrap_or_default();
                let reason = super::in_backticks(first.trim_start_matches("error: "));
                Err(self.wrong(setting, &reason))
            }
        }
    }

    fn as_argument(&self, arg: &Arg, text: &str) -> OsString {
        let is_path = matches!(
            arg.get_value_hint(),
            ValueHint::FilePath | ValueHint::DirPath
        );
        // Only for a log is this another name than that of a file.
        let is_stdout = text == "-" && name_of(arg) == Some("access-log");
        let value = match self.path.parent() {
            // Relative to the file, so that it means the same wherever the server is started.
            Some(parent) if is_path && !is_stdout => parent.join(text).into_os_string(),
            _ => text.into(),
        };
        match arg.get_long() {
            Some(long) => {
                let mut argument = OsString::from(format!("--{long}="));
                argument.push(value);
                argument
            }
            // A name that begins with a dash would be taken for a flag.
            None if text.starts_with('-') => Path::new(".").join(value).into_os_string(),
            None => value,
        }
    }

    fn wrong(&self, setting: &Setting, reason: &str) -> Error {
        self.error(setting, reason, None)
    }

    fn error(&self, setting: &Setting, reason: &str, hint: Option<String>) -> Error {
        Error::Setting {
            path: self.path.clone(),
            line: setting.line,
            key: setting.key.clone(),
            reason: reason.to_owned(),
            hint,
        }
    }
}

/// Whether a path leads out of the current directory, by itself or by way of a symbolic link. What
/// cannot be told is found by whoever opens it.
fn leads_out(path: &Path) -> bool {
    let real = match path.canonicalize() {
        // A link to what is not there yet would be followed when that is made.
        Err(_) if path.is_symlink() => return true,
        Err(_) => path
            .parent()
            .map(|parent| Path::new(".").join(parent).canonicalize()),
        found => Some(found),
    };
    match (real, Path::new(".").canonicalize()) {
        (Some(Ok(real)), Ok(here)) => !real.starts_with(here),
        _ => path.is_absolute() || path.components().any(|part| part == Component::ParentDir),
    }
}

/// Returns the argument that a key stands for.
fn by_key<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    let mut all = command.get_arguments();
    all.find(|arg| name_of(arg) == Some(key))
}

/// Returns the key that stands for an argument, if one does.
pub(super) fn name_of(arg: &Arg) -> Option<&str> {
    let name = arg.get_long().unwrap_or(arg.get_id().as_str());
    (!["help", "version", "config", "print-config"].contains(&name)).then_some(name)
}

fn text_of(value: &DeValue) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(number.to_string())
        }
        _ => None,
    }
}

fn line_of<T>(text: &str, item: &Spanned<T>) -> usize {
    1 + text[..item.span().start].matches('\n').count()
}
