//! A client of the guest `calls`, which makes any single call of the contract on request.

use std::time::Duration;

use crate::client::Client;
use crate::server::TestServer;

/// One connection to a server that runs `calls`.
pub(crate) struct Session {
    pub(crate) client: Client,
}

/// What a call returned to the guest.
#[derive(Debug)]
pub(crate) struct Outcome {
    line: String,
}

impl Session {
    /// Connects to `server`.
    #[track_caller]
    pub(crate) fn start(server: &TestServer) -> Self {
        Self {
            client: server.connect(),
        }
    }

    /// Has the guest make one call and returns the outcome.
    #[track_caller]
    pub(crate) fn call(&mut self, command: &str) -> Outcome {
        self.ask(command);
        self.outcome()
    }

    /// Tells the guest to make calls, separated by ` | `, without waiting for an outcome.
    #[track_caller]
    pub(crate) fn ask(&mut self, commands: &str) {
        self.client.send(format!("{commands}\n"));
    }

    /// Tells the guest to make calls and sends `bytes`, which they receive, right behind.
    #[track_caller]
    pub(crate) fn ask_with(&mut self, commands: &str, bytes: &str) {
        self.client.send(format!("{commands}\n{bytes}"));
    }

    /// Receives the outcome of the next call.
    #[track_caller]
    pub(crate) fn outcome(&mut self) -> Outcome {
        Outcome::parse(&self.client.line())
    }
}

impl Outcome {
    /// Reads an outcome from the line that the guest sent or logged.
    pub(crate) fn parse(line: &str) -> Self {
        Self {
            line: line.to_owned(),
        }
    }

    /// Returns the value of a field; `text` is the rest of the line, all others are one word.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> &str {
        let start = format!("{name}=");
        if name == "text" {
            return self
                .line
                .split_once(" text=")
                .unwrap_or_else(|| panic!("no {name}: {self:?}"))
                .1;
        }
        let mut words = self.line.split(' ');
        let value = words.find_map(|word| word.strip_prefix(start.as_str()));
        value.unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// Returns the value of a field that is a number.
    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.field(name).parse().unwrap()
    }

    /// Returns how long the call took, by the guest's own clock.
    #[track_caller]
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_millis(self.number("ms"))
    }

    /// Checks that the call succeeded.
    #[track_caller]
    pub(crate) fn expect_ok(&self) {
        assert_eq!(self.line.split(' ').nth(1), Some("ok"), "{self:?}");
    }

    /// Checks that the call received exactly `text`.
    #[track_caller]
    pub(crate) fn expect_text(&self, text: &str) {
        self.expect_ok();
        assert_eq!(self.field("text"), text);
    }

    /// Checks that the call failed with `code`.
    #[track_caller]
    pub(crate) fn expect_error(&self, code: &str) {
        assert_eq!(self.field("error"), code, "{self:?}");
    }
}
