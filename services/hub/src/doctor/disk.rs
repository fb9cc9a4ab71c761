//! Room on the disk, how long it takes to make something durable there, and how many files may be open.

use super::{Checks, size, span, standing_place};
use crate::{bench::folder::bytes_on_disk, serve};
use rustix::{
    fs::statvfs,
    process::{Resource, getrlimit},
};
use std::{
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    time::{Duration, Instant},
};
use tributary_channels::standing::Finding;

/// Shares of a disk under which somebody should look, and under which it is late.
const FREE_LOW: f64 = 0.20;
const FREE_TOO_LOW: f64 = 0.05;
/// Less room than this is too little on a disk of any size: a few hours of a busy hub.
const FREE_BYTES_MIN: f64 = (1_u64 << 30) as f64;
/// Writes that are synced, one after another, and the longest that all of them may take.
const SYNCS: usize = 32;
const SYNCS_MAX: Duration = Duration::from_secs(2);
const SYNC_BYTES: usize = 4096;
/// Above this median a single sender gets fewer than 50 answers a second.
const SYNC_SLOW_SECS: f64 = 0.020;
/// No disk makes 4 KiB durable in less: this is memory, or a disk that only says so.
const SYNC_TOO_FAST_SECS: f64 = 0.000_005;

/// Room, syncs and open files.
pub(super) fn checks(dir: &Path, max_connections: usize) -> Checks {
    let files = getrlimit(Resource::Nofile).maximum;
    vec![
        ("room".to_owned(), room(dir)),
        ("sync".to_owned(), syncs(dir)),
        ("open files".to_owned(), of_files(files, max_connections)),
    ]
}

/// What a file system has left.
#[derive(Clone, Copy, Debug)]
struct Left {
    free: f64,
    all: f64,
    /// 0 of 0 where the file system does not count them.
    inodes_free: f64,
    inodes: f64,
}

fn room(dir: &Path) -> Finding {
    let place = standing_place(dir);
    let stat = match statvfs(&place) {
        Ok(stat) => stat,
        Err(error) => {
            let detail = format!("folder_io: {}: {error}", place.display());
            return Finding::bad(detail, "check that the data folder's disk is there");
        }
    };
    let left = Left {
        free: stat.f_bavail as f64 * stat.f_frsize as f64,
        all: stat.f_blocks as f64 * stat.f_frsize as f64,
        inodes_free: stat.f_favail as f64,
        inodes: stat.f_files as f64,
    };
    let bytes = |name: &str| match bytes_on_disk(&dir.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0.0),
        counted => counted.map(|bytes| bytes as f64),
    };
    let counted = || Ok([bytes("log")?, bytes("mirrors")?, bytes("views")?]);
    match counted() {
        Ok(taken) => of_room(left, taken),
        Err(error) => {
            let error: io::Error = error;
            let detail = format!("folder_io: the data folder cannot be counted: {error}");
            Finding::bad(detail, "run this as the hub's user")
        }
    }
}

fn of_room(left: Left, [log, mirrors, views]: [f64; 3]) -> Finding {
    let share = left.free / left.all.max(1.0);
    let inodes = if left.inodes > 0.0 { left.inodes_free / left.inodes } else { 1.0 };
    let detail = format!(
        "{} free of {} ({:.0} %), {:.0} % of inodes free; log {}, mirrors {}, views {}",
        size(left.free),
        size(left.all),
        share * 100.0,
        inodes * 100.0,
        size(log),
        size(mirrors),
        size(views)
    );
    let remedy = "make room or move data_dir to a larger disk: a full one refuses every event with 503; see `tributary \
                  doctor --plan` for what is needed";
    if share < FREE_TOO_LOW || inodes < FREE_TOO_LOW || left.free < FREE_BYTES_MIN {
        return Finding::bad(format!("disk_nearly_full: {detail}"), remedy);
    }
    if share < FREE_LOW || inodes < FREE_LOW {
        return Finding::doubtful(detail, remedy);
    }
    if left.free < views {
        let remedy = "make room: a rebuild writes the views a second time before it removes the old ones";
        return Finding::doubtful(detail, remedy);
    }
    Finding::good(detail)
}

fn syncs(dir: &Path) -> Finding {
    match timed(&standing_place(dir)) {
        Ok(times) => of_syncs(&times),
        Err(error) => Finding::bad(
            format!("folder_io: a file of {} KiB cannot be written and synced: {error}", SYNC_BYTES / 1024),
            "run this as the hub's user; if it was, look at the disk: the hub could not acknowledge anything",
        ),
    }
}

