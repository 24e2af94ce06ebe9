//! Documents for people, whose blocks of code the tests take at their word.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::scratch::{Scratch, component, target_dir, workspace_dir};
use crate::server::TestServer;

/// Where the servers of documents listen; the tests' servers listen elsewhere.
const ADDR: &str = "127.0.0.1:8080";
const ADMIN: &str = "127.0.0.1:8081";

/// What documents compile into the build's directory, and tests into one of their own.
const OUTPUT: &str = "target/line-echo.cwasm";

/// The seconds after which a command has failed. One that waits for a compiler may take long.
const COMMAND_SECONDS_MAX: &str = "300";

/// A fenced block of code.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
    /// The line of its fence, from 1.
    pub(crate) line: usize,
}

/// Returns the fenced blocks of a document, in order.
pub(crate) fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (at, line) in document.lines().enumerate() {
        match (line.strip_prefix("```"), blocks.last_mut()) {
            (Some(_), _) if is_open => is_open = false,
            (Some(language), _) => {
                is_open = true;
                let language = language.to_owned();
                let (text, line) = (String::new(), at + 1);
                blocks.push(Block {
                    language,
                    text,
                    line,
                });
            }
            (None, Some(block)) if is_open => block.text.push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    assert!(!is_open, "a block of code has no end");
    blocks
}

/// Splits a block of `console` into commands and what each prints. A line behind `> ` goes on with
/// the command.
pub(crate) fn commands(block: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (
            line.strip_prefix("$ "),
            line.strip_prefix("> "),
            commands.last_mut(),
        ) {
            (Some(command), ..) => commands.push((command.to_owned(), String::new())),
            (_, Some(rest), Some((command, output))) if output.is_empty() => {
                command.push_str(&format!("\n{rest}"));
            }
            (.., Some((_, output))) => output.push_str(&format!("{line}\n")),
            (.., None) => panic!("`{line}` belongs to no command"),
        }
    }
    commands
}

/// Says whether a command goes on until it is stopped.
pub(crate) fn is_server(command: &str) -> bool {
    let mut words = command.split_whitespace();
    words.next() == Some("sockeye")
        && matches!(words.next(), Some("serve" | "dev"))
        && words.all(|word| word != "--print-config" && word != "--help")
}

/// Returns a configuration file with ports that the kernel picks.
pub(crate) fn with_any_port(text: &str) -> String {
    text.replace(ADDR, "127.0.0.1:0")
        .replace(ADMIN, "127.0.0.1:0")
}

/// Who reads a document and types what it says.
pub(crate) struct Reader {
    directory: PathBuf,
    /// Where commands are found.
    search_path: String,
    /// What stands in the document, and what it is in a test.
    names: Vec<(String, String)>,
}

impl Reader {
    /// Sits down in a directory, with another one for what is no business of the document. The
    /// build may have left the guests elsewhere than documents say.
    pub(crate) fn new(directory: &Path, scratch: &Scratch) -> Reader {
        let guests = component("hello");
        let guests = guests.parent().unwrap().to_str().unwrap().to_owned();
        let output = scratch.path().join("line-echo.cwasm");
        let names = vec![
            ("target/guests".to_owned(), guests),
            (OUTPUT.to_owned(), output.to_str().unwrap().to_owned()),
        ];
        Reader {
            directory: directory.to_owned(),
            search_path: search_path(scratch),
            names,
        }
    }

    /// Where commands are typed.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Goes to another directory.
    pub(crate) fn change_directory(&mut self, to: &str) {
        self.directory = self.directory.join(to).canonicalize().unwrap();
    }

    fn in_test(&self, text: &str) -> String {
        let names = self.names.iter();
        names.fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    fn in_document(&self, text: &str) -> String {
        let names = self.names.iter();
        names.fold(text.to_owned(), |text, (to, from)| text.replace(from, to))
    }

    /// Starts the server of a line such as `sockeye serve target/guests/echo.wasm`.
    #[track_caller]
    pub(crate) fn start(&mut self, line: &str) -> TestServer {
        let args = line.strip_prefix("sockeye ").expect("a server comes first");
        let args = self.in_test(args).replace(ADMIN, "127.0.0.1:0");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        self.at_home(&mut command);
        command.args(args.split_whitespace());
        command.args(["--listen", "127.0.0.1:0"]);
        let server = TestServer::spawn(command);
        self.rename(ADDR, server.addr().to_string());
        if line.contains(ADMIN) {
            self.rename(ADMIN, server.admin().to_string());
        }
        server
    }

    /// Notes that something in the document is called otherwise from here on.
    fn rename(&mut self, from: &str, to: String) {
        self.names.retain(|(known, _)| known != from);
        self.names.push((from.to_owned(), to));
    }

    /// Runs a command and returns what it prints, as the document would have it.
    #[track_caller]
    pub(crate) fn run(&self, command: &str) -> String {
        let mut shell = Command::new("timeout");
        self.at_home(&mut shell);
        shell.args([COMMAND_SECONDS_MAX, "sh", "-c", &self.in_test(command)]);
        let output = shell.output().unwrap();
        assert_ne!(output.status.code(), Some(124), "{command}: still running");
        // For who has to find out why it printed something else.
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        self.in_document(printed.replace("\r\n", "\n").trim_end())
    }

    fn at_home(&self, command: &mut Command) {
        command
            .current_dir(&self.directory)
            .env("PATH", &self.search_path)
            .env("SOCKEYE_CACHE_DIR", target_dir().join("component-cache"))
            // What projects in Rust have in common is built once.
            .env("CARGO_BUILD_BUILD_DIR", target_dir().join("projects/build"));
    }
}

/// Returns where commands are found: the program under test, the tools of all languages, and what
/// is installed. The program alone: the build leaves others beside it, one of them a `head`.
fn search_path(scratch: &Scratch) -> String {
    let programs = scratch.path().join("bin");
    fs::create_dir(&programs).unwrap();
    let link = programs.join("sockeye");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sockeye"), link).unwrap();
    let tools = workspace_dir().join("target/tools/languages/bin");
    let usual = env::var("PATH").unwrap_or_default();
    format!("{}:{}:{usual}", programs.display(), tools.display())
}

#[test]
fn blocks_end_where_their_fences_say() {
    let found = blocks("a\n```sh\nls\n\nls\n```\n```console\n$ a\nb\n```\n");
    let found: Vec<_> = found
        .iter()
        .map(|block| (&*block.language, &*block.text, block.line))
        .collect();
    assert_eq!(found, [("sh", "ls\n\nls\n", 2), ("console", "$ a\nb\n", 7)]);
}

#[test]
fn a_command_may_have_several_lines() {
    let found = commands("$ a |\n> b\nc\n> d\n$ e\n");
    let expected = [("a |\nb", "c\n> d\n"), ("e", "")];
    assert!(found.iter().map(|(a, b)| (&**a, &**b)).eq(expected));
}

#[test]
fn what_goes_on_until_it_is_stopped_is_a_server() {
    for server in ["sockeye serve", "sockeye dev", "sockeye serve --root a"] {
        assert!(is_server(server), "{server}");
    }
    for other in [
        "sockeye serve --print-config",
        "sockeye check serve",
        "curl",
    ] {
        assert!(!is_server(other), "{other}");
    }
}
