//! The page of messages: every one that a person can meet is on it, and no other.

use std::fs;
use std::path::PathBuf;

use super::Page;
use crate::scratch::workspace_dir;

/// What stands for a value in a message.
const VALUE: char = '…';

/// Types whose every variant is a message by itself, or one that another type has.
const ERRORS: [(&str, &str); 3] = [
    ("host/src/error.rs", "pub enum Error {"),
    ("host/src/error.rs", "pub enum ModuleError {"),
    ("host/src/error/project.rs", "pub enum ProjectError {"),
];

/// What warnings and errors of the log begin with.
const MACROS: [&str; 2] = ["warn!(", "error!("];

/// Messages that say too little to tell whether a heading is one of them.
const GENERAL: [&str; 2] = ["failed to …", "failed to … `…`"];

/// Returns every source of the host, without comments and quotes that begin no string.
fn sources() -> Vec<String> {
    let mut found = Vec::new();
    let mut directories: Vec<PathBuf> = vec![workspace_dir().join("host/src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let source = fs::read_to_string(path).unwrap().replace("'\"'", "");
                let code = source.lines().filter(|line| !line.trim().starts_with("//"));
                found.push(code.collect::<Vec<_>>().join("\n"));
            }
        }
    }
    found
}

/// Returns the literal strings of a source, in order: on one line, with `…` for values.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some((_, string)) = rest.split_once('"') {
        let mut text = String::new();
        let mut characters = string.chars();
        let mut depth = 0;
        while let Some(character) = characters.next() {
            match character {
                '"' => break,
                '\\' => match characters.next() {
                    Some('\n') => {
                        let blanks = characters.as_str();
                        characters = blanks.trim_start().chars();
                    }
                    Some(escaped) => text.push(escaped),
                    None => break,
                },
                '{' => depth += 1,
                '}' if depth == 1 => {
                    depth = 0;
                    text.push(VALUE);
                }
                '}' => depth -= 1,
                _ if depth == 0 => text.push(character),
                _ => {}
            }
        }
        found.push(text);
        rest = characters.as_str();
    }
    found
}

/// Returns the arguments of each call, in a source, of what `start` names.
fn calls<'a>(source: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    let starts = source.match_indices(start);
    starts.map(move |(at, _)| {
        let rest = &source[at + start.len()..];
        let (mut depth, mut is_string, mut is_escaped) = (1, false, false);
        let end = rest.find(|character| {
            match character {
                _ if is_escaped => {}
                '"' => is_string = !is_string,
                '(' if !is_string => depth += 1,
                ')' if !is_string => depth -= 1,
                _ => {}
            }
            is_escaped = character == '\\' && !is_escaped;
            depth == 0
        });
        &rest[..end.unwrap_or_default()]
    })
}

/// Says whether a message has words of its own.
fn says_something(message: &str) -> bool {
    message.chars().any(char::is_alphabetic)
}

/// Returns every message of errors and of the log.
fn messages() -> Vec<String> {
    let mut messages = Vec::new();
    for source in sources() {
        // A line of the log ends with its message, an attribute begins with it.
        let logged = MACROS.iter().flat_map(|start| calls(&source, start));
        messages.extend(logged.filter_map(|call| literals(call).pop()));
        let errors = calls(&source, "#[error(");
        messages.extend(errors.filter_map(|call| literals(call).into_iter().next()));
    }
    messages.retain(|message| says_something(message));
    messages
}

/// Returns the headings that are messages.
fn headings() -> Vec<String> {
    let page = Page::open("troubleshooting.md");
    let headings = page
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("### "));
    headings.map(str::to_owned).collect()
}

/// Says whether a heading is what `message` says, whatever its values are.
fn is_said_by(heading: &str, message: &str) -> bool {
    let mut rest = heading;
    for (at, part) in message.split(VALUE).enumerate() {
        match rest.find(part) {
            Some(0) => rest = &rest[part.len()..],
            Some(found) if at > 0 => rest = &rest[found + part.len()..],
            _ => return false,
        }
    }
    rest.is_empty() || message.ends_with(VALUE)
}

#[test]
fn every_message_is_explained() {
    let headings = headings();
    let messages = messages();
    assert!(messages.len() > 60, "{}", messages.len());
    let missing: Vec<_> = messages
        .iter()
        .filter(|message| !headings.iter().any(|heading| is_said_by(heading, message)))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_message_that_is_explained_is_one() {
    let literals: Vec<String> = sources().iter().flat_map(|text| literals(text)).collect();
    let unknown: Vec<_> = headings()
        .into_iter()
        .filter(|heading| {
            let is_said = |text: &str| {
                let mut said = literals
                    .iter()
                    .filter(|literal| !GENERAL.contains(&&***literal));
                said.any(|literal| says_something(literal) && is_said_by(text, literal))
            };
            // Where the message is the same for several steps, the step is a literal of its own.
            let step = heading.strip_prefix("failed to ").unwrap_or(heading);
            let step = step.strip_suffix(" `…`").unwrap_or(step);
            !is_said(heading) && !literals.iter().any(|literal| literal == step)
        })
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn every_variant_of_an_error_has_a_message() {
    for (path, declaration) in ERRORS {
        let source = fs::read_to_string(workspace_dir().join(path)).unwrap();
        let (_, body) = source.split_once(declaration).unwrap();
        let (body, _) = body.split_once("\n}").unwrap();
        let is_variant = |line: &&str| {
            line.strip_prefix("    ")
                .is_some_and(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
        };
        let variants = body.lines().filter(is_variant).count();
        assert!(variants > 3, "{declaration}");
        assert_eq!(body.matches("#[error(").count(), variants, "{declaration}");
    }
}

#[test]
fn literals_are_read_as_the_compiler_does() {
    let source = "a(\"one `{x}` \\\n     two {y:?}\", \"\\\"{z:{w}}\")";
    assert_eq!(literals(source), ["one `…` two …", "\"…"]);
    assert!(is_said_by("failed to bind `…`", "failed to … `…`"));
    assert!(is_said_by("failed to start", "failed to …"));
    assert!(!is_said_by("it failed", "failed"));
    assert!(!is_said_by("failed to bind `…`", "failed to bind"));
}
