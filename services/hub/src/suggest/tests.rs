//! Following changes gives what reading everything gives: the same pairs for the same reasons, after any history.

use super::{Alike, Book, Feed, Step};
use crate::rng::Rng;
use std::{
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};
use tributary_core::{
    body::{Body, IdentityAct},
    content::ProfileField,
    draft::{ChannelContext, Claim, Draft},
    event::Trust,
    identity::policy::Policy,
    normalise::Region,
    suggest::threshold_for,
    time::Micros,
    token::IndexKey,
};
use tributary_eventlog::{EventLog, ManualClock, MemoryLog, Origin};
use tributary_projector::{Options, Projector};

/// Histories of the law, and acts of one.
const HISTORIES: u64 = 30;
const ACTS: usize = 60;
/// Longest wait for the projector.
const PATIENCE: Duration = Duration::from_secs(60);
const START: i64 = 1_700_000_000_000_000;

/// Few values, so that people meet; in several spellings.
const NAMES: [&str; 7] =
    ["陳美玲", "陳美玲 小姐", "Mei-Ling Chen", "Chen Meiling", "林國華", "Amy Wang", "陳小姐"];
const BORN: [&str; 4] = ["1988-04-09", "77/4/9", "1988-09-04", "1975-11-30"];
const STREETS: [&str; 3] =
    ["台北市大安區和平東路二段96號3樓", "臺北市大安區和平東路2段９６號３Ｆ", "高雄市左營區博愛二路777號"];
const PHONES: [&str; 3] = ["0912-345-678", "+886 912 345 678", "0928173654"];
const IDENTIFIERS: [(&str, &str); 9] = [
    ("member", "M1"),
    ("member", "M2"),
    ("email", "a@shop.example"),
    ("email", "b@shop.example"),
    ("email", "c@shop.example"),
    ("phone", "0933111222"),
    ("phone", "0933111333"),
    ("line", "U00000000000000000000000000000001"),
    ("line", "U00000000000000000000000000000002"),
];

/// A projector over a log in memory, and who writes to it.
struct Lab {
    _dir: tempfile::TempDir,
    log: Arc<dyn EventLog>,
    clock: Arc<ManualClock>,
    projector: Projector,
    rng: Rng,
    at: i64,
}

