//! Excerpts: code in the guide that is code of a source.

use std::fs;
use std::path::PathBuf;

use super::pages;
use crate::document::blocks;
use crate::scratch::workspace_dir;

/// Where sources are that a test or the build of the host compiles.
const SOURCES: [&str; 3] = ["guest", "tests/guests", "wit"];

/// What the sources of each language end in. Blocks of other languages are no excerpts.
const ENDINGS: [(&str, &[&str]); 9] = [
    ("rust", &["rs"]),
    ("c", &["c", "h"]),
    ("cpp", &["cpp", "hpp"]),
    ("zig", &["zig"]),
    ("python", &["py"]),
    ("js", &["js"]),
    ("ts", &["ts"]),
    ("go", &["go"]),
    ("wit", &["wit"]),
];

/// Blocks that other tests read.
const OTHERS: [&str; 4] = ["console", "sh", "toml", "text"];

#[test]
fn every_excerpt_is_in_a_source() {
    let mut unknown = Vec::new();
    for page in pages() {
        for block in blocks(&page.text) {
            if OTHERS.contains(&&*block.language) {
                continue;
            }
            let place = page.place(&block);
            let known = ENDINGS.iter().find(|(name, _)| *name == block.language);
            let (_, endings) = known.unwrap_or_else(|| panic!("{place}: `{}`", block.language));
            let found = sources(endings).iter().any(|path| {
                let text = fs::read_to_string(path).unwrap();
                is_excerpt(&block.text, &text)
            });
            unknown.extend((!found).then_some(place));
        }
    }
    assert!(unknown.is_empty(), "no source has these: {unknown:#?}");
}

fn sources(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories: Vec<PathBuf> = SOURCES.map(|path| workspace_dir().join(path)).into();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if path.is_dir() {
                directories.push(path);
            } else if ending.is_some_and(|ending| endings.contains(&ending)) {
                found.push(path);
            }
        }
    }
    found
}

/// Says whether the lines of `excerpt` are lines of `source`: in order, each piece between two
/// lines that stand for what is left out without a gap, and all lines of a piece moved alike.
fn is_excerpt(excerpt: &str, source: &str) -> bool {
    let excerpt: Vec<&str> = excerpt.lines().collect();
    let mut rest: Vec<&str> = source.lines().collect();
    for piece in excerpt.split(|line| is_ellipsis(line)) {
        let piece = outdented(trimmed(piece));
        let length = piece.len();
        let mut places = (0..rest.len() + 1).filter(|at| at + length <= rest.len());
        let Some(at) = places.find(|&at| outdented(&rest[at..at + length]) == piece) else {
            return false;
        };
        rest.drain(..at + length);
    }
    true
}

/// Says whether a line is a comment that stands for what is left out.
fn is_ellipsis(line: &str) -> bool {
    line.trim().trim_matches(|mark| " /*#".contains(mark)) == "…"
}

/// Returns the lines without empty ones around them.
fn trimmed<'a, 'b>(mut lines: &'b [&'a str]) -> &'b [&'a str] {
    while let [first, rest @ ..] = lines
        && first.is_empty()
    {
        lines = rest;
    }
    while let [rest @ .., last] = lines
        && last.is_empty()
    {
        lines = rest;
    }
    lines
}

/// Returns the lines without the blanks that all of them begin with.
fn outdented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let blanks = |line: &&str| line.len() - line.trim_start().len();
    let filled = lines.iter().copied().filter(|line| !line.is_empty());
    let least = filled.map(|line| blanks(&line)).min().unwrap_or(0);
    lines
        .iter()
        .map(|line| line.get(least..).unwrap_or_default())
        .collect()
}

#[test]
fn an_excerpt_is_found_as_it_stands_and_nothing_else_is() {
    let source = "a\n    b\n        c\n\n    d\ne\n";
    for excerpt in [
        "a\n",
        "b\n    c\n",
        "b\n    c\n\nd\n",
        "a\n// …\nd\n",
        "a\n# …\n\ne\n",
    ] {
        assert!(is_excerpt(excerpt, source), "{excerpt}");
    }
    for other in ["b\nc\n", "a\nc\n", "d\n// …\na\n", "b \n", "x\n"] {
        assert!(!is_excerpt(other, source), "{other}");
    }
}
