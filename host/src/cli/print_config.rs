//! `sockeye serve --print-config`: every setting with the value that holds, as a configuration
//! file.

use std::path;

use clap::{Arg, ArgAction, ArgMatches, Command, ValueEnum, ValueHint};
use toml::Value;

use super::file::{SERVICE, name_of};
use super::serve;
use super::values::bytes_text;
use crate::config::{Config, Service};

/// What a server decides, whatever was typed: a key and its values.
type Decided = (&'static str, Vec<String>);

/// Writes the settings that `matches` hold, and below those of each of the `services`, if they
/// have tables of their own. What holds in `config` in their place is written instead.
pub(super) fn text(matches: &ArgMatches, services: &[ArgMatches], config: &Config) -> String {
    let of_service = serve::service_command();
    let is_of_service = |arg: &Arg| {
        let mut all = of_service.get_arguments();
        !services.is_empty() && all.any(|other| other.get_id() == arg.get_id())
    };
    let mut decided = of_server(config);
    if let [only] = &config.services[..] {
        decided.extend(of_one(only));
    }
    let mut text = String::new();
    write_settings(&mut text, &serve::command(), matches, &decided, |arg| {
        !is_of_service(arg)
    });
    for (service, decided) in services.iter().zip(config.services.iter().map(of_one)) {
        text.push_str(&format!("\n[[{SERVICE}]]\n"));
        write_settings(&mut text, &of_service, service, &decided, |_| true);
    }
    text
}

/// What is decided for all services together.
fn of_server(config: &Config) -> Vec<Decided> {
    let limits = &config.limits;
    let numbers = [
        ("workers", Some(config.workers.to_string())),
        ("max-instances", limits.instances_max.map(|n| n.to_string())),
        ("total-memory-limit", limits.total_bytes_max.map(bytes_text)),
        ("min-free-memory", limits.free_bytes_min.map(bytes_text)),
        (
            "recv-until-limit",
            Some(bytes_text(limits.recv_until_bytes_max)),
        ),
    ];
    let decided = numbers.into_iter();
    decided
        .filter_map(|(key, value)| Some((key, vec![value?])))
        .collect()
}

/// What is decided for one service.
fn of_one(service: &Service) -> Vec<Decided> {
    let listen = service.listen.iter().map(ToString::to_string);
    let activate_on = service
        .activate_on
        .and_then(|what| what.to_possible_value());
    let activate_on = activate_on.iter().map(|what| what.get_name().to_owned());
    vec![
        ("listen", listen.collect()),
        ("activate-on", activate_on.collect()),
    ]
}

fn write_settings(
    text: &mut String,
    command: &Command,
    matches: &ArgMatches,
    decided: &[Decided],
    wanted: impl Fn(&Arg) -> bool,
) {
    let mut heading = None;
    for arg in command.get_arguments().filter(|arg| wanted(arg)) {
        let Some(key) = name_of(arg) else {
            continue;
        };
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            let blank = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{blank}# {}\n", heading.unwrap_or_default()));
        }
        let decided = decided.iter().find(|(name, _)| *name == key);
        let values = match decided {
            Some((_, values)) => values.iter().map(|value| toml_of(value)).collect(),
            None => values_of(arg, matches),
        };
        let line = match (arg.get_action(), values.first()) {
            (_, None) => format!("# {key} is not set\n"),
            (ArgAction::Append, _) => format!("{key} = {}\n", Value::Array(values)),
            (_, Some(value)) => format!("{key} = {value}\n"),
        };
        text.push_str(&line);
    }
}

/// The values of an argument.
fn values_of(arg: &Arg, matches: &ArgMatches) -> Vec<Value> {
    let id = arg.get_id().as_str();
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return vec![Value::Boolean(matches.get_flag(id))];
    }
    let hint = arg.get_value_hint();
    let is_path = matches!(hint, ValueHint::FilePath | ValueHint::DirPath);
    let values = matches.get_raw(id).into_iter().flatten();
    let texts = values.map(|value| match path::absolute(value) {
        // A file's paths are relative to where that is, and not to where this is printed.
        Ok(path) if is_path && value != "-" => path.into_os_string(),
        _ => value.to_owned(),
    });
    texts.map(|text| toml_of(&text.to_string_lossy())).collect()
}

/// Writes a value as a number where it is the one way to write that.
fn toml_of(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Value::Integer(number),
        _ => Value::String(text.to_owned()),
    }
}