/// Seconds of each sync, sorted.
fn timed(place: &Path) -> io::Result<Vec<f64>> {
    // It has no name, so nothing is left of it however this ends.
    let file = tempfile::tempfile_in(place)?;
    let (begun, block) = (Instant::now(), [0x5a; SYNC_BYTES]);
    let mut times = Vec::with_capacity(SYNCS);
    for number in 0..SYNCS as u64 {
        file.write_all_at(&block, number * SYNC_BYTES as u64)?;
        let before = Instant::now();
        file.sync_data()?;
        times.push(before.elapsed().as_secs_f64());
        if begun.elapsed() > SYNCS_MAX {
            break;
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn of_syncs(sorted: &[f64]) -> Finding {
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let longest = sorted.last().copied().unwrap_or_default();
    let detail = format!(
        "{} writes of 4 KiB were synced: median {}, longest {}",
        sorted.len(),
        span(median),
        span(longest)
    );
    if median < SYNC_TOO_FAST_SECS {
        let remedy = "no disk is that fast: put data_dir on a disk, not in memory, and let that disk honour syncs, or a power cut \
                      loses acknowledged events";
        return Finding::doubtful(detail, remedy);
    }
    if median > SYNC_SLOW_SECS {
        let remedy = "every answer waits for one: use a disk with its own power protection, or one that others use less";
        return Finding::doubtful(detail, remedy);
    }
    Finding::good(detail)
}

fn of_files(files: Option<u64>, max_connections: usize) -> Finding {
    let Some(files) = files else { return Finding::good("no limit") };
    let most = serve::connections_within(usize::try_from(files).unwrap_or(usize::MAX));
    let detail = format!(
        "this user may open {files} files, [hub] max_connections = {max_connections} on each of two listeners"
    );
    if most < max_connections {
        let remedy = format!(
            "the hub takes {most} connections only: raise the limit (LimitNOFILE= of its service, `ulimit -n`), or lower \
             max_connections"
        );
        return Finding::doubtful(detail, remedy);
    }
    Finding::good(detail)
}

#[cfg(test)]
mod tests {
    use super::{Left, of_files, of_room, of_syncs, timed};
    use tributary_channels::standing::Standing::{Bad, Doubtful, Good};

    const GIB: f64 = (1_u64 << 30) as f64;

    #[test]
    fn room_is_judged_by_share_bytes_and_inodes() {
        let judge = |free: f64, all: f64, inodes: f64, views: f64| {
            let left = Left { free: free * GIB, all: all * GIB, inodes_free: inodes, inodes: 100.0 };
            of_room(left, [GIB, 0.0, views * GIB]).standing
        };
        assert_eq!(judge(50.0, 100.0, 90.0, 1.0), Good);
        assert_eq!(judge(19.0, 100.0, 90.0, 1.0), Doubtful);
        assert_eq!(judge(4.9, 100.0, 90.0, 1.0), Bad);
        assert_eq!(judge(0.9, 2.0, 90.0, 0.1), Bad, "half of a tiny disk");
        assert_eq!(judge(50.0, 100.0, 19.0, 1.0), Doubtful);
        assert_eq!(judge(50.0, 100.0, 4.0, 1.0), Bad);
        assert_eq!(judge(50.0, 100.0, 90.0, 51.0), Doubtful, "no room for a rebuild");
        let uncounted = Left { free: 50.0 * GIB, all: 100.0 * GIB, inodes_free: 0.0, inodes: 0.0 };
        assert_eq!(of_room(uncounted, [0.0; 3]).standing, Good);
    }

    #[test]
    fn syncs_are_judged_by_their_median() {
        assert_eq!(of_syncs(&[0.0002, 0.0003, 0.9]).standing, Good);
        assert_eq!(of_syncs(&[0.001, 0.021, 0.022]).standing, Doubtful);
        assert_eq!(of_syncs(&[0.000_001, 0.000_002, 0.1]).standing, Doubtful);
        assert!(of_syncs(&[0.0002, 0.0003, 0.9]).detail.ends_with("median 300 µs, longest 900.0 ms"));
    }

    #[test]
    fn a_timed_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let times = timed(folder.path()).unwrap();
        assert!(!times.is_empty() && times.is_sorted());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn files_bound_connections() {
        assert_eq!(of_files(None, 2_048).standing, Good);
        assert_eq!(of_files(Some(4_352), 2_048).standing, Good);
        let few = of_files(Some(1_024), 2_048);
        assert_eq!(few.standing, Doubtful);
        assert!(few.remedy.contains("384 connections"), "{}", few.remedy);
    }
}
