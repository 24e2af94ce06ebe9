//! The command line: what each command does, and how an error is told.

use std::error::Error as _;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::Config;
use crate::line_writer::{LineThread, LineWriter};
use crate::{Error, Inherited, server};

mod check;
mod compile;
mod component;
mod dev;
mod file;
mod kind;
mod language;
mod limits;
mod new;
mod output;
mod print_config;
mod serve;
mod values;

pub(crate) use check::check;
use file::Development;
use serve::ServeArgs;

/// The contract: every file of `wit/` with its name, the world first.
const WIT: [(&str, &str); 4] = [
    ("world.wit", include_str!("../../wit/world.wit")),
    ("errors.wit", include_str!("../../wit/errors.wit")),
    ("files.wit", include_str!("../../wit/files.wit")),
    ("connections.wit", include_str!("../../wit/connections.wit")),
];

/// What `sockeye --help` says below the commands.
const EXAMPLES: &str = "\
Examples:
  sockeye                                    a welcome page at http://127.0.0.1:8080/
  sockeye serve --root DIR                   the files of a directory
  sockeye new hello --lang go                a project with a handler to begin with
  sockeye serve handler.wasm                 a handler of yours
  sockeye check handler.wasm                 whether it fits, and what it needs

`sockeye serve --help` lists every setting.";

#[derive(Debug, Parser)]
#[command(name = "sockeye", version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve files, or run a component as the handler of every connection; the default command
    Serve(Box<ServeArgs>),
    /// Write a project to begin with, in the language of your choice
    New(new::NewArgs),
    /// Build and serve a project, and do both again when a source has changed
    #[command(after_help = dev::HELP)]
    Dev(Box<ServeArgs>),
    /// Say whether a component fits, what it imports and what it has to be granted
    Check(check::CheckArgs),
    /// Make a component of the core module that a compiler leaves
    Component(component::ComponentArgs),
    /// Compile a component, so that a server starts without compiling
    Compile(compile::CompileArgs),
    /// Print the interfaces that a handler is built against
    Wit,
    /// Print what completes commands and flags in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, for `man -l -`
    Man,
}

/// Runs the command line of the process and returns its exit status.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(args: Vec<OsString>) -> Result<(), Error> {
    let (args, matches) = with_command(args).unwrap_or_else(|error| usage(&error));
    match command(&matches) {
        Command::Serve(typed) => serve(*typed, &matches, args),
        Command::Dev(_) => develop(&args),
        Command::Check(args) => {
            let (_, _thread) = start_log(tracing::Level::WARN)?;
            args.run()
        }
        Command::Component(args) => args.run(),
        Command::Compile(args) => args.run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "sockeye", &mut script);
            print(&script)
        }
        Command::Man => print(&manual().map_err(|source| Error::Print { source })?),
        Command::New(args) => args.run(),
        Command::Wit => print(wit().as_bytes()),
    }
}

/// The contract as one text, in which every tool finds all of it.
fn wit() -> String {
    WIT.map(|(_, text)| text).join("\n")
}

/// What `sockeye serve` was told, by what was typed and by the configuration file.
struct Told {
    args: ServeArgs,
    /// The values of the arguments, as they were written.
    matches: ArgMatches,
    /// Those of the file's tables.
    services: Vec<ArgMatches>,
    file: Option<PathBuf>,
    /// How the project is worked on.
    development: Option<Development>,
}

impl Told {
    /// Adds to what was typed what the configuration file says where that is silent.
    fn gather(
        typed: ServeArgs,
        matches: &ArgMatches,
        mut args: Vec<OsString>,
    ) -> Result<Told, Error> {
        let of_serve = |matches: &ArgMatches| {
            let matches = matches.subcommand_matches("serve");
            matches.expect("it is the command that was typed").clone()
        };
        let matches = of_serve(matches);
        let Some(file) = file::File::find(typed.config())? else {
            return Ok(Told {
                args: typed,
                matches,
                services: Vec::new(),
                file: None,
                development: None,
            });
        };
        // Behind the program's name and the command's.
        args.splice(2..2, file.arguments(&matches)?);
        let all = parse(&args);
        let Command::Serve(args) = command(&all) else {
            unreachable!("more flags do not make it another command");
        };
        Ok(Told {
            args: *args,
            matches: of_serve(&all),
            services: file.services(&matches)?,
            file: Some(file.path().to_owned()),
            development: file.development().cloned(),
        })
    }
}

