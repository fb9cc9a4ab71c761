//! Copies of others' logs, and what the stream holds of the own one.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tributary_eventlog::pipe::{MirrorError, Mirrors};
use tributary_eventlog::sim::Random;
use tributary_eventlog::{Disk, DiskFile, EventLog, Origin, ReadLimits, RealDisk, Record};

use super::{Client, Stream, log, new, until};

/// The machine's disk, whose files take nothing while it is full.
#[derive(Clone, Default)]
struct Full(Arc<AtomicBool>);

impl Disk for Full {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(dir)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FullFile(RealDisk.create(path)?, Arc::clone(&self.0))))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FullFile(RealDisk.open(path)?, Arc::clone(&self.0))))
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
}

struct FullFile(Box<dyn DiskFile>, Arc<AtomicBool>);

impl DiskFile for FullFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, into)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.1.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write_at(offset, bytes)
    }
    fn allocate(&self, to: u64) -> io::Result<()> {
        self.0.allocate(to)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }
}

/// All records of a log of this origin with so many.
fn records(folder: &tempfile::TempDir, origin: u32, count: u64) -> Vec<Record> {
    let log = log(folder, origin);
    log.append_blocking((1..count).map(|n| new(n, 20)).collect()).expect("appended");
    log.read(1, ReadLimits::default()).expect("records")
}

fn mirrors(folder: &tempfile::TempDir, own: &Arc<dyn EventLog>, disk: &Full) -> Mirrors {
    let (disk, dir) = (Arc::new(disk.clone()), folder.path().join("mirrors"));
    let opened = Mirrors::open_on(disk, dir, Arc::clone(own), Random::new(5).into_salts());
    opened.expect("copies").gap_max(Duration::from_millis(200))
}

/// Copies until it is so.
async fn copying(mirrors: &Mirrors, stream: &Arc<Stream>, what: &str, is: impl FnMut() -> bool) {
    let client = Client(Arc::clone(stream));
    tokio::select! {
        ended = mirrors.run(&client) => panic!("{what}: {ended:?}"),
        () = until(what, is) => {}
    }
}

async fn refused(mirrors: &Mirrors, stream: &Arc<Stream>) -> MirrorError {
    let client = Client(Arc::clone(stream));
    let ended = tokio::time::timeout(super::PATIENCE, mirrors.run(&client)).await;
    ended.expect("it ends").expect_err("it is refused")
}

fn end(mirrors: &Mirrors, origin: u32) -> u64 {
    mirrors.logs().get(&Origin(origin)).map_or(0, |copy| copy.end())
}

#[tokio::test]
async fn a_copy_whose_disk_was_full_is_told_of_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (own, disk, stream) = (log(&folder, 1), Full::default(), Stream::new());
    let records = records(&folder, 2, 30);
    stream.put(&records[..10]);
    let mirrors = mirrors(&folder, &own, &disk);
    copying(&mirrors, &stream, "the first ten", || end(&mirrors, 2) == 10).await;
    let copy = Arc::clone(&mirrors.logs()[&Origin(2)]);
    assert_eq!(mirrors.stopped(), None);
    disk.0.store(true, Ordering::Relaxed);
    stream.put(&records[10..20]);
    let error = refused(&mirrors, &stream).await;
    assert_eq!((error.code(), error.retryable(), copy.is_sealed()), ("log_io", true, true), "{error}");
    let stopped = mirrors.stopped().expect("it is told");
    assert_eq!((stopped.code, stopped.is_here), ("log_io", true), "{stopped:?}");
    // Nothing is lost while the disk stays full, and nobody opens anything else.
    assert!(refused(&mirrors, &stream).await.retryable());
    disk.0.store(false, Ordering::Relaxed);
    stream.put(&records[20..]);
    copying(&mirrors, &stream, "all of it", || copy.end() == 30).await;
    assert!(copy.read(1, ReadLimits::default()).expect("read") == records, "whoever held the copy reads it");
    copying(&mirrors, &stream, "it is not told any more", || mirrors.stopped().is_none()).await;
}

#[tokio::test]
async fn what_the_stream_holds_of_the_own_log_must_be_what_is_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let (own, stream) = (log(&folder, 1), Stream::new());
    own.append_blocking((1..40).map(|n| new(n, 20)).collect()).expect("appended");
    let records = own.read(1, ReadLimits::default()).expect("records");
    stream.put(&records);
    stream.put(&records[3..17]);
    let mirrors = mirrors(&folder, &own, &Full::default());
    copying(&mirrors, &stream, "it is what is here", || *mirrors.caught_up().borrow()).await;
    type Change = fn(&mut Record);
    let changes: [(&str, Change); 3] = [
        ("log_differs_from_broker", |r| r.id[0] ^= 1),
        ("log_differs_from_broker", |r| r.recorded_at += 1),
        ("log_behind_broker", |r| r.position.sequence = 41),
    ];
    for (n, (code, change)) in changes.into_iter().enumerate() {
        let mut other = records[20].clone();
        change(&mut other);
        let stream = Stream::new();
        stream.put(&[&records[..20], &[other], &records[21..]].concat());
        let dir = tempfile::tempdir().expect("a folder");
        let mirrors = self::mirrors(&dir, &own, &Full::default());
        let error = refused(&mirrors, &stream).await;
        assert_eq!((error.code(), error.retryable()), (code, false), "{n}: {error}");
        assert!(!*mirrors.caught_up().borrow(), "nothing may be sent");
    }
}

#[tokio::test]
async fn a_record_that_is_missing_for_long_is_told_of_and_the_others_are_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let (own, stream) = (log(&folder, 1), Stream::new());
    let (a, b) = (records(&folder, 2, 10), records(&folder, 3, 10));
    stream.put(&a[..3]);
    stream.put(&a[4..]);
    let mirrors = mirrors(&folder, &own, &Full::default());
    let told = || mirrors.stopped().map(|stopped| (stopped.code, stopped.is_here));
    let later = async {
        until("the gap is told", || told() == Some(("log_gap", false))).await;
        assert_eq!(end(&mirrors, 2), 3);
        stream.put(&b);
        until("others are copied", || end(&mirrors, 3) == 10).await;
        assert_eq!(told(), Some(("log_gap", false)), "it is still there");
        stream.put(&a[3..4]);
        until("it is filled", || end(&mirrors, 2) == 10 && told().is_none()).await;
    };
    let client = Client(Arc::clone(&stream));
    tokio::select! {
        ended = mirrors.run(&client) => panic!("{ended:?}"),
        () = later => {}
    }
}
