//! The broker: whether it answers, and whether its settings keep what it is given.

use super::{Checks, clock, monitor};
use crate::{
    config::{
        Config,
        broker::{Broker, Engine},
    },
    node,
};
use std::time::Duration;
use tributary_channels::standing::Finding;
use tributary_eventlog::pipe::{self, Inspection, PipeError};

/// Longest wait for all of it: each answer has its own limit, and a list of servers is tried one after another.
const ANSWERS: Duration = Duration::from_secs(20);

/// All checks, and whether it does not answer or refuses.
pub(super) async fn checks(config: &Config, broker: &Broker) -> (Checks, bool) {
    let engine = broker.engine.name();
    let pipe = match node::pipe(config, &broker.engine) {
        Ok(pipe) => pipe,
        Err(failure) => {
            let found = Finding::bad(failure.message, failure.remedy.unwrap_or_default());
            return (vec![("engine".to_owned(), found)], false);
        }
    };
    let inspected = tokio::time::timeout(ANSWERS, pipe.inspect()).await;
    let inspected = inspected.unwrap_or_else(|_| Err(PipeError::Unreachable("no answer in time".to_owned())));
    let found = match inspected {
        Ok(found) => found,
        Err(error) => {
            let is_cut_off = matches!(error, PipeError::Unreachable(_) | PipeError::Refused(_));
            let found = Finding::bad(format!("{}: {engine}: {error}", error.code()), error.remedy());
            return (vec![("engine".to_owned(), found)], is_cut_off);
        }
    };
    let is_alone = found.findings.iter().any(|finding| finding.setting == "replicas");
    let mut checks = vec![("engine".to_owned(), of_engine(engine, &found))];
    checks.extend(settings(engine, &found));
    let mut told = found.clock;
    match &broker.engine {
        Engine::Nats(written) => {
            let seen = monitor::look(written.monitor.as_deref(), is_alone).await;
            checks.push(("nats sync_interval".to_owned(), seen.sync));
            told = told.or(seen.clock);
        }
        Engine::Kafka(_) => {}
    }
    let clock = match (told, &broker.engine) {
        (Some(told), _) => Some(clock::beside("the broker's clock", &told)),
        (None, Engine::Kafka(_)) => Some(Finding::good("kafka does not tell its clock".to_owned())),
        (None, Engine::Nats(_)) => None,
    };
    checks.extend(clock.map(|found| ("clock".to_owned(), found)));
    (checks, false)
}

fn of_engine(engine: &str, found: &Inspection) -> Finding {
    let version = if found.version.is_empty() { String::new() } else { format!(" {}", found.version) };
    let stream = match found.exists {
        Some(true) => "; what holds the events is there",
        Some(false) => "; nothing holds events there yet: the first start makes it",
        None => "",
    };
    Finding::good(format!("{engine}{version} answers{stream}"))
}

/// What was found, then what is as it should be.
fn settings(engine: &str, found: &Inspection) -> Checks {
    let name = |setting: &str| format!("{engine} {setting}");
    let of_finding = |of: &pipe::Finding| {
        let detail = format!("{} = {}", of.setting, of.found);
        let found = if of.fatal {
            Finding::bad(format!("broker_settings: {detail}"), of.remedy)
        } else {
            Finding::doubtful(detail, of.remedy)
        };
        (name(of.setting), found)
    };
    let mut checks: Checks = found.findings.iter().map(of_finding).collect();
    let fine = found.settings.iter().filter(|(s, _)| found.findings.iter().all(|of| of.setting != *s));
    checks
        .extend(fine.map(|(setting, value)| (name(setting), Finding::good(format!("{setting} = {value}")))));
    if checks.is_empty() {
        checks.push((name("settings"), Finding::good("nothing that could lose events")));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::{Inspection, of_engine, pipe, settings};
    use tributary_channels::standing::Standing::{Bad, Doubtful, Good};

    #[test]
    fn each_setting_stands_in_one_line() {
        let finding = |setting, fatal| pipe::Finding { setting, found: "x".to_owned(), remedy: "do", fatal };
        let found = Inspection {
            findings: vec![finding("max_age", true), finding("replicas", false)],
            settings: vec![("replicas", "1".to_owned()), ("discard", "new".to_owned())],
            ..Inspection::default()
        };
        let told: Vec<_> = settings("nats", &found).into_iter().map(|(n, f)| (n, f.standing)).collect();
        let want = [("nats max_age", Bad), ("nats replicas", Doubtful), ("nats discard", Good)];
        assert_eq!(told, want.map(|(name, standing)| (name.to_owned(), standing)));
        assert_eq!(settings("kafka", &Inspection::default()).len(), 1);
        assert_eq!(of_engine("kafka", &Inspection::default()).detail, "kafka answers");
    }
}
