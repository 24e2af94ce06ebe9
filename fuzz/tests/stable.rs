//! Every target on stable Rust: on each file of its corpus, and for a few seconds on what proptest
//! makes of that corpus and of the words of its format. `cargo fuzz` looks for hours, this for
//! what comes back.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fmt, fs, panic};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sockeye_fuzz::{TARGETS, Target};

/// How long proptest invents inputs for a target that takes microseconds.
const PARSER_TIME: Duration = Duration::from_secs(2);

/// How long for a target that compiles.
const COMPILER_TIME: Duration = Duration::from_secs(8);

/// How long for a target that serves.
const SERVER_TIME: Duration = Duration::from_secs(12);

/// Inputs between two looks at the clock.
const CASES: u32 = 16;

/// All corpora together.
const CORPUS_BYTES_MAX: u64 = 1 << 20;

const HEAD_WORDS: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "GET ",
    "OPTIONS * ",
    "CONNECT a:1 ",
    "http://a:80",
    "HTTP/1.0\r\n",
    " HTTP/1.1\r\n",
    "Host: a\r\n",
    "Host",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close, keep-alive\r\n",
    "Expect: 100-continue\r\n",
    "\r\n",
    "\n",
    "\r",
    ":",
    ",",
    " ",
    "\t",
    "0",
    "18446744073709551616",
    "chunked",
    "\u{e9}",
    "%41",
    "[::1]",
];

const CHUNK_WORDS: &[&str] = &[
    "0",
    "1",
    "5",
    "a",
    "F",
    "00000000",
    "\r\n",
    "\r",
    "\n",
    ";",
    ";a=b",
    " ",
    "\t",
    "hello",
    "x",
    "A:",
    "A: b",
    ":",
    "0\r\n\r\n",
    "1\r\nx\r\n",
    "5\r\nhello\r\n",
];

const RANGE_WORDS: &[&str] = &[
    "\n",
    "\0",
    "\u{1}",
    "bytes=",
    "BYTES=",
    "bytes",
    "=",
    "0",
    "1",
    "9",
    "10",
    "255",
    "-",
    ",",
    " ",
    "\t",
    "0-",
    "-1",
    "1-3",
    "2-1",
    "18446744073709551615",
    "18446744073709551616",
    "+",
    "a",
];

const CONDITION_WORDS: &[&str] = &[
    "\0",
    "\u{1}",
    "\u{2}",
    "\n",
    ": ",
    "If-Match: ",
    "If-None-Match: ",
    "If-Modified-Since: ",
    "If-Unmodified-Since: ",
    "If-Range: ",
    "\"a,b\"",
    "W/",
    "\"",
    "*",
    ", ",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:38 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:36 1994",
    "Fri, 29 Feb 2000 23:59:60 GMT",
    "0",
];

const PATH_WORDS: &[&str] = &[
    "/", "a", ".", "..", "%2e", "%2f", "%00", "%", "%zz", "%c3%a9", "\u{e9}", "%25", "?", "#",
    "\\", "%5c", " ", ":", "//", "/../", "%ff",
];

const SETTING_WORDS: &[&str] = &[
    "workers",
    "listen",
    "root",
    "max-instances",
    "idle-timeout",
    "list",
    "component",
    "reuse",
    "[[service]]\n",
    "[service]\n",
    " = ",
    "\n",
    "\"",
    "true",
    "false",
    "1",
    "0x10",
    "\"2s\"",
    "\"127.0.0.1:0\"",
    "[",
    "]",
    ", ",
    "\"always\"",
    "# note\n",
    "-1",
    "1.5",
];

#[test]
fn heads_are_read_as_the_grammar_says() {
    check("head", PARSER_TIME, HEAD_WORDS);
}

#[test]
fn chunked_bodies_are_decoded_however_they_are_cut() {
    check("chunked", PARSER_TIME, CHUNK_WORDS);
}

#[test]
fn ranges_select_what_they_name() {
    check("ranges", PARSER_TIME, RANGE_WORDS);
}

#[test]
fn conditions_and_dates_are_decided_as_the_rfc_does() {
    check("conditions", PARSER_TIME, CONDITION_WORDS);
}

#[test]
fn no_path_leads_out_of_the_root() {
    check("paths", PARSER_TIME, PATH_WORDS);
}

#[test]
fn a_configuration_file_says_what_the_same_flags_say() {
    check("settings", PARSER_TIME, SETTING_WORDS);
}

