//! Whether this node is set up so that the promises hold: its folder, disk, clock and limits, and the broker's settings. Every
//! check says what it found and what to do about it.
//!
//! It works beside a running hub: nothing is locked, opened for writing, made or changed, but for a file without a name that
//! goes away by itself. What a running hub alone can tell (lag, channels, silence) is not looked at here.

mod broker;
mod clock;
mod disk;
mod folder;
mod monitor;
pub mod plan;

use crate::config::Config;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use tributary_channels::standing::{Finding, Standing};

/// Checks in their order: name and what was found.
type Checks = Vec<(String, Finding)>;

/// What was found.
#[derive(Debug)]
pub struct Report {
    checks: Checks,
    /// The broker does not answer, or refuses.
    pub is_cut_off: bool,
}

impl Report {
    /// Whether nothing is wrong; warnings may be there.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.checks.iter().all(|(_, found)| found.standing != Standing::Bad)
    }

    /// `{ok, checks: [{check, result, detail, remedy}]}`.
    #[must_use]
    pub fn json(&self) -> Json {
        let row = |(name, found): &(String, Finding)| {
            let result = match found.standing {
                Standing::Good => "ok",
                Standing::Doubtful => "warning",
                Standing::Bad => "problem",
            };
            json!({"check": name, "result": result, "detail": found.detail, "remedy": found.remedy})
        };
        json!({"ok": self.is_ok(), "checks": self.checks.iter().map(row).collect::<Vec<Json>>()})
    }
}

/// Looks at everything. Takes some seconds where the broker does not answer.
pub async fn examine(config: &Config) -> Report {
    let dir = config.hub.data_dir.clone();
    let (hub, accept_future) = (config.hub.clone(), config.log.accept_future);
    let here = tokio::task::block_in_place(|| {
        let mut checks = folder::checks(&dir, &hub.name);
        checks.extend(disk::checks(&dir, hub.max_connections));
        checks.push(("log's newest record".to_owned(), clock::of_log(&dir, accept_future)));
        checks
    });
    let mut report = Report { checks: here, is_cut_off: false };
    match &config.log.broker {
        None => {
            let found = Finding::good("embedded: this node's disk is the log");
            report.checks.push(("engine".to_owned(), found));
        }
        Some(broker) => {
            let (checks, is_cut_off) = broker::checks(config, broker).await;
            report.checks.extend(checks);
            report.is_cut_off = is_cut_off;
        }
    }
    report
}

/// The folder itself, or the nearest one above it that is there already.
fn standing_place(dir: &Path) -> PathBuf {
    let found = dir.ancestors().find(|place| place.is_dir());
    found.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// `1.5 GiB` and the like.
fn size(bytes: f64) -> String {
    let mut value = bytes.max(0.0);
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "bytes" { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// `3.0 min` and the like.
fn span(secs: f64) -> String {
    match secs {
        secs if secs < 0.001 => format!("{:.0} µs", secs * 1e6),
        secs if secs < 1.0 => format!("{:.1} ms", secs * 1e3),
        secs if secs < 120.0 => format!("{secs:.1} s"),
        secs if secs < 7_200.0 => format!("{:.1} min", secs / 60.0),
        secs if secs < 172_800.0 => format!("{:.1} h", secs / 3_600.0),
        secs => format!("{:.1} days", secs / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{size, span, standing_place};
    use std::path::Path;

    #[test]
    fn sizes_and_spans_are_written_for_people() {
        let sizes = [0.0, 1023.0, 1536.0, 3.0 * 1024.0 * 1024.0, 1e12, 5e15];
        let told = ["0 bytes", "1023 bytes", "1.5 KiB", "3.0 MiB", "931.3 GiB", "4547.5 TiB"];
        assert_eq!(sizes.map(size), told);
        let spans = [0.00015, 0.0021, 59.0, 119.99, 600.0, 10_000.0, 1e6];
        let told = ["150 µs", "2.1 ms", "59.0 s", "120.0 s", "10.0 min", "2.8 h", "11.6 days"];
        assert_eq!(spans.map(span), told);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_stands_in_one_that_is() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(standing_place(&folder.path().join("a/b/c")), folder.path());
        assert_eq!(standing_place(folder.path()), folder.path());
        assert_eq!(standing_place(Path::new("no-such-folder/data")), Path::new("."));
    }
}
