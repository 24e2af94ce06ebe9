//! `cargo +nightly fuzz run ranges`; on stable Rust it runs the files that are named.
#![cfg_attr(fuzzing, no_main, allow(unsafe_code, missing_docs))]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sockeye_fuzz::ranges(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    sockeye_fuzz::run_files(sockeye_fuzz::ranges)
}
