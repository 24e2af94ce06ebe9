//! The README's figures are those of the results that it shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the cells of the table whose header line begins with `start`, row by row.
fn table(text: &str, start: &str) -> Vec<Vec<String>> {
    let lines = text.lines().skip_while(|line| !line.starts_with(start));
    let rows = lines.take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    });
    cells.collect()
}

/// The median that the results have for each server and column.
fn results(text: &str) -> BTreeMap<(String, String), String> {
    let rows = table(
        text,
        "| server                    | CPU × epoll | hello, requests/s",
    );
    let titles = &rows[0];
    let mut all = BTreeMap::new();
    for row in &rows[2..] {
        for (title, cell) in titles.iter().zip(row) {
            let title = title.trim_start_matches("hello, ").to_owned();
            all.insert((row[0].clone(), title), cell.clone());
        }
    }
    all
}

#[test]
fn every_figure_of_the_readme_stands_in_the_results_that_it_shows() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let chart = readme.split("](bench/results/").nth(1).expect("a chart");
    let name = chart.split(".svg)").next().unwrap();
    let directory = root().join("bench/results");
    assert!(directory.join(format!("{name}.svg")).exists(), "{name}");
    let text = fs::read_to_string(directory.join(format!("{name}.md"))).unwrap();
    let results = results(&text);
    let rows = table(&readme, "| server | requests/s");
    assert!(rows.len() > 8, "{rows:?}");
    for row in &rows[2..] {
        let server = row[0].split('`').nth(1).expect("a server in backquotes");
        for (title, cell) in rows[0].iter().zip(row).skip(1) {
            let key = (server.to_owned(), title.clone());
            assert_eq!(results.get(&key), Some(cell), "{key:?}");
        }
    }
    for server in ["sockeye, built-in handler", "nginx"] {
        let files = &results[&(server.to_owned(), "1 KiB files/s".to_owned())];
        assert!(readme.contains(files.as_str()), "{server}: {files}");
    }
}

#[test]
fn the_guides_table_of_languages_is_that_of_the_results() {
    let results = fs::read_to_string(root().join("bench/results/languages.md")).unwrap();
    let results = table(&results, "| language |");
    assert!(results.len() > 10, "{results:?}");
    let guide = fs::read_to_string(root().join("docs/languages.md")).unwrap();
    let (_, guide) = guide.split_once("<!-- table -->").unwrap();
    let (guide, _) = guide.split_once("<!-- /table -->").unwrap();
    assert_eq!(table(guide, "| language |"), results);
}