/// Serves, or prints the settings.
fn serve(typed: ServeArgs, matches: &ArgMatches, args: Vec<OsString>) -> Result<(), Error> {
    // Before anything is opened, so that no descriptor is taken for one that was handed over.
    let inherited = Inherited::take()?;
    let told = Told::gather(typed, matches, args)?;
    let (log, _thread) = start_log(told.args.log_level())?;
    if let Some(path) = told.file {
        tracing::info!(path = %path.display(), "reading the configuration");
    }
    if told.args.ends_with_parent() {
        end_with_parent();
    }
    let prints = told.args.prints_config();
    let config = told.args.into_config(&told.services)?;
    if prints {
        let decided = server::decided(config, &inherited)?;
        let text = print_config::text(&told.matches, &told.services, &decided);
        return print(text.as_bytes());
    }
    server::serve(config, inherited, Some(log))
}

/// Has the kernel send this process SIGTERM when its parent ends.
fn end_with_parent() {
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))
    {
        tracing::warn!(%error, "this server does not end with its parent");
    }
}

/// Serves a project that is being worked on. `args` are those of `sockeye serve` but for the name.
fn develop(args: &[OsString]) -> Result<(), Error> {
    let behind = args[2..].to_vec();
    let serve = [args[0].clone(), "serve".into()];
    let serve: Vec<OsString> = serve.into_iter().chain(behind.iter().cloned()).collect();
    let matches = parse(&serve);
    let Command::Serve(typed) = command(&matches) else {
        unreachable!("it has been named");
    };
    let told = Told::gather(*typed, &matches, serve)?;
    let (_, _thread) = start_log(told.args.log_level())?;
    dev::run(told, behind)
}

/// Makes what `sockeye` with these arguments would serve, or says why it would not.
pub(crate) fn configuration(args: Vec<OsString>) -> Result<Config, String> {
    let told = gathered(args)?;
    let config = told.args.into_config(&told.services);
    config.map_err(|error| self::told(&error))
}

/// Reads what `sockeye` with these arguments would be told, or says what is wrong with that.
fn gathered(args: Vec<OsString>) -> Result<Told, String> {
    let (args, matches) = with_command(args).map_err(|error| error.to_string())?;
    let Command::Serve(typed) = command(&matches) else {
        return Err("it is another command".to_owned());
    };
    Told::gather(*typed, &matches, args).map_err(|error| self::told(&error))
}

/// Reads arguments, and returns them with what they say. Where they name no command, as `--` alone
/// does not, they become the shortest way to see something: the built-in handler at the default
/// address.
fn with_command(args: Vec<OsString>) -> Result<(Vec<OsString>, ArgMatches), clap::Error> {
    let matches = Cli::command().try_get_matches_from(&args)?;
    if matches.subcommand_name().is_some() {
        return Ok((args, matches));
    }
    let args = vec!["sockeye".into(), "serve".into()];
    let matches = Cli::command().try_get_matches_from(&args)?;
    Ok((args, matches))
}

/// Reads arguments; ends the process where they ask for help or are wrong.
fn parse(args: &[OsString]) -> ArgMatches {
    let matches = Cli::command().try_get_matches_from(args);
    matches.unwrap_or_else(|error| usage(&error))
}

fn command(matches: &ArgMatches) -> Command {
    let cli = Cli::from_arg_matches(matches);
    let cli = cli.unwrap_or_else(|error| usage(&error));
    cli.command.expect("`with_command` has put one in")
}

