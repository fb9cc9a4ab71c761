//! A policy is accepted once its event is durable. Wherever the hub dies between that and the swapped generation, the next
//! start puts the policy in force, and its views are those of a rebuild.

use super::{PATIENCE, WIDER, fill, job, origin};
use serde_json::json;
use std::{
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tributary_core::identity::policy::Policy;
use tributary_eventlog::{EventLog, SegmentLog};
use tributary_projector::{Options, Projector};
use tributary_tests::{
    hub::{Folder, Hub, http::Client, shop},
    rng::Rng,
};

/// Nobody shares an address: the default's way.
const NARROW: &str = "[identity]\nfanout_cap = 1\n[identity.types.member]\nmax = 1\n";
/// Hubs killed at any time.
const ROUNDS: u64 = 6;
/// Longest time that one lives after it accepted a policy, in milliseconds.
const LIFE_MILLIS: usize = 60;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &target),
            false => fs::copy(entry.path(), target).map(|_| ()).expect("copied"),
        }
    }
}

/// The name of the live generation.
fn live(views: &Path) -> String {
    fs::read_to_string(views.join("CURRENT")).expect("a pointer").trim().to_owned()
}

/// Whether the applied policy is in force, and joins or parts the two members; and views are those of a rebuild.
fn judge(folder: &Folder, hub: &Hub, joined: bool, what: &str) {
    hub.settle();
    let (mut api, begun) = (hub.client(), Instant::now());
    let holds_together = |api: &mut Client| api.holder("member", "M1") == api.holder("member", "M2");
    // A node of several puts in force what others may have applied once it has read what they wrote; a hub alone at its start.
    while folder.is_over_broker() && (origin(&mut api) != "applied" || holds_together(&mut api) != joined) {
        assert!(begun.elapsed() < PATIENCE, "{what}: the policy is not in force");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(origin(&mut api), "applied", "{what}");
    assert_eq!(holds_together(&mut api), joined, "{what}");
    folder.verify(hub);
}

/// Folds the whole log into these views under the policy that is in force without a word, as a hub does that dies before it
/// folds everything again.
fn fold_under_default(folder: &Folder, views: &Path) {
    let options = tributary_eventlog::Options::new(folder.data().join("log"), None, Arc::new(|| 7));
    let log: Arc<dyn EventLog> = Arc::new(SegmentLog::open(options).expect("the hub's log"));
    // Days begin at midnight of the hub's time zone, which is Taipei's unless it says otherwise.
    let standing = Policy { day_offset_minutes: 8 * 60, ..Policy::default() };
    let projector =
        Projector::start(Options::new(views, standing), Arc::clone(&log) as _).expect("it starts");
    let begun = Instant::now();
    while *projector.subscribe().borrow() < log.end() {
        assert!(begun.elapsed() < PATIENCE, "it does not catch up: {:?}", projector.status());
        thread::sleep(Duration::from_millis(1));
    }
    projector.stop();
    log.close();
}

#[test]
fn an_accepted_policy_survives_a_crash_at_every_step() {
    let (source, folder) = shop();
    let (views, kept) = (folder.data().join("views"), folder.path().join("kept"));
    let hub = folder.start();
    fill(&hub, &source);
    assert!(hub.terminate().0.success());
    drop(hub);
    copy(&views, &kept.join("before"));
    let hub = folder.start();
    let body = json!({"toml": WIDER, "reason": "households share an address"});
    assert_eq!(job(&mut hub.client(), "/v1/identity/policy/apply", &body)["state"], "done");
    assert!(hub.terminate().0.success());
    drop(hub);
    copy(&views, &kept.join("after"));
    copy(&kept.join("before"), &kept.join("folded"));
    fold_under_default(&folder, &kept.join("folded"));
    let (old, new) = (live(&kept.join("before")), live(&kept.join("after")));
    assert_ne!(old, new, "it was folded again");
    assert_eq!(live(&kept.join("folded")), old, "and here it was not");
    let next = |name: &str| views.join(name);
    // Each step with what a crash there leaves behind.
    let steps: [(&str, &str, &dyn Fn()); 6] = [
        ("appended", "before", &|| {}),
        ("folded, not begun", "folded", &|| {}),
        ("begun", "folded", &|| fs::create_dir(next(&new)).expect("a folder")),
        ("half built", "folded", &|| {
            copy(&kept.join("after").join(&new), &next(&new));
            for entry in fs::read_dir(next(&new)).expect("a folder").map(|e| e.expect("an entry")) {
                if entry.file_type().expect("a type").is_file() {
                    fs::remove_file(entry.path()).expect("removed");
                }
            }
        }),
        ("built, not swapped", "folded", &|| copy(&kept.join("after").join(&new), &next(&new))),
        ("swapped, not cleared away", "after", &|| copy(&kept.join("folded").join(&old), &next(&old))),
    ];
    for (what, state, leave) in steps {
        fs::remove_dir_all(&views).expect("removed");
        copy(&kept.join(state), &views);
        leave();
        let hub = folder.start();
        let left = || {
            let generations =
                fs::read_dir(&views).expect("a folder").map(|e| e.expect("an entry").file_name());
            generations.filter(|name| name.to_string_lossy().starts_with("gen-")).count()
        };
        let begun = Instant::now();
        while folder.is_over_broker() && left() != 1 {
            assert!(begun.elapsed() < PATIENCE, "{what}: what was not finished stays");
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(left(), 1, "{what}: what was not finished is gone");
        judge(&folder, &hub, true, what);
        assert!(hub.terminate().0.success());
    }
}

/// The same at any time, with the real signal.
#[test]
fn an_accepted_policy_survives_kills_while_it_is_put_in_force() {
    let (source, folder) = shop();
    let hub = folder.start();
    fill(&hub, &source);
    drop(hub);
    for seed in 0..ROUNDS {
        let wide = seed % 2 == 0;
        let hub = folder.start();
        let body = json!({"toml": if wide { WIDER } else { NARROW }, "reason": "another try"});
        hub.client().post("/v1/identity/policy/apply", &body).must(202);
        let life = Rng::new(seed).below(LIFE_MILLIS) as u64;
        thread::sleep(Duration::from_millis(life));
        hub.kill_now();
        drop(hub);
        let hub = folder.start();
        judge(&folder, &hub, wide, &format!("killed after {life} ms (seed {seed})"));
    }
}
