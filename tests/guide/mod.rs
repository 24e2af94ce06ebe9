//! The guide in `docs/`: what it prints is what happens.
//!
//! A block's language says how it is tested. `console`: the commands are run, and answer as
//! printed; all blocks of a page are typed by one reader, whose servers end with their block.
//! `sh`: continuous integration or `sockeye new` knows the line. `toml`: `sockeye serve` takes the
//! file. `text`: a drawing. Anything else is an excerpt from a source that is built.

mod commands;
mod errors;
mod excerpts;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::document::{Block, blocks, with_any_port};
use crate::scratch::{Scratch, component, workspace_dir};
use crate::server::{TestServer, run_to_end};

/// What names the programs that a page needs installed.
const INSTALLERS: [&str; 3] = [".ci/run", "guest/install", "host/src/cli/language.rs"];

/// One page of the guide.
pub(super) struct Page {
    /// Its path in `docs/`.
    name: String,
    text: String,
}

impl Page {
    #[track_caller]
    fn open(name: &str) -> Page {
        let text = fs::read_to_string(guide_dir().join(name)).unwrap();
        let name = name.to_owned();
        Page { name, text }
    }

    fn blocks(&self, language: &str) -> Vec<Block> {
        let mut blocks = blocks(&self.text);
        blocks.retain(|block| block.language == language);
        blocks
    }

    /// Returns the page without its blocks.
    fn prose(&self) -> String {
        self.text.split("\n```").step_by(2).collect()
    }

    /// Says where a block is, for who has to mend it.
    fn place(&self, block: &Block) -> String {
        format!("docs/{}:{}", self.name, block.line)
    }
}

fn guide_dir() -> PathBuf {
    workspace_dir().join("docs")
}

/// Returns every page of the guide.
fn pages() -> Vec<Page> {
    let mut names = Vec::new();
    for directory in ["", "languages/"] {
        for entry in fs::read_dir(guide_dir().join(directory)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                names.push(format!("{directory}{name}"));
            }
        }
    }
    names.sort();
    names.iter().map(|name| Page::open(name)).collect()
}

#[test]
fn every_configuration_file_is_taken() {
    for page in pages() {
        for block in page.blocks("toml") {
            let scratch = Scratch::new();
            for (key, value) in block.text.lines().filter_map(|line| line.split_once(" = ")) {
                let path = scratch.path().join(value.trim_matches('"'));
                match key {
                    "component" => drop(fs::copy(component("hello"), path).unwrap()),
                    "root" => fs::create_dir_all(path).unwrap(),
                    _ => {}
                }
            }
            let file = scratch.write("sockeye.toml", with_any_port(&block.text));
            let file = file.to_str().unwrap();
            let output = run_to_end(&["serve", "--print-config", "--config", file]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {stderr}", page.place(&block));
        }
    }
}

#[test]
fn every_line_that_installs_something_is_known_elsewhere() {
    let known = INSTALLERS.map(|path| fs::read_to_string(workspace_dir().join(path)).unwrap());
    for page in pages() {
        for block in page.blocks("sh") {
            for line in block.text.lines() {
                let place = page.place(&block);
                assert!(
                    known.iter().any(|text| text.contains(line)),
                    "{place}: {line}"
                );
            }
        }
    }
}

#[test]
fn every_flag_that_is_mentioned_exists() {
    let manual = String::from_utf8(run_to_end(&["man"]).stdout).unwrap();
    let manual = manual.replace("\\-", "-");
    let is_flag = |character: char| character.is_ascii_lowercase() || character == '-';
    for page in pages() {
        let prose = page.prose();
        for (at, _) in prose.match_indices("`--") {
            let flag = prose[at + 1..].split(|c| !is_flag(c)).next().unwrap();
            // Those of other programs stand behind its name.
            assert!(manual.contains(flag), "docs/{}: {flag}", page.name);
        }
    }
}

#[test]
fn every_limit_is_on_the_page_of_limits() {
    let page = Page::open("limits.md");
    let help = String::from_utf8(run_to_end(&["serve", "--help"]).stdout).unwrap();
    let (_, limits) = help.split_once("\nLimits of clients:\n").unwrap();
    let (limits, _) = limits.split_once("\nCompiling:\n").unwrap();
    for line in limits.lines().filter(|line| line.trim().starts_with("--")) {
        let flag = line.split_whitespace().next().unwrap();
        assert!(page.text.contains(&format!("`{flag}`")), "{flag}");
    }
    let server = TestServer::start("hello", &[]);
    let metrics = server.metrics();
    let labels = metrics.lines().filter_map(|line| {
        let (_, rest) = line.split_once("sockeye_bounds_fired_total{bound=\"")?;
        rest.split('"').next()
    });
    let labels: Vec<&str> = labels.collect();
    assert!(labels.len() > 20, "{labels:?}");
    for label in labels {
        assert!(page.text.contains(&format!("`{label}`")), "{label}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages() {
        let directory = guide_dir().join(&page.name);
        let directory = directory.parent().unwrap();
        let prose = page.prose();
        for (at, _) in prose.match_indices("](") {
            let target = prose[at + 2..].split(')').next().unwrap();
            if target.starts_with("https://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match path {
                "" => guide_dir().join(&page.name),
                path => directory.join(path),
            };
            assert!(path.exists(), "docs/{}: {target}", page.name);
            if !anchor.is_empty() {
                let text = fs::read_to_string(path).unwrap();
                assert!(
                    anchors(&text).contains(anchor),
                    "docs/{}: {target}",
                    page.name
                );
            }
        }
    }
}

/// Returns what the headings of a document are called in links.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let name = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = name
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn no_line_is_above_100_columns_and_no_page_is_missing_from_the_index() {
    let index = Page::open("README.md").text + &Page::open("languages.md").text;
    for page in pages() {
        for (at, line) in page.text.lines().enumerate() {
            let columns = line.chars().count();
            assert!(
                columns <= 100,
                "docs/{}:{}: {columns} columns",
                page.name,
                at + 1
            );
        }
        let linked = index.contains(&format!("]({})", page.name));
        assert!(linked || page.name == "README.md", "{}", page.name);
    }
}