#[test]
fn any_component_is_refused_or_fits() {
    check(
        "component",
        COMPILER_TIME,
        &["\0asm", "\r\0\u{1}\0", "\0", "\u{1}", "a"],
    );
}

#[test]
fn whatever_clients_and_guests_do_nothing_is_lost() {
    check(
        "worker",
        SERVER_TIME,
        &["\0", "\u{1}", "\u{2}", "\u{10}", "\u{40}", "~"],
    );
}

#[test]
fn the_corpora_are_small_and_each_has_a_target() {
    let mut folders: Vec<String> = fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(folders, names);
    let files = names.iter().flat_map(|name| files_of(name));
    let bytes: u64 = files.map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes < CORPUS_BYTES_MAX, "{bytes} bytes");
}

/// Runs a target on every file of its corpus, and then for `time` on inputs that proptest makes.
#[track_caller]
fn check(name: &str, time: Duration, words: &'static [&'static str]) {
    let (_, target) = TARGETS.iter().find(|(other, _)| *other == name).unwrap();
    let files = files_of(name);
    assert!(!files.is_empty(), "the corpus of `{name}` is empty");
    let corpus: Vec<Vec<u8>> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    for (path, data) in files.iter().zip(&corpus) {
        if panic::catch_unwind(|| target(data)).is_err() {
            panic!("`{name}` fails for {}", path.display());
        }
    }
    invent(*target, time, corpus, words);
}

/// Runs a target on inputs that proptest makes of a corpus and of words, until `time` is over.
#[track_caller]
fn invent(target: Target, time: Duration, corpus: Vec<Vec<u8>>, words: &'static [&'static str]) {
    let config = Config {
        cases: CASES,
        // What fails is shown, and belongs into the corpus.
        failure_persistence: None,
        max_shrink_time: 20_000,
        ..Config::default()
    };
    let inputs = inputs(corpus, words);
    let end = Instant::now() + time;
    // The same inputs each time, unless others are asked for: what fails has to fail again.
    let seed = env::var("SOCKEYE_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    for seed in seed..u64::MAX {
        if Instant::now() >= end {
            break;
        }
        let seed = seed.to_le_bytes().repeat(4);
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        // A new one each time: a runner that has passed its cases is done for ever.
        let mut runner = TestRunner::new_with_rng(config.clone(), random);
        let outcome = runner.run(&inputs, |input| {
            target(&input.0);
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// What a target gets, shown so that it can be written into a file of the corpus.
#[derive(Clone)]
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "printf '")?;
        for byte in &self.0 {
            write!(f, "\\x{byte:02x}")?;
        }
        write!(f, "', which is `{}`", self.0.escape_ascii())
    }
}

/// A way to change an input.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index),
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>) {
        let at = |index: &Index| index.index(data.len() + 1);
        let between = |one: &Index, other: &Index| at(one).min(at(other))..at(one).max(at(other));
        match self {
            Change::Set(index, byte) => {
                let at = at(index);
                if let Some(place) = data.get_mut(at) {
                    *place = *byte;
                }
            }
            Change::Insert(index, bytes) => {
                let at = at(index);
                data.splice(at..at, bytes.iter().copied());
            }
            Change::Remove(one, other) => drop(data.drain(between(one, other))),
            Change::Repeat(one, other) => {
                let range = between(one, other);
                let part = data[range.clone()].to_vec();
                data.splice(range.end..range.end, part);
            }
        }
    }
}

/// Inputs of bytes, of words, and of the corpus with changes.
fn inputs(corpus: Vec<Vec<u8>>, words: &'static [&'static str]) -> impl Strategy<Value = Input> {
    let bytes = || vec(any::<u8>(), 1..4);
    let word = select(words).prop_map(|word| word.as_bytes().to_vec());
    let word = prop_oneof![6 => word, 1 => bytes()];
    let index = any::<Index>;
    let change = prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (index(), word.clone()).prop_map(|(at, word)| Change::Insert(at, word)),
        (index(), index()).prop_map(|(one, other)| Change::Remove(one, other)),
        (index(), index()).prop_map(|(one, other)| Change::Repeat(one, other)),
    ];
    let changed = (select(corpus), vec(change, 1..6)).prop_map(|(mut data, changes)| {
        changes.iter().for_each(|change| change.apply(&mut data));
        data
    });
    let all = prop_oneof![
        1 => vec(any::<u8>(), 0..300),
        2 => vec(word, 0..24).prop_map(|words| words.concat()),
        3 => changed,
    ];
    all.prop_map(Input)
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Returns the files of a target's corpus, in order.
fn files_of(name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus().join(name)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
