//! The numbers of the style page, that every item of the contract is documented, and that
//! `SECURITY.md` speaks of the code as it is.

use std::fs;
use std::path::PathBuf;

use crate::scratch::workspace_dir;

const LINES_MAX: usize = 600;
const COLUMNS_MAX: usize = 100;

/// What the names of files with code end in.
const CODE: &[&str] = &[
    ".rs", ".wit", ".c", ".h", ".cpp", ".hpp", ".zig", ".py", ".go", ".js", ".ts",
];

/// Returns every file of the workspace that a person writes and that ends in one of `endings`.
fn sources(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![workspace_dir()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                let foreign = name.starts_with("target") || name == ".git" || name == "corpus";
                directories.extend((!foreign).then_some(path));
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// Checks every line of every file that ends in one of `endings`, and lists those that fail.
#[track_caller]
fn check_lines(endings: &[&str], problem: impl Fn(&[&str], usize) -> Option<String>) {
    let mut problems = Vec::new();
    for path in sources(endings) {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for at in 0..lines.len() {
            if let Some(problem) = problem(&lines, at) {
                problems.push(format!("{}:{}: {problem}", path.display(), at + 1));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn no_file_is_above_600_lines() {
    let long: Vec<_> = sources(&[CODE, &[".md", ".toml", ".sh"]].concat())
        .into_iter()
        .filter(|path| fs::read_to_string(path).unwrap().lines().count() > LINES_MAX)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn no_line_of_code_is_above_100_columns() {
    check_lines(CODE, |lines, at| {
        let columns = lines[at].chars().count();
        // A signature in WIT cannot be broken where its generators print it again.
        let signature = lines[at].contains(": func(");
        (columns > COLUMNS_MAX && !signature).then(|| format!("{columns} columns"))
    });
}

#[test]
fn no_line_ends_in_a_space_or_starts_with_a_tab() {
    check_lines(&[".rs", ".c", ".h", ".wit", ".toml"], |lines, at| {
        let line = lines[at];
        (line.ends_with([' ', '\t']) || line.starts_with('\t')).then(|| "blanks".to_owned())
    });
}

#[test]
fn every_rust_file_opens_with_what_it_is() {
    let silent: Vec<_> = sources(&[".rs"])
        .into_iter()
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! "))
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn every_item_of_the_contract_is_documented() {
    check_lines(&[".wit"], |lines, at| {
        let documented = at > 0 && lines[at - 1].trim_start().starts_with("///");
        let item = wit_item(lines[at].trim())?;
        (!documented).then(|| format!("`{item}` has no doc comment"))
    });
}

/// Returns the name of what a line of WIT declares: an item, a field, a case or a function.
fn wit_item(line: &str) -> Option<&str> {
    let code = line.split("//").next().unwrap().trim();
    let first = code.split([' ', ':', ',', '(', ';']).next().unwrap();
    let declares = match first {
        "" | "}" | ")" | "use" | "import" | "export" | "include" => false,
        // A parameter or a result of a function that is written over several lines.
        _ if code.starts_with(['-', '>', ')']) => false,
        _ => true,
    };
    declares.then_some(code)
}

#[test]
fn wit_item_finds_declarations_and_nothing_else() {
    for declaration in [
        "interface files {",
        "timeout,",
        "size: u64,",
        "recv: func();",
        "type a = u8;",
    ] {
        assert_eq!(wit_item(declaration), Some(declaration));
    }
    for other in [
        "",
        "}",
        "/// text",
        "// text",
        "use errors.{error-code};",
        "export handler;",
    ] {
        assert_eq!(wit_item(other), None);
    }
}

/// Returns the text of `SECURITY.md`.
fn security() -> String {
    fs::read_to_string(workspace_dir().join("SECURITY.md")).unwrap()
}

#[test]
fn security_names_tests_that_exist() {
    let text = security();
    let named = text.split('`').skip(1).step_by(2);
    let named: Vec<_> = named.filter_map(|name| name.split_once("::")).collect();
    assert!(named.len() > 50, "{} tests", named.len());
    let exists = |(module, test): &(&str, &str)| {
        let path = workspace_dir().join("tests").join(format!("{module}.rs"));
        let code = fs::read_to_string(path).unwrap_or_default();
        code.contains(&format!("#[test]\nfn {test}() {{"))
    };
    let gone: Vec<_> = named.into_iter().filter(|test| !exists(test)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

#[test]
fn every_unsafe_block_is_listed_and_argued() {
    let mut listed: Vec<(String, usize, usize)> = Vec::new();
    let text = security();
    let (_, table) = text.split_once("## Unsafe code").unwrap();
    for row in table.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [file, places, blocks, argument] = cells[..] else {
            panic!("not a row of four cells: {row}")
        };
        assert!(argument.len() > 50, "no argument: {row}");
        let (places, blocks) = (places.parse().unwrap(), blocks.parse().unwrap());
        listed.push((file.trim_end_matches('`').to_owned(), places, blocks));
    }
    listed.sort();
    let root = workspace_dir();
    let mut found = Vec::new();
    for path in sources(&[".rs"]) {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
        if name.starts_with("host/") || name.starts_with("guest/") {
            let (places, blocks) = count_unsafe(&fs::read_to_string(&path).unwrap());
            found.extend((places + blocks > 0).then(|| (name.to_owned(), places, blocks)));
        }
    }
    found.sort();
    assert_eq!(found, listed, "the code, and the table in `SECURITY.md`");
}

/// Counts the attributes that allow unsafe code, and the keyword that makes code unsafe.
fn count_unsafe(text: &str) -> (usize, usize) {
    let (mut places, mut blocks) = (0, 0);
    for line in text.lines() {
        let code = line.split("//").next().unwrap();
        let words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        for word in words {
            places += usize::from(word == "unsafe_code");
            blocks += usize::from(word == "unsafe");
        }
    }
    (places, blocks)
}

#[test]
fn count_unsafe_finds_code_and_no_comment() {
    let code = "#[allow(missing_docs, unsafe_code)]\nunsafe { call() } // unsafe\n/// unsafe";
    assert_eq!(count_unsafe(code), (1, 1));
    assert_eq!(count_unsafe("unsafe impl A {}\nunsafe fn b() {}"), (0, 2));
    assert_eq!(count_unsafe("//! unsafe_code\nlet unsafely = 1;"), (0, 0));
}

#[test]
fn unsafe_code_is_denied_in_every_crate_that_is_listed() {
    let manifest = |path: &str| fs::read_to_string(workspace_dir().join(path)).unwrap();
    let own = |line: &&str| line.starts_with("unsafe_code");
    let workspace = manifest("Cargo.toml");
    let level: Vec<_> = workspace.lines().filter(own).collect();
    assert_eq!(level, ["unsafe_code = \"deny\""]);
    for path in ["host/Cargo.toml", "guest/Cargo.toml"] {
        assert!(
            manifest(path).contains("[lints]\nworkspace = true\n"),
            "{path}"
        );
    }
}