impl Lab {
    fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::new(START));
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(Origin(7), Arc::clone(&clock) as _));
        let mut options = Options::new(dir.path(), Policy::default());
        options.cache_bytes = 8 << 20;
        let projector = Projector::start(options, Arc::clone(&log) as _).expect("it starts");
        Self { _dir: dir, log, clock, projector, rng: Rng::new(seed), at: START }
    }

    fn append(&mut self, draft: Draft) {
        self.at += 1_000_000;
        self.clock.set(self.at);
        let context = ChannelContext {
            name: "console".into(),
            kind: "console".into(),
            account: String::new(),
            region: Region::default(),
            trust_cap: Trust::Verified,
            member_is_phone: false,
            brand: String::new(),
            generation: 0,
            purchases: tributary_core::draft::Purchases::default(),
        };
        let events = context.events(draft, Micros(self.at), &IndexKey::new(&[7; 32]));
        let records = events.iter().map(crate::hub::record).collect();
        self.log.append_blocking(records).expect("appended");
    }

    /// Waits until the log is folded.
    fn settle(&self) {
        let begun = Instant::now();
        while *self.projector.subscribe().borrow() < self.log.end() {
            assert!(begun.elapsed() < PATIENCE, "{:?}", self.projector.status());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn claim(&mut self, trusts: &[Trust]) -> Claim {
        let (kind, value) = *self.rng.pick(&IDENTIFIERS);
        let scope = if kind == "line" { "prov-1" } else { "" };
        Claim::new(kind, scope, value, *self.rng.pick(trusts))
    }

    /// A profile of somebody, new or corrected; now and then a removal, a link, an unlink or a block.
    fn act(&mut self, number: usize) {
        let operator = self.rng.below(5) == 0;
        let key = format!("f{}", self.rng.below(number + 1));
        let mut draft = Draft::new(key.clone(), Body::Profile {});
        draft.revision = number as u64;
        if operator {
            let act = *self.rng.pick(&[
                IdentityAct::Link,
                IdentityAct::Unlink,
                IdentityAct::Unlink,
                IdentityAct::Block,
                IdentityAct::Unblock,
            ]);
            draft = Draft::new(format!("act/{number}"), Body::Identity { act });
            draft.identifiers = vec![self.claim(&[Trust::Verified]), self.claim(&[Trust::Verified])];
        } else {
            for _ in 0..[1, 1, 1, 2, 2, 3][self.rng.below(6)] {
                let claim = self.claim(&[Trust::Verified, Trust::Verified, Trust::Claimed]);
                draft.identifiers.push(claim);
            }
            for (field, values) in [
                (ProfileField::Name, &NAMES[..]),
                (ProfileField::BirthDate, &BORN),
                (ProfileField::Address, &STREETS),
                (ProfileField::Telephone, &PHONES),
            ] {
                if self.rng.below(4) > 0 {
                    draft.content.profile.insert(field, (*self.rng.pick(values)).to_owned());
                }
            }
        }
        self.append(draft);
    }
}

/// A feed and its book.
struct Fed(Feed, RwLock<Book>);

impl Fed {
    fn new() -> Self {
        Self(Feed::new(Region::default(), 1_000), RwLock::new(Book::new(threshold_for(0), 1_000)))
    }

    /// Everything there is, as it is told.
    fn all(&mut self, projector: &Projector) -> Vec<Alike> {
        while self.0.step(projector, &self.1).expect("rows are whole") != Step::Done {}
        let now = projector.read(|look| look.cursor()).expect("a cursor");
        assert_eq!(self.0.taken(), Some(&now));
        let book = self.1.read().expect("no panic");
        let all = book.page(None, usize::MAX);
        assert_eq!(all.len(), book.open());
        all
    }
}

#[test]
fn following_changes_gives_what_reading_everything_gives() {
    let (mut told, mut apart) = (0, 0);
    for seed in 0..HISTORIES {
        let mut lab = Lab::new(seed);
        let mut followed = Fed::new();
        for number in 0..ACTS {
            lab.act(number);
            // Now and then the feed takes a single step while the log grows, now and then it catches up.
            match lab.rng.below(3) {
                0 => drop(followed.0.step(&lab.projector, &followed.1).expect("rows are whole")),
                1 => {}
                _ => {
                    lab.settle();
                    let (a, b) = (followed.all(&lab.projector), Fed::new().all(&lab.projector));
                    assert_eq!(a, b, "seed {seed}, act {number}");
                    told += a.len();
                    lab.projector.read(|look| {
                        let parted = super::all_apart(&look);
                        let standing = a.iter().filter(|alike| super::stands(&look, alike)).count();
                        let book = followed.1.read().expect("no panic");
                        let hidden = parted.iter().filter(|(a, b)| book.has(*a, *b)).count();
                        assert_eq!(standing + hidden, a.len(), "seed {seed}, act {number}");
                        apart += hidden;
                    });
                }
            }
        }
    }
    assert!(told > 100 && apart > 10, "the histories have suggestions ({told}) and pairs apart ({apart})");
}

#[test]
fn another_generation_is_read_anew() {
    let mut lab = Lab::new(99);
    (0..20).for_each(|number| lab.act(number));
    lab.settle();
    let mut followed = Fed::new();
    let before = followed.all(&lab.projector);
    lab.projector.rebuild().expect("a rebuild");
    assert_eq!(followed.all(&lab.projector), before);
    // Another policy means other customers, and no change names them.
    let policy = Policy { fanout_cap: 9, ..Policy::default() };
    lab.projector.adopt(policy).expect("adopted");
    assert_eq!(followed.all(&lab.projector), Fed::new().all(&lab.projector));
}
