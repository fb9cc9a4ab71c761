//! What the system tells about itself and this process. Where it tells nothing, figures are 0 and times are wall time.

use std::time::Instant;

/// Cores that this process may use.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Processes that wanted a core in the last minute, on average.
pub(super) fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

/// Model of the first processor.
pub(super) fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.map(|rest| rest.trim_start_matches(['\t', ' ', ':']).to_owned()).unwrap_or_default()
}

/// Memory of this process now.
pub(super) fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

/// The most memory of this process since [`forget_peak`].
pub(super) fn peak_bytes() -> u64 {
    status_bytes("VmHWM:")
}

/// Lets the peak begin again at what the process has now.
pub(super) fn forget_peak() {
    // Without this (another system) the peak is that of the whole process so far.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn status_bytes(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    number.unwrap_or_default() * 1024
}

/// Processor time of the calling thread.
pub(super) struct ThreadTime {
    wall: Instant,
    cpu: Option<u64>,
}

impl ThreadTime {
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_nanos() }
    }

    /// Nanoseconds since the start.
    pub fn nanos(&self) -> u64 {
        match (self.cpu, cpu_nanos()) {
            (Some(before), Some(now)) => now - before,
            _ => self.wall.elapsed().as_nanos() as u64,
        }
    }
}

fn cpu_nanos() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}
