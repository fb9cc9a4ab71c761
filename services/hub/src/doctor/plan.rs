//! `doctor --plan`: what disk, memory and time so many events need. Every figure is a product of what was asked for and what a
//! probe of some seconds measured here, and says which.

use super::{size, span, standing_place};
use crate::{
    bench::sizing::{self, Probe},
    cli::Failure,
    config::{Config, broker::Engine},
    output::Table,
};
use rustix::fs::{Access, access, statvfs};
use serde_json::{Value as Json, json};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};
use tributary_eventlog::DEDUPE_WINDOW;

/// Days of a year.
const YEAR_DAYS: f64 = 365.25;
/// Largest amounts: more is a slip, and far beyond one hub.
const EVENTS_PER_DAY_MAX: f64 = 1e9;
const YEARS_MAX: f64 = 100.0;
const CUSTOMERS_MAX: f64 = 1e10;
/// Bytes of evidence in memory that each event beyond the second of an identifier adds.
const EVIDENCE: f64 = 20.0;
/// Bytes in memory of the two indexes, an event: filters of 12 bits a key, and first keys of blocks.
const INDEXES: f64 = 4.0;
/// Bytes in memory of an id that is remembered against duplicates.
const ID: f64 = 40.0;
/// Bytes in memory of a customer that is compared with others.
const COMPARED: f64 = 1_600.0;
/// How much more disk views take that were committed live, until the next rebuild: the store keeps old versions of rows.
const LIVE: f64 = 4.6;
/// A busy hour beside the average one.
const PEAK: f64 = 10.0;
const KEYS: [&str; 3] = ["events_per_day", "years", "customers"];

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// Events a day, all channels together.
    pub events_per_day: f64,
    /// For how long all of them are kept.
    pub years: f64,
    /// Customers at the end.
    pub customers: f64,
}

impl Wanted {
    /// Events at the end.
    #[must_use]
    pub fn events(&self) -> f64 {
        self.events_per_day * YEAR_DAYS * self.years
    }
}

/// Reads `events_per_day=N,years=N,customers=N`, in any order.
///
/// # Errors
/// A usage failure with the code `bad_plan`.
pub fn parse(text: &str) -> Result<Wanted, Failure> {
    let mut found: [Option<f64>; 3] = [None; 3];
    for part in text.split(',') {
        let (key, value) =
            part.split_once('=').ok_or_else(|| refuse(&format!("\"{part}\" is no NAME=NUMBER")))?;
        let (key, value) = (key.trim(), value.trim());
        let slot = KEYS.iter().position(|name| *name == key).and_then(|at| found.get_mut(at));
        let Some(slot) = slot else {
            return Err(refuse(&format!("\"{key}\" is not known here: {}", KEYS.join(", "))));
        };
        if slot.is_some() {
            return Err(refuse(&format!("{key} stands there twice")));
        }
        let (least, most, whole) = match key {
            "years" => (0.01, YEARS_MAX, false),
            "events_per_day" => (1.0, EVENTS_PER_DAY_MAX, true),
            _ => (1.0, CUSTOMERS_MAX, true),
        };
        let number = value.parse::<f64>().ok().filter(|n| (least..=most).contains(n));
        let number = number.filter(|n| !whole || n.fract() == 0.0);
        *slot = Some(number.ok_or_else(|| {
            let kind = if whole { "a whole number" } else { "a number" };
            refuse(&format!("{key} = \"{value}\" must be {kind} from {least} to {most}"))
        })?);
    }
    let [Some(events_per_day), Some(years), Some(customers)] = found else {
        let missing = KEYS.iter().zip(found).filter(|(_, value)| value.is_none()).map(|(key, _)| *key);
        return Err(refuse(&format!("{} is missing", missing.collect::<Vec<_>>().join(", "))));
    };
    let wanted = Wanted { events_per_day, years, customers };
    if wanted.customers > wanted.events() {
        let detail =
            format!("{customers} customers of {:.0} events: each needs one at least", wanted.events());
        return Err(refuse(&detail));
    }
    Ok(wanted)
}

