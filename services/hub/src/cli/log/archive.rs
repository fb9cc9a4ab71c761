//! `log archive`: which logs of the data folder it works on, and what it prints.

use super::{Archive, Exit, Failure, Global};
use crate::{
    carry,
    config::{self, Config, Surroundings},
    lock::Lock,
    output::{self, Format, Table, cell},
    readapt::window::Window,
};
use serde_json::{Value as Json, json};
use std::{io::Write, path::PathBuf};
use tributary_core::time::Micros;
use tributary_eventlog::{
    Clock, RealDisk, SystemClock,
    archive::{ArchiveError, Keep, Plan, plan},
};

/// Moves what is old enough, log after log.
pub fn run(args: &Archive, global: &Global, out: &mut dyn Write) -> Result<Exit, Failure> {
    let config = config::load_to_try(&Surroundings::of_process(global.config.clone()))?;
    let keep = keep(args, &config)?;
    let dir = &config.hub.data_dir;
    if !dir.join("hub.json").is_file() {
        return Err(Failure::usage(format!("{} is no data folder: it has no hub.json", dir.display()))
            .remedy("name the hub's configuration with --config, or set [hub] data_dir"));
    }
    let to = place(args, &config)?;
    let _lock = Lock::acquire(dir)
        .map_err(|e| Failure::new(Exit::CheckFailed, format!("{}: {e}", e.code())).remedy(e.remedy()))?;
    carry::refuse_unfinished(dir)?;
    let mut plans = Vec::new();
    for (log, of) in carry::logs_in(dir).map_err(carry::disk)? {
        if of.is_none() || args.all_origins {
            plans.extend(plan(&RealDisk, &log, &to, keep).map_err(failed)?.map(|plan| (of.is_none(), plan)));
        }
    }
    // All are looked at before the first moves: a mistake must not be found in the middle.
    if !args.dry_run {
        let bar = super::bar(global.output);
        bar.set_message("archiving");
        let moves = plans.iter().flat_map(|(_, plan)| &plan.moves);
        bar.set_length(moves.map(|segment| segment.bytes).sum());
        for (_, plan) in &plans {
            let ended = plan.run(&RealDisk, &mut |bytes| bar.inc(bytes));
            if ended.is_err() {
                bar.finish_and_clear();
            }
            ended.map_err(failed)?;
        }
        bar.finish_and_clear();
    }
    let logs: Vec<Json> = plans.iter().map(|(is_own, plan)| told(*is_own, plan)).collect();
    let answer = json!({"dry_run": args.dry_run, "logs": logs});
    if global.output == Format::Table {
        out.write_all(table(&answer).as_bytes())?;
    } else {
        output::json(out, &answer, global.output, "logs")?;
    }
    Ok(Exit::Ok)
}

fn failed(error: ArchiveError) -> Failure {
    Failure::new(Exit::CheckFailed, format!("{}: {error}", error.code())).remedy(error.remedy())
}

fn keep(args: &Archive, config: &Config) -> Result<Keep, Failure> {
    let Some(before) = &args.before else { return Ok(Keep::Newest(args.keep_segments.unwrap_or(1))) };
    let now = Micros(SystemClock.now_micros());
    let window = Window::parse(before, None, now, &config.hub.time_zone);
    let wrong = |_| {
        Failure::usage(format!("--before {before} is no time in the past"))
            .remedy("write a length such as 365d, a day such as 2026-01-01, or a time such as 2026-01-01T10:00:00+08:00")
    };
    Ok(Keep::Since(window.map_err(wrong)?.since.0))
}

/// The archive's whole path. Inside the data folder it would be taken for part of it.
fn place(args: &Archive, config: &Config) -> Result<PathBuf, Failure> {
    let dir = carry::whole(&config.hub.data_dir);
    let to = carry::whole(&args.to).filter(|to| !to.exists() || to.is_dir());
    let to = to.ok_or_else(|| {
        Failure::usage(format!("{} is no folder", args.to.display()))
            .remedy("name a folder, or one that is not there yet")
    })?;
    if dir.is_some_and(|dir| to.starts_with(dir)) {
        return Err(Failure::usage(format!("{} is inside the data folder", args.to.display()))
            .remedy("name a folder outside of it, on the disk where old segments are to be"));
    }
    Ok(to)
}

fn told(is_own: bool, plan: &Plan) -> Json {
    let (first, last) = (plan.moves.first(), plan.moves.last());
    json!({
        "origin": plan.origin.to_string(), "log": if is_own { "own log" } else { "copy" },
        "segments": plan.moves.len(), "bytes": plan.moves.iter().map(|segment| segment.bytes).sum::<u64>(),
        "from": first.map(|segment| segment.first), "upto": last.map(|segment| segment.last),
        "until": last.map(|segment| Micros(segment.newest).to_string()), "archived_before": plan.archived, "stay": plan.stay,
        "folder": plan.folder.display().to_string(),
    })
}

fn table(answer: &Json) -> String {
    let moved = if answer.get("dry_run") == Some(&Json::Bool(true)) { "would move" } else { "moved" };
    let mut table = Table::new(&["origin", "log", moved, "bytes", "up to", "until", "stay", "folder"]);
    for row in answer.get("logs").and_then(Json::as_array).into_iter().flatten() {
        let keys = ["origin", "log", "segments", "bytes", "upto", "until", "stay", "folder"];
        table.row(keys.iter().map(|key| cell(row.get(*key))));
    }
    table.render()
}
