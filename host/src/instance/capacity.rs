//! How many instances fit: the kernel limits the memory maps of a process.

use std::path::Path;

use crate::Error;

/// Live instances where nothing else is asked for and nothing smaller is forced.
const DEFAULT: u32 = 4096;

/// Maps of a stack, from the start, whether it is used or not (measured).
const MAPS_PER_STACK: u64 = 2;

/// Maps of a linear memory once its slot was used; slots are not given back (measured).
const MAPS_PER_MEMORY: u64 = 4;

/// Maps left for everything else: code, heaps, threads.
const MAPS_RESERVED: u64 = 4096;

/// The kernel's own default, for where it cannot be read.
const MAX_MAP_COUNT_DEFAULT: u64 = 65_530;

/// Decides how many live instances the server has.
///
/// # Errors
/// [`Error::TooManyInstances`] where `asked` does not fit; the error carries what does.
pub fn instances_max(asked: Option<u32>, memories_per_instance: u32) -> Result<u32, Error> {
    let fits = fitting(max_map_count(), memories_per_instance);
    match asked {
        Some(asked) if asked > fits => Err(Error::TooManyInstances { asked, fits }),
        Some(asked) => Ok(asked),
        None => Ok(DEFAULT.min(fits)),
    }
}

fn max_map_count() -> u64 {
    let path = Path::new("/proc/sys/vm/max_map_count");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().parse().unwrap_or(MAX_MAP_COUNT_DEFAULT)
}

fn fitting(max_map_count: u64, memories_per_instance: u32) -> u32 {
    let each = MAPS_PER_STACK + MAPS_PER_MEMORY * u64::from(memories_per_instance.max(1));
    let fits = max_map_count.saturating_sub(MAPS_RESERVED) / each;
    u32::try_from(fits).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_kernel_limit_leaves_room_for_the_default_number_of_instances() {
        assert!(fitting(MAX_MAP_COUNT_DEFAULT, 1) >= 10_000);
        assert!(fitting(MAX_MAP_COUNT_DEFAULT, 3) >= DEFAULT);
    }

    #[test]
    fn a_tiny_kernel_limit_still_leaves_one() {
        assert_eq!(fitting(100, 1), 1);
    }
}
