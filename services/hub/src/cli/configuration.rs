//! `config check` and `config show`.

use super::{
    Exit, Failure,
    args::{Config, Global},
};
use crate::{
    config::{ConfigErrors, Origin, show},
    output::{self, Format},
};
use serde_json::{Value as Json, json};
use std::io::Write;

/// Runs `config`.
pub fn run(command: &Config, global: &Global, out: &mut dyn Write) -> Result<Exit, Failure> {
    let loaded = super::load(global);
    match (command, loaded) {
        (Config::Check, Ok(config)) => {
            if global.output == Format::Table {
                writeln!(out, "OK: hub \"{}\", {} channels", config.hub.name, config.channels.len())?;
            } else {
                output::json(out, &json!({"ok": true, "errors": []}), global.output, "errors")?;
            }
            Ok(Exit::Ok)
        }
        (Config::Check, Err(errors)) if global.output == Format::Table => {
            writeln!(out, "{errors}\n{} wrong", errors.list.len())?;
            Ok(Exit::CheckFailed)
        }
        (Config::Check, Err(errors)) => {
            output::json(out, &as_json(&errors), global.output, "errors")?;
            Ok(Exit::CheckFailed)
        }
        (Config::Show { origin }, Ok(config)) => {
            if global.output == Format::Table {
                out.write_all(show::text(&config, *origin).as_bytes())?;
            } else {
                output::json(out, &show::rows(&config), global.output, "")?;
            }
            Ok(Exit::Ok)
        }
        (Config::Show { .. }, Err(errors)) => Err(errors.into()),
    }
}

fn as_json(errors: &ConfigErrors) -> Json {
    let list = errors.list.iter().map(|one| {
        let (line, column) = match &one.at {
            Origin::File(span) => Some(errors.source.line_column(span.start)).unzip(),
            _ => (None, None),
        };
        json!({"code": one.code, "key": one.key, "detail": one.problem, "remedy": one.remedy,
            "origin": errors.source.name_origin(&one.at), "line": line, "column": column})
    });
    json!({"ok": false, "errors": list.collect::<Vec<_>>()})
}
