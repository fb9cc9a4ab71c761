//! Every kind of the registry, every fixture and every sample through the conformance kit; golden results beside the
//! fixtures. `UPDATE_EXPECT=1` writes them anew.

mod support;

use serde_json::Value;
use std::fs;
use support::{Fixture, base_settings, channel, fixtures, fixtures_dir};
use tributary_channels::{
    adapter::Registration,
    kit::{self, Case, Effort, RECEIVED_AT},
    samples,
    settings::Settings,
};

/// Places where a golden result differs that are told.
const DIFFERENCES_MAX: usize = 20;

/// As much as is usual; `TRIBUTARY_MUTATIONS=10000` tries that many mutations of each request, and the largest bodies.
fn effort() -> Effort {
    let usual = Effort::default();
    match support::variable("TRIBUTARY_MUTATIONS").map(|text| text.parse().expect("a number of mutations")) {
        Some(mutations) => Effort { mutations, largest_bytes: usize::MAX, ..usual },
        None => usual,
    }
}

#[test]
fn every_fixture_decodes_to_its_golden_result() {
    let update = support::variable("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for registration in support::registry() {
        for fixture in fixtures(registration.kind) {
            let got = kit::golden(&fixture.channel, &fixture.case);
            if update {
                let text = serde_json::to_string_pretty(&got).expect("JSON") + "\n";
                support::write(&fixture.expected, &text);
                continue;
            }
            let want = fs::read_to_string(&fixture.expected).unwrap_or_default();
            let want: Value = serde_json::from_str(&want).unwrap_or_default();
            if got != want {
                let places = kit::fixture::differences(&want, &got, DIFFERENCES_MAX).join("\n  ");
                wrong.push(format!("{}:\n  {places}", fixture.expected.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "UPDATE_EXPECT=1 accepts these:\n{}", wrong.join("\n"));
}

#[test]
fn every_kind_has_fixtures_and_samples() {
    for registration in support::registry() {
        let kind = registration.kind;
        assert!(fixtures(kind).len() >= 3, "{kind}: at least 3 fixtures in fixtures/{kind}");
        assert!(registration.samples.len() >= 3, "{kind}: at least 3 samples");
        assert!(!registration.about.is_empty() && registration.body_max > 0, "{kind}");
    }
}

#[test]
fn every_fixture_and_sample_conforms() {
    let mut failures = Vec::new();
    for registration in support::registry() {
        let kind = registration.kind;
        let effort = effort();
        for fixture in fixtures(kind) {
            failures.extend(kit::check(&fixture.channel, &fixture.case, effort));
            let settings = Settings::new(kind, fixture.table, "Asia/Taipei", "TW");
            failures.extend(kit::check_secrets(registration, &settings, &fixture.case));
        }
        let cases = sample_cases(registration);
        failures.extend(kit::check_all(&channel(kind, base_settings(kind)), &cases, effort));
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_sample_is_understood() {
    for registration in support::registry() {
        let channel = channel(registration.kind, base_settings(registration.kind));
        for case in sample_cases(registration) {
            let golden = kit::golden(&channel, &case);
            let events = golden["events"].as_array().map_or(0, Vec::len);
            assert!(events > 0, "{}/{}: {golden:#}", registration.kind, case.name);
            assert_eq!(golden.get("unrecognised"), None, "{}/{}: {golden:#}", registration.kind, case.name);
        }
    }
}

#[test]
fn no_golden_result_is_left_over() {
    for registration in support::registry() {
        let known: Vec<_> = fixtures(registration.kind).into_iter().map(|f: Fixture| f.expected).collect();
        for entry in fixtures_dir(registration.kind).read_dir().expect("fixtures folder") {
            let path = entry.expect("entry").path();
            let is_golden = path.to_string_lossy().ends_with(".expected.json");
            assert!(!is_golden || known.contains(&path), "no fixture for {}", path.display());
        }
    }
}

fn sample_cases(registration: &Registration) -> Vec<Case> {
    let of = |sample| {
        let body = samples::fill(sample, 1, RECEIVED_AT, &[]);
        let mut case = Case::new(sample.name, sample.content_type, body);
        case.public_url = Some(support::public_url(registration.kind));
        case
    };
    registration.samples.iter().map(of).collect()
}