/// Ends the process with what is wrong with its arguments, or with the help that they ask for.
fn usage(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    let text = error.render();
    let text = match io::stderr().is_terminal() {
        true => text.ansi().to_string(),
        false => text.to_string(),
    };
    let mut text = in_backticks(&text);
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
        && Path::new(word).exists()
    {
        let root = if Path::new(word).is_dir() {
            "--root "
        } else {
            ""
        };
        text.push_str(&format!(
            "\nhint: to serve it, type `sockeye serve {root}{word}`\n"
        ));
    }
    write_to_stderr(&text);
    std::process::exit(error.exit_code())
}

/// Quotes values in the way of every other message of this program. An apostrophe within a value
/// stays: it is no quote, because there is no blank on either side of it.
fn in_backticks(text: &str) -> String {
    let text = text.replace("\n  tip: ", "\nhint: ");
    let mut quoted = String::with_capacity(text.len());
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        let opens = before.is_whitespace();
        let closes = after.is_whitespace() || matches!(after, ':' | ',' | '.' | ';' | ')');
        quoted.push(match character {
            '\'' if opens || closes => '`',
            other => other,
        });
        before = character;
    }
    quoted
}

fn print(bytes: &[u8]) -> Result<(), Error> {
    match io::stdout().lock().write_all(bytes) {
        // The reader has seen enough: `sockeye wit | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(source) => Err(Error::Print { source }),
        Ok(()) => Ok(()),
    }
}

/// The page of the whole program, with the flags of every command.
fn manual() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands() {
        if subcommand.get_name() == "help" {
            continue;
        }
        writeln!(
            page,
            ".SH \"SOCKEYE {}\"",
            subcommand.get_name().to_uppercase()
        )?;
        let man = clap_mangen::Man::new(subcommand.clone());
        man.render_description_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    Ok(page)
}

/// Starts the log on stderr, which stops nobody, whoever reads it or does not.
///
/// # Errors
/// [`Error::Start`], where the system has no thread left.
fn start_log(level: tracing::Level) -> Result<(LineWriter, LineThread), Error> {
    // Where stderr is closed, nobody can be told anything.
    let out: Box<dyn Write + Send> = match io::stderr().as_fd().try_clone_to_owned() {
        Ok(fd) => Box::new(File::from(fd)),
        Err(_) => Box::new(io::sink()),
    };
    let spawned = LineWriter::spawn("log", out, |_| {});
    let (writer, thread) = spawned.map_err(|source| Error::Start {
        step: "start the log",
        source,
    })?;
    let lines = writer.clone();
    tracing_subscriber::fmt()
        .with_writer(move || lines.clone())
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false)
        .with_max_level(level)
        .with_target(false)
        .init();
    Ok((writer, thread))
}

/// Writes an error for people on stderr.
fn report(error: &Error) {
    write_to_stderr(&told(error));
}

/// Writes what the process ends with. Where nobody reads it, it ends all the same.
fn write_to_stderr(text: &str) {
    match LineWriter::spawn("report", io::stderr(), |_| {}) {
        Ok((writer, thread)) => {
            writer.line(text.as_bytes().to_vec());
            // Waits until it is written, and no longer than that may take.
            drop(thread);
        }
        // The system has no thread left. Nobody is left to tell where this fails, too.
        Err(_) => drop(io::stderr().lock().write_all(text.as_bytes())),
    }
}

/// Puts an error into words for people: what, why, and what to do.
pub(crate) fn told(error: &Error) -> String {
    let mut text = format!("error: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("  caused by: {error}\n"));
        cause = error.source();
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!("\nhint: {hint}\n"));
    }
    harmless(&text)
}

/// Escapes what a terminal would obey. Errors and reports quote names out of a component, and who
/// wrote that is not who reads this.
fn harmless(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => escaped.push(character),
            other if other.is_control() => escaped.extend(other.escape_unicode()),
            other => escaped.push(other),
        }
    }
    escaped
}
