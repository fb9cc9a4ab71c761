//! The conformance suite of the view store on every implementation.

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tributary_projector::store::conformance::{Subject, run_all};
use tributary_projector::store::{FaultStore, MemoryStore, SledOptions, SledStore, ViewStore};

/// A clone of the rows plays the disk.
struct Memory(MemoryStore);

impl Subject for Memory {
    fn store(&self) -> Arc<dyn ViewStore> {
        Arc::new(self.0.clone())
    }

    fn reopen(&mut self) {}
}

/// The wrapper itself must behave like what it wraps.
struct Wrapped(MemoryStore);

impl Subject for Wrapped {
    fn store(&self) -> Arc<dyn ViewStore> {
        Arc::new(FaultStore::new(Arc::new(self.0.clone())))
    }

    fn reopen(&mut self) {}
}

struct Sled {
    _folder: TempDir,
    path: PathBuf,
    store: Option<Arc<SledStore>>,
}

const OPTIONS: SledOptions = SledOptions { cache_bytes: 16 << 20, flush_every_ms: Some(500) };

impl Subject for Sled {
    fn store(&self) -> Arc<dyn ViewStore> {
        self.store.clone().expect("open")
    }

    fn reopen(&mut self) {
        let store = self.store.take().expect("open");
        assert_eq!(Arc::strong_count(&store), 1, "the check still holds the store");
        drop(store);
        self.store = Some(Arc::new(SledStore::open(&self.path, OPTIONS).expect("reopen")));
    }
}

#[test]
fn memory_conforms() {
    run_all(&mut || Box::new(Memory(MemoryStore::new())));
}

#[test]
fn the_fault_wrapper_conforms() {
    run_all(&mut || Box::new(Wrapped(MemoryStore::new())));
}

#[test]
fn sled_conforms() {
    run_all(&mut || {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("views");
        let store = Some(Arc::new(SledStore::open(&path, OPTIONS).expect("open")));
        Box::new(Sled { _folder: folder, path, store })
    });
}
