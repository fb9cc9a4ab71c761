//! `bench --quick` runs every part and prints what it says it prints. Speed is not asserted: it is the machine's.

use serde_json::Value;
use std::process::Command;
use tributary_tests::hub;

#[test]
fn a_quick_bench_measures_every_part() {
    let folder = std::env::temp_dir().join(format!("tributary-bench-test-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder for the bench");
    let output = Command::new(hub::program())
        .args(["bench", "--quick", "-o", "json", "--dir"])
        .arg(&folder)
        .output()
        .expect("the program can be started");
    // Fails where the bench left something behind.
    std::fs::remove_dir(&folder).expect("the bench removes its folder");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    assert_eq!(report["quick"], true);
    assert!(report["machine"]["cores"].as_u64().is_some_and(|cores| cores > 0));
    let figures = report["figures"].as_array().expect("a list of figures");
    for (part, unit, at_least) in [
        ("probes", "records/s", 3),
        ("probes", "ns/event", 2),
        ("probes", "events/s", 3),
        ("ingest", "events/s", 5),
        ("rebuild", "events/s", 2),
        ("rebuild", "bytes", 3),
        ("freshness", "events/s", 1),
        ("freshness", "ms", 5),
        ("channels", "events/s", 12),
        ("channels", "ns/event", 6),
        ("import", "events/s", 3),
        ("import", "bytes", 2),
        ("suggestions", "events/s", 1),
        ("suggestions", "s", 1),
    ] {
        let found: Vec<_> = figures.iter().filter(|f| f["part"] == part && f["unit"] == unit).collect();
        assert!(found.len() >= at_least, "{part} has {} figures in {unit}", found.len());
        for figure in found {
            assert!(figure["figure"].as_f64().is_some_and(|value| value > 0.0), "{figure}");
        }
    }
    for figure in figures
        .iter()
        .filter(|f| f["unit"] == "events/s" && f["part"] != "probes")
        .filter(|f| !f["what"].as_str().is_some_and(|what| what.contains("SHA-256")))
    {
        assert!(figure["ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{figure}");
    }
}
