//! What the hub itself knows of a channel.

use super::Checks;
use crate::{hub::Hub, pull::State};
use std::path::Path;
use tributary_channels::{
    settings::{Channel, Watch},
    standing::Finding,
};
use tributary_core::{event::Trust, fold::Count};

/// Requests that wait to go on from which on somebody should look.
const WAITING_MANY: usize = 100;

/// All of them, in the order in which they are told.
pub(super) fn checks(hub: &Hub, channel: &Channel) -> Checks {
    let name = &channel.context.name;
    let counts = hub.projector().read(|look| look.counts()).unwrap_or_default();
    let count = counts.into_iter().find(|(of, _)| of == name).map(|(_, count)| count).unwrap_or_default();
    let mut checks: Vec<(&str, Option<Finding>)> = vec![
        ("configuration", Some(configuration(channel))),
        ("log", Some(log(hub))),
        ("heard", Some(heard(hub, name, count))),
        ("refused", Some(refused(hub, name))),
        ("understood", Some(understood(name, count))),
        ("stores", stores(hub, channel)),
        ("forwarding", forwarding(hub, name)),
    ];
    if let Some(watch) = &channel.watch {
        checks.push(("folder", Some(readable(&watch.folder))));
        checks.push(("done", taken(watch)));
    }
    let found = checks.into_iter().filter_map(|(name, found)| Some((name.to_owned(), found?)));
    let mut found: Checks = found.collect();
    found.extend(hub.pulls.rows(name).iter().map(|row| (row.via.to_owned(), pulled(row.state, row.taken))));
    found
}

/// A hub does not start with settings that are wrong or secrets that cannot be read.
fn configuration(channel: &Channel) -> Finding {
    let context = &channel.context;
    let trust = match context.trust_cap {
        Trust::Verified => "verified",
        Trust::Claimed => "claimed",
        Trust::Observed => "observed",
    };
    Finding::good(format!(
        "kind {}, account {}, identifiers at most {trust}; settings and secrets were read",
        context.kind, context.account
    ))
}

fn log(hub: &Hub) -> Finding {
    if hub.log.is_sealed() {
        return Finding::bad("the log takes no records", "see the hub's log: the disk may be full or broken");
    }
    Finding::good("takes records")
}

fn heard(hub: &Hub, name: &str, count: Count) -> Finding {
    if count.last_at.0 == 0 {
        return Finding::doubtful(
            "nothing yet",
            format!("let the source send something, or try `tributary channel trigger {name}`"),
        );
    }
    let ago = hub.now().0.saturating_sub(count.last_at.0) / 1_000_000;
    let all = count.folded + count.duplicate + count.superseded + count.parked;
    Finding::good(format!("{all} records, the last {} ago", span(ago)))
}

/// `3 min` and the like.
fn span(secs: i64) -> String {
    match secs.max(0) {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..7_200 => format!("{} min", secs / 60),
        secs @ 7_200..172_800 => format!("{} h", secs / 3_600),
        secs => format!("{} days", secs / 86_400),
    }
}

fn refused(hub: &Hub, name: &str) -> Finding {
    let mut refusals: Vec<(&str, u64)> = hub.refusals(name).into_iter().collect();
    if refusals.is_empty() {
        return Finding::good("no request since the hub started");
    }
    refusals.sort_unstable();
    let told: Vec<String> = refusals.iter().map(|(code, count)| format!("{count} {code}")).collect();
    let remedy = if refusals.iter().any(|(code, _)| *code == "bad_signature") {
        "compare the secret with the source's; strangers who find the address are refused the same way"
    } else {
        "what these codes mean stands in each answer; see also the hub's log"
    };
    Finding::doubtful(format!("since the hub started: {}", told.join(", ")), remedy)
}

fn understood(name: &str, count: Count) -> Finding {
    match count.parked {
        0 => Finding::good("everything that came"),
        parked => Finding::doubtful(
            format!("{parked} records were not understood, or not folded, when they came"),
            format!(
                "see `tributary deadletters ls`; after a correction `tributary readapt {name} --since 30d --dry-run` tells \
                 what becomes of them"
            ),
        ),
    }
}

fn stores(hub: &Hub, channel: &Channel) -> Option<Finding> {
    let expect = channel.expect.as_ref()?;
    let all = hub.silence.all(hub.now());
    let silent = all.iter().filter(|s| s.channel == channel.context.name && s.is_too_long);
    let every = span(i64::try_from(expect.every_secs).unwrap_or(i64::MAX));
    let told: Vec<String> = silent
        .map(|s| {
            let store = if s.store.is_empty() { "the channel" } else { &s.store };
            format!("{store} for {}", span(i64::try_from(s.seconds).unwrap_or(i64::MAX)))
        })
        .collect();
    Some(if told.is_empty() {
        Finding::good(format!("each was heard within {every}"))
    } else {
        Finding::doubtful(
            format!("silent: {}", told.join(", ")),
            format!("look there; expect_every allows {every}"),
        )
    })
}

fn forwarding(hub: &Hub, name: &str) -> Option<Finding> {
    let figures = hub.forwarding.figures(name)?;
    let told = format!(
        "{} delivered, {} waiting, {} given up since the hub started",
        figures.delivered, figures.waiting, figures.failed
    );
    Some(if figures.failed > 0 || figures.waiting > WAITING_MANY {
        Finding::doubtful(
            told,
            "look at the other side; `tributary deadletters ls` tells why each was given up",
        )
    } else {
        Finding::good(told)
    })
}

fn pulled(state: State, taken: u64) -> Finding {
    match state {
        State::Retrying { code, attempts } => Finding::bad(
            format!("{code}, {attempts} times in a row"),
            "check server, user and password, or the folder; the hub's log says more, and the hub goes on trying",
        ),
        State::Connecting => Finding::good("connecting"),
        State::Reading | State::Waiting => Finding::good(format!("{taken} mails since the hub started")),
    }
}

fn readable(folder: &str) -> Finding {
    match std::fs::read_dir(folder) {
        Ok(_) => Finding::good(format!("{folder} can be read")),
        Err(error) => Finding::bad(
            format!("{folder} cannot be read: {error}"),
            "make the folder, and let the hub's user read it",
        ),
    }
}

/// Taken files are moved: that needs both folders.
fn taken(watch: &Watch) -> Option<Finding> {
    let done = watch.done.as_deref()?;
    // It is made when the first file is taken.
    let into = if Path::new(done).exists() { Path::new(done) } else { Path::new(done).parent()? };
    for folder in [Path::new(&watch.folder), into] {
        if let Err(error) = tempfile::tempfile_in(folder) {
            return Some(Finding::bad(
                format!("{} cannot be written: {error}", folder.display()),
                "let the hub's user write there, or leave `done` out",
            ));
        }
    }
    Some(Finding::good(format!("taken files go to {done}")))
}
