//! `sockeye serve --print-config`: every setting with the value that holds, as a configuration
//! file.

use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::Value;

use super::file::{SERVICE, name_of};
use super::serve;

/// What a server decides when it starts, where the operator does not: a key and its value.
pub(super) type Decided = (&'static str, u64);

/// Writes the settings that `matches` hold, and below those of each of the `services`, if they
/// have tables of their own.
pub(super) fn text(matches: &ArgMatches, services: &[ArgMatches], decided: &[Decided]) -> String {
    let of_service = serve::service_command();
    let is_of_service = |arg: &Arg| {
        let mut all = of_service.get_arguments();
        !services.is_empty() && all.any(|other| other.get_id() == arg.get_id())
    };
    let mut text = String::new();
    write_settings(&mut text, &serve::command(), matches, decided, |arg| {
        !is_of_service(arg)
    });
    for service in services {
        text.push_str(&format!("\n[[{SERVICE}]]\n"));
        write_settings(&mut text, &of_service, service, decided, |_| true);
    }
    text
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
        let value = value_of(arg, matches).or(decided.map(|(_, value)| value.to_string()));
        let line = match value {
            Some(value) => format!("{key} = {value}\n"),
            None => format!("# {key} is not set\n"),
        };
        text.push_str(&line);
    }
}

/// The value of an argument as TOML writes it, if it has one.
fn value_of(arg: &Arg, matches: &ArgMatches) -> Option<String> {
    let id = arg.get_id().as_str();
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return Some(matches.get_flag(id).to_string());
    }
    let values = matches.get_raw(id)?.map(|value| {
        let value = value.to_string_lossy();
        match value.parse() {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::String(value.into_owned()),
        }
    });
    let values: Vec<Value> = values.collect();
    match (arg.get_action(), values.first()) {
        (ArgAction::Append, _) => Some(Value::Array(values).to_string()),
        (_, first) => first.map(Value::to_string),
    }
}
