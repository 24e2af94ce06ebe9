//! How many instances fit: the kernel limits the memory maps of a process.

use std::path::Path;

use super::engine::InitialData;
use crate::Error;

/// Live instances where nothing else is asked for and nothing smaller is forced.
const DEFAULT: u32 = 4096;

/// Maps of a stack, from the start, whether it is used or not (measured).
const MAPS_PER_STACK: u64 = 2;

/// Maps of a linear memory once its slot was used; slots are not given back (measured). Zeroes, the
/// image, zeroes, what it has not grown to.
const MAPS_PER_MAPPED_MEMORY: u64 = 4;

/// The same without an image.
const MAPS_PER_COPIED_MEMORY: u64 = 2;

/// Maps left for everything else: code, heaps, threads.
const MAPS_RESERVED: u64 = 4096;

/// The kernel's own default, for where it cannot be read.
const MAX_MAP_COUNT_DEFAULT: u64 = 65_530;

/// Decides how memories get what they begin with: by a copy only where more instances are asked
/// for than fit otherwise. It costs time and memory: an image is mapped once and shared until it is
/// written to.
pub fn initial_data(asked: Option<u32>, memories_per_instance: u32) -> InitialData {
    let mapped = fitting(max_map_count(), memories_per_instance, InitialData::Mapped);
    match asked {
        Some(asked) if asked > mapped => InitialData::Copied,
        _ => InitialData::Mapped,
    }
}

/// Decides how many live instances the server has.
///
/// # Errors
/// [`Error::TooManyInstances`] where `asked` does not fit; the error carries what does.
pub fn instances_max(
    asked: Option<u32>,
    memories_per_instance: u32,
    data: InitialData,
) -> Result<u32, Error> {
    let fits = fitting(max_map_count(), memories_per_instance, data);
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

fn fitting(max_map_count: u64, memories_per_instance: u32, data: InitialData) -> u32 {
    let per_memory = match data {
        InitialData::Mapped => MAPS_PER_MAPPED_MEMORY,
        InitialData::Copied => MAPS_PER_COPIED_MEMORY,
    };
    let each = MAPS_PER_STACK + per_memory * u64::from(memories_per_instance.max(1));
    let fits = max_map_count.saturating_sub(MAPS_RESERVED) / each;
    u32::try_from(fits).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_kernel_limit_leaves_room_for_the_default_number_of_instances() {
        let mapped = |memories| fitting(MAX_MAP_COUNT_DEFAULT, memories, InitialData::Mapped);
        assert!(mapped(1) >= 10_000);
        assert!(mapped(3) >= DEFAULT);
    }

    #[test]
    fn the_default_kernel_limit_leaves_room_for_15_000_instances_without_images() {
        assert!(fitting(MAX_MAP_COUNT_DEFAULT, 1, InitialData::Copied) >= 15_000);
    }

    #[test]
    fn a_tiny_kernel_limit_still_leaves_one() {
        assert_eq!(fitting(100, 1, InitialData::Mapped), 1);
    }
}
