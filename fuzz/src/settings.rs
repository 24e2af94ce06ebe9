//! `sockeye.toml`: a file means what the same keys mean as flags, and is refused where they are.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use sockeye::config::{Config, Service};
use sockeye::internals::configuration;
use tempfile::TempDir;
use toml::de::{DeTable, DeValue};

/// What a longer file shows, a shorter one shows sooner.
const BYTES_MAX: usize = 8 * 1024;

/// The keys that a `[[service]]` can have, and those whose value is a path.
const OF_SERVICE: [&str; 8] = [
    "component",
    "listen",
    "root",
    "reuse",
    "activate-on",
    "list",
    "spa",
    "cache-control",
];
const PATHS: [&str; 4] = ["component", "root", "access-log", "cache-dir"];

thread_local! {
    static DIRECTORY: RefCell<TempDir> =
        RefCell::new(tempfile::tempdir().expect("there is a place for files"));
}

/// Takes `data` for the text of a configuration file.
pub fn settings(data: &[u8]) {
    let data = &data[..data.len().min(BYTES_MAX)];
    let text = std::str::from_utf8(data).ok();
    let table = text.and_then(|text| DeTable::parse(text).ok());
    let table = table.as_ref().map(|table| table.get_ref());
    if table.is_some_and(names_a_host) {
        // To ask who that is would leave this machine.
        return;
    }
    DIRECTORY.with_borrow(|directory| {
        let path = directory.path().join("sockeye.toml");
        fs::write(&path, data).expect("the file can be written");
        let config = format!("--config={}", path.display());
        let found = served(vec![config.into()]);
        let expected = table.and_then(|table| reference(table, directory.path()));
        match (found, expected) {
            (Ok(found), Some(expected)) => assert_eq!(told(&found), expected, "{text:?}"),
            (Err(_), None) => {}
            (found, expected) => panic!("{text:?} is {found:?} and not {expected:?}"),
        }
    });
}

/// Says whether an address has to be looked up.
fn names_a_host(table: &DeTable) -> bool {
    table.iter().any(|(key, value)| {
        match (&**key.get_ref(), value.get_ref()) {
        ("listen" | "admin", DeValue::String(text)) => text.parse::<SocketAddr>().is_err(),
        ("listen" | "admin", DeValue::Array(texts)) => texts.iter().any(|text| {
            matches!(text.get_ref(), DeValue::String(text) if text.parse::<SocketAddr>().is_err())
        }),
        ("service", DeValue::Array(tables)) => tables.iter().any(|table| {
            matches!(table.get_ref(), DeValue::Table(table) if names_a_host(table))
        }),
        _ => false,
    }
    })
}

/// What `sockeye serve` does with these flags, without a cache, which would be made.
fn served(flags: Vec<OsString>) -> Result<Config, String> {
    let mut args: Vec<OsString> = ["sockeye", "serve"].map(Into::into).into();
    if !flags.iter().any(|flag| flag == "--no-cache") {
        args.push("--no-cache".into());
    }
    args.extend(flags);
    configuration(args)
}

/// Types every key as a flag; none where that cannot be or is refused.
fn reference(table: &DeTable, directory: &Path) -> Option<[String; 2]> {
    let mut flags = Vec::new();
    let mut services = Vec::new();
    let keys = || {
        table
            .iter()
            .map(|(key, value)| (&**key.get_ref(), value.get_ref()))
    };
    for (key, value) in keys().filter(|(key, _)| *key != "service") {
        flags.extend(typed(key, value, directory)?);
    }
    if let Some((_, value)) = keys().find(|(key, _)| *key == "service") {
        for service in value.as_array()?.iter() {
            services.push(service.get_ref().as_table()?);
        }
    }
    let all = told(&served(flags).ok()?);
    if services.is_empty() {
        return Some(all);
    }
    let has = |table: &DeTable, wanted: &str| table.iter().any(|(key, _)| key.get_ref() == wanted);
    let is_misplaced = OF_SERVICE.iter().any(|key| has(table, key));
    let shares_an_address = services.len() > 1 && !services.iter().all(|one| has(one, "listen"));
    if is_misplaced || shares_an_address {
        return None;
    }
    let mut each = String::new();
    for service in services {
        let mut flags = Vec::new();
        for (key, value) in service.iter() {
            let key = &**key.get_ref();
            OF_SERVICE.contains(&key).then_some(())?;
            flags.extend(typed(key, value.get_ref(), directory)?);
        }
        each.push_str(&told(&served(flags).ok()?)[1]);
    }
    Some([all[0].clone(), each])
}

/// Types a key with its value; none where no command line has such a thing.
fn typed(key: &str, value: &DeValue, directory: &Path) -> Option<Vec<OsString>> {
    if ["help", "version", "config"].contains(&key) {
        return None;
    }
    let one = |text: String| -> Option<OsString> {
        if text.is_empty() {
            return None;
        }
        let path = directory.join(&text).into_os_string();
        let value = match PATHS.contains(&key) && (text != "-" || key != "access-log") {
            true => path,
            false => text.into(),
        };
        match key {
            "component" => Some(value),
            _ => {
                let mut flag = OsString::from(format!("--{key}="));
                flag.push(value);
                Some(flag)
            }
        }
    };
    let flag = OsString::from(format!("--{key}"));
    match value {
        DeValue::Boolean(is_given) => {
            // Whether it is a flag that takes no value.
            served(vec![flag.clone()])
                .err()
                .is_none_or(is_no_usage)
                .then_some(())?;
            Some(is_given.then_some(flag).into_iter().collect())
        }
        DeValue::Array(values) if key == "listen" && !values.is_empty() => values
            .iter()
            .map(|value| one(text(value.get_ref())?))
            .collect(),
        value => Some(vec![one(text(value)?)?]),
    }
}

/// Says whether an error is about what flags mean and not about which there are.
fn is_no_usage(error: String) -> bool {
    !error.contains("For more information, try")
}

fn text(value: &DeValue) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            let wide = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
            i64::try_from(wide).ok().map(|number| number.to_string())
        }
        _ => None,
    }
}

/// What there is to compare of a configuration: the server, and each of its services.
fn told(config: &Config) -> [String; 2] {
    let Config {
        services,
        workers,
        admin,
        access_log,
        take_over_timeout,
        limits,
        compiling,
    } = config;
    let compiling = compiling.allow_precompiled;
    let service = |service: &Service| {
        let Service {
            component,
            listen,
            root,
            reuse,
            activate_on,
            arguments,
        } = service;
        let root = root.is_some();
        format!("{component} {listen:?} {root} {reuse:?} {activate_on:?} {arguments:?}\n")
    };
    [
        format!("{workers} {admin:?} {access_log:?} {take_over_timeout:?} {limits:?} {compiling}"),
        services.iter().map(service).collect(),
    ]
}