fn refuse(detail: &str) -> Failure {
    Failure::usage(format!("bad_plan: {}", crate::output::printable(detail)))
        .remedy("such as --plan events_per_day=20000,years=3,customers=500000")
}

/// One figure of a plan.
#[derive(Clone, Debug)]
struct Figure {
    part: &'static str,
    what: &'static str,
    value: f64,
    unit: &'static str,
    how: String,
}

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    wanted: Wanted,
    probe: Probe,
    figures: Vec<Figure>,
    assumptions: Vec<String>,
}

/// Reads what is wanted, measures for some seconds, and calculates.
///
/// # Errors
/// A usage failure for what cannot be meant; [`Failure`] where nothing can be measured.
pub async fn make(text: &str, config: &Config) -> Result<Plan, Failure> {
    let wanted = parse(text)?;
    let place = place(&config.hub.data_dir);
    let probe = tokio::task::block_in_place(|| sizing::probe(&place))?;
    Ok(calculate(wanted, probe, config))
}

/// A folder on the data folder's disk that may be written; the system's one for temporary files where there is none.
fn place(dir: &Path) -> PathBuf {
    // Never inside the data folder: a hub may be using it.
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let beside = standing_place(real.parent().unwrap_or(&real));
    if access(&beside, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return std::env::temp_dir();
    }
    beside.canonicalize().unwrap_or(beside)
}

/// Servers that hold the broker's stream; none without a broker.
fn copies(config: &Config) -> Option<f64> {
    config.log.broker.as_ref().map(|broker| match &broker.engine {
        Engine::Nats(nats) => nats.replicas as f64,
        Engine::Kafka(kafka) => f64::from(kafka.replicas),
    })
}

fn calculate(wanted: Wanted, probe: Probe, config: &Config) -> Plan {
    let mut figures = disk(&wanted, &probe, copies(config));
    figures.extend(memory(&wanted, &probe, config));
    figures.extend(times(&wanted, &probe));
    let assumptions = assumptions(&wanted, &probe);
    Plan { wanted, probe, figures, assumptions }
}

fn disk(wanted: &Wanted, probe: &Probe, copies: Option<f64>) -> Vec<Figure> {
    let (events, customers) = (wanted.events(), wanted.customers);
    let figure = |what, value, how| Figure { part: "disk", what, value, unit: "bytes", how };
    let log = events * probe.log_event;
    let views = customers * probe.views_customer + events * probe.views_event;
    let of_log = format!("{events:.0} events of {:.0} bytes", probe.log_event);
    let what = if copies.is_some() { "log and mirrors, each node" } else { "log" };
    let mut figures = vec![
        figure(what, log, of_log),
        figure(
            "views, after a rebuild",
            views,
            format!(
                "{customers:.0} customers of {:.0} bytes, and {:.0} an event",
                probe.views_customer, probe.views_event
            ),
        ),
        figure(
            "views, committed live",
            views * LIVE,
            format!("up to {LIVE} times that, until the next rebuild"),
        ),
        figure("a rebuild beside them", views, "the next views, before the old ones go".to_owned()),
        figure("all, each node", log + views * (LIVE + 1.0), "log, live views, a rebuild".to_owned()),
    ];
    if let Some(copies) = copies {
        let message = probe.log_event + probe.headers_event;
        let how =
            format!("{copies:.0} x events of {message:.0} bytes, headers included; on the broker's disks");
        figures.push(figure("the broker's stream", copies * events * message, how));
    }
    figures
}

