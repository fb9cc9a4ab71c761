//! `channel ls --kinds` and `channel describe`: what the registry says of its kinds. Neither needs a hub.

use super::{Exit, Failure, args::Global};
use crate::output::{self, Format, Table};
use serde_json::{Value as Json, json};
use std::io::Write;
use tributary_channels::{
    REGISTRY,
    adapter::{Registration, Transport},
    registration,
    setup::{self, Setting},
};

/// `channel describe`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tributary channel describe line\n  tributary channel describe mapped -o json"
)]
pub struct Args {
    /// Kind, as `channel ls --kinds` lists them
    pub kind: String,
}

/// Runs `channel ls --kinds`.
pub fn list(global: &Global, out: &mut dyn Write) -> Result<Exit, Failure> {
    if global.output != Format::Table {
        let kinds: Vec<Json> = REGISTRY.iter().copied().map(as_json).collect();
        output::json(out, &json!({ "kinds": kinds }), global.output, "kinds")?;
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["kind", "by", "about"]);
    for registration in REGISTRY {
        let by = transport(registration).to_owned();
        // The first part says what it is; `describe` has the whole.
        let about = registration.about.split([';', ':']).next().unwrap_or_default();
        table.row([registration.kind.to_owned(), by, about.to_owned()]);
    }
    write!(out, "{}\nMore of one: tributary channel describe KIND\n", table.render())?;
    Ok(Exit::Ok)
}

/// Runs `channel describe`.
pub fn describe(args: &Args, global: &Global, out: &mut dyn Write) -> Result<Exit, Failure> {
    let registration = registration(&args.kind).ok_or_else(|| {
        let known: Vec<&str> = REGISTRY.iter().map(|r| r.kind).collect();
        Failure::usage(format!("no kind \"{}\"", args.kind))
            .remedy(format!("there are: {}", known.join(", ")))
    })?;
    if global.output == Format::Table {
        out.write_all(text(registration).as_bytes())?;
    } else {
        output::json(out, &as_json(registration), global.output, "")?;
    }
    Ok(Exit::Ok)
}

fn transport(registration: &Registration) -> &'static str {
    match registration.transport {
        Transport::Webhook => "posts",
        Transport::Watch => "files",
    }
}

fn text(registration: &'static Registration) -> String {
    let address = "[hub] public_url with /in/NAME";
    let reached = match registration.transport {
        Transport::Webhook => format!("Its source posts to {address}"),
        Transport::Watch => format!("Files come to `folder`, or are posted to {address}"),
    };
    let samples: Vec<&str> = registration.samples.iter().map(|sample| sample.name).collect();
    let mut own = Table::new(&["setting", "is", "default", "what"]);
    registration.own_settings().for_each(|setting| own.row(row(setting)));
    let mut common = Table::new(&["of every channel", "is", "default", "what"]);
    registration.all_settings().skip(registration.own_settings().count()).for_each(|s| common.row(row(s)));
    let kib = registration.body_max.div_ceil(1024);
    [
        format!("{}: {}.\n{reached}, at most {kib} KiB each.\n", registration.kind, registration.about),
        own.render(),
        common.render(),
        format!("Samples for `channel trigger`: {}\n", samples.join(", ")),
        format!("For the configuration:\n\n{}", setup::block(registration, &example_name(registration))),
    ]
    .join("\n")
}

/// Names of channels have no underscore.
fn example_name(registration: &Registration) -> String {
    registration.kind.replace('_', "-")
}

fn row(setting: &Setting) -> [String; 4] {
    let secret = if setting.secret { ", secret" } else { "" };
    let is = setting.need_in_words().replace('`', "") + secret;
    [setting.name.to_owned(), is, setting.default.replace('`', ""), setting.about.to_owned()]
}

fn as_json(registration: &'static Registration) -> Json {
    let setting = |one: &'static Setting| {
        json!({"name": one.name, "need": one.need_in_words(), "secret": one.secret, "default": one.default,
            "example": one.example, "about": one.about})
    };
    let samples = registration.samples.iter().map(|s| json!({"name": s.name, "about": s.about}));
    json!({
        "kind": registration.kind, "about": registration.about, "by": transport(registration),
        "body_max": registration.body_max,
        "settings": registration.own_settings().map(setting).collect::<Vec<_>>(),
        "common_settings": registration.all_settings().skip(registration.own_settings().count()).map(setting)
            .collect::<Vec<_>>(),
        "samples": samples.collect::<Vec<_>>(),
        "toml": setup::block(registration, &example_name(registration)),
    })
}
