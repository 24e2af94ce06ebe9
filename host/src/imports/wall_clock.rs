//! `wasi:clocks/wall-clock`: the one interface of WASI that nearly every handler calls, for the
//! `Date` of an answer.
//!
//! Stands in for what `wasmtime_wasi` has, which reads the same clock by way of a [`WasiCtx`]: that
//! takes two random generators with seeds from the system, and a dozen allocations. An instance
//! that asks for nothing but the time never has one.
//!
//! [`WasiCtx`]: wasmtime_wasi::WasiCtx

use std::time::SystemTime;

use rustix::time::{ClockId, clock_getres};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::{Datetime, Host};

use super::Guest;

impl Host for Guest {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        Ok(Datetime {
            seconds: now.as_secs(),
            nanoseconds: now.subsec_nanos(),
        })
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        let resolution = clock_getres(ClockId::Realtime);
        Ok(Datetime {
            seconds: resolution.tv_sec.try_into()?,
            nanoseconds: resolution.tv_nsec.try_into()?,
        })
    }
}