fn memory(wanted: &Wanted, probe: &Probe, config: &Config) -> Vec<Figure> {
    let events = wanted.events();
    let identifiers = wanted.customers * probe.identifiers_customer;
    let figure = |what, value, how| Figure { part: "memory", what, value, unit: "bytes", how };
    let evidence = (events - 2.0 * identifiers).max(0.0) * EVIDENCE;
    let who = identifiers * probe.memory_identifier + evidence;
    let ids = events.min(DEDUPE_WINDOW as f64);
    let compared = match config.suggestions.enabled {
        true => wanted.customers.min(config.suggestions.max_customers as f64),
        false => 0.0,
    };
    let cache = config.store.cache_bytes as f64;
    let fixed = [
        figure(
            "identifiers and customers",
            who,
            format!(
                "{identifiers:.0} identifiers of {:.0} bytes, and {EVIDENCE:.0} for each event beyond two of them",
                probe.memory_identifier
            ),
        ),
        figure("indexes of facts and events", events * INDEXES, format!("{INDEXES} bytes an event")),
        figure("suggestions", compared * COMPARED, format!("{compared:.0} customers of {COMPARED} bytes")),
        figure("cache of the views", cache, "[store] cache_mib".to_owned()),
        figure("ids against duplicates", ids * ID, format!("the newest {ids:.0}, {ID} bytes each")),
        figure("the program", probe.memory_process, "before anything is read".to_owned()),
    ];
    let all: f64 = fixed.iter().map(|figure| figure.value).sum();
    let rebuild = all + who + events * INDEXES;
    let mut figures = Vec::from(fixed);
    figures.push(figure("all", all, "the sum".to_owned()));
    figures.push(figure("all during a rebuild", rebuild, "identifiers and indexes twice".to_owned()));
    figures
}

fn times(wanted: &Wanted, probe: &Probe) -> Vec<Figure> {
    let (events, identifiers) = (wanted.events(), wanted.customers * probe.identifiers_customer);
    let figure = |what, value, how| Figure { part: "time", what, value, unit: "s", how };
    let ids = events.min(DEDUPE_WINDOW as f64);
    let start = probe.start + identifiers * probe.start_identifier + ids * probe.start_id;
    let per_second = wanted.events_per_day / 86_400.0 * PEAK;
    let alone = 1.0 / probe.sync_p50.max(1e-9);
    vec![
        figure("rebuild", events / probe.folded_per_s, format!("{:.0} events/s folded", probe.folded_per_s)),
        figure(
            "restart",
            start,
            format!(
                "identifiers and the newest {ids:.0} ids are read back; views that were committed live add 1 s a GB"
            ),
        ),
        figure(
            "a sync",
            probe.sync_p50,
            format!(
                "{per_second:.1} events/s in a busy hour ({PEAK:.0} times the average); this disk takes {alone:.0} one by one, \
                 {:.0} 64 at a time",
                probe.durable_per_s
            ),
        ),
    ]
}

fn assumptions(wanted: &Wanted, probe: &Probe) -> Vec<String> {
    let mut all = vec![
        format!(
            "measured in {} in {} with {} made-up events: messages, receipts, forms, profiles; measure your own log for others \
             (attachments and large requests are kept whole)",
            probe.folder.display(),
            span(probe.took),
            probe.events
        ),
        format!(
            "{:.1} identifiers a customer; {:.1} events a customer",
            probe.identifiers_customer,
            wanted.events() / wanted.customers
        ),
        "folding keeps its speed; it loses up to a fifth towards a hundred million events".to_owned(),
        "nothing is trimmed from the log, and nobody shares the disk".to_owned(),
    ];
    if cfg!(debug_assertions) {
        all.push("this build is not meant for speed: a release is faster".to_owned());
    }
    all
}

impl Plan {
    /// `{wanted, figures, probe, assumptions}`.
    #[must_use]
    pub fn json(&self) -> Json {
        let row = |f: &Figure| json!({"part": f.part, "what": f.what, "figure": f.value, "unit": f.unit, "how": f.how});
        let (wanted, probe) = (&self.wanted, &self.probe);
        json!({
            "wanted": {
                "events_per_day": wanted.events_per_day, "years": wanted.years, "customers": wanted.customers,
                "events": wanted.events(),
            },
            "figures": self.figures.iter().map(row).collect::<Vec<Json>>(),
            "probe": {
                "folder": probe.folder, "seconds": probe.took, "events": probe.events,
                "log_bytes_event": probe.log_event, "views_bytes_customer": probe.views_customer,
                "views_bytes_event": probe.views_event, "memory_bytes_identifier": probe.memory_identifier,
                "identifiers_customer": probe.identifiers_customer, "folded_per_s": probe.folded_per_s,
                "sync_p50_s": probe.sync_p50,
            },
            "assumptions": self.assumptions,
        })
    }

    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new(&["part", "what", "figure", "from"]);
        for figure in &self.figures {
            let value = if figure.unit == "bytes" { size(figure.value) } else { span(figure.value) };
            table.row([figure.part.to_owned(), figure.what.to_owned(), value, figure.how.clone()]);
        }
        let mut text = table.render();
        text.push_str("\nassumed:\n");
        for assumption in &self.assumptions {
            let _ = writeln!(text, "  {assumption}");
        }
        if let Ok(stat) = statvfs(&self.probe.folder) {
            let free = stat.f_bavail as f64 * stat.f_frsize as f64;
            let _ = writeln!(text, "  the disk measured here has {} free", size(free));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Probe, Wanted, disk, parse, place, times};
    use std::path::PathBuf;

    #[test]
    fn a_plan_is_read_in_any_order() {
        let read = parse("years=0.5, customers=10 ,events_per_day=100").unwrap();
        assert_eq!(read, Wanted { events_per_day: 100.0, years: 0.5, customers: 10.0 });
        assert_eq!(read.events(), 18_262.5);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, says) in [
            ("", "no NAME=NUMBER"),
            ("events_per_day", "no NAME=NUMBER"),
            ("events=1", "not known here"),
            ("years=1,years=2", "twice"),
            ("years=1", "events_per_day, customers is missing"),
            ("events_per_day=0,years=1,customers=1", "from 1 to"),
            ("events_per_day=1.5,years=1,customers=1", "a whole number"),
            ("events_per_day=NaN,years=1,customers=1", "a whole number"),
            ("events_per_day=1,years=inf,customers=1", "from 0.01 to 100"),
            ("events_per_day=1,years=-1,customers=1", "from 0.01 to 100"),
            ("events_per_day=1e99,years=1,customers=1", "from 1 to"),
            ("events_per_day=1,years=1,customers=367", "each needs one"),
            ("events_per_day=1,years=1,customers=1\u{1b}[2J", "must be"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.message.starts_with("bad_plan: "), "{text}: {}", refused.message);
            assert!(refused.message.contains(says), "{text}: {}", refused.message);
            assert!(refused.remedy.is_some() && !refused.message.contains('\u{1b}'));
        }
    }

    fn probe() -> Probe {
        Probe {
            folder: PathBuf::from("/"),
            took: 1.0,
            sync_p50: 0.001,
            durable_per_s: 1_000.0,
            events: 1_000,
            log_event: 500.0,
            headers_event: 300.0,
            views_customer: 1_000.0,
            views_event: 100.0,
            folded_per_s: 10_000.0,
            identifiers_customer: 3.0,
            memory_identifier: 150.0,
            start_identifier: 1e-6,
            start_id: 1e-6,
            start: 0.1,
            memory_process: 1e7,
        }
    }

    #[test]
    fn figures_are_products_of_the_probe() {
        let wanted = Wanted { events_per_day: 1_000.0, years: 4.0, customers: 10_000.0 };
        let events = 1_461_000.0;
        let of =
            |figures: &[super::Figure], what: &str| figures.iter().find(|f| f.what == what).unwrap().value;
        let alone = disk(&wanted, &probe(), None);
        assert_eq!(of(&alone, "log"), events * 500.0);
        assert_eq!(of(&alone, "views, after a rebuild"), 10_000.0 * 1_000.0 + events * 100.0);
        assert_eq!(of(&disk(&wanted, &probe(), Some(3.0)), "the broker's stream"), 3.0 * events * 800.0);
        let times = times(&wanted, &probe());
        assert_eq!(of(&times, "rebuild"), events / 10_000.0);
        assert!((of(&times, "restart") - (0.1 + 0.03 + 1.0)).abs() < 1e-9, "a million ids at most");
    }

    #[test]
    fn nothing_is_measured_inside_the_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (data, real) = (folder.path().join("data"), folder.path().canonicalize().unwrap());
        assert_eq!(place(&data), real);
        std::fs::create_dir(&data).unwrap();
        assert_eq!(place(&data), real);
        assert_eq!(place(std::path::Path::new(".")), std::env::current_dir().unwrap().parent().unwrap());
    }
}
