//! `doctor`: what stands against this node's promises, or what a plan needs.

use super::{
    Exit, Failure,
    args::{Doctor, Global},
    standing,
};
use crate::{
    config::Config,
    doctor::{self, plan},
    output::{self, Format},
};
use std::io::Write;

/// Runs it: 0 where nothing is wrong, 1 where something is, 3 where the broker does not answer or refuses.
pub async fn run(
    args: &Doctor,
    config: Config,
    global: &Global,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    if let Some(text) = &args.plan {
        let plan = plan::make(text, &config).await?;
        if global.output == Format::Table {
            out.write_all(plan.table().as_bytes())?;
        } else {
            output::json(out, &plan.json(), global.output, "figures")?;
        }
        return Ok(Exit::Ok);
    }
    let report = doctor::examine(&config).await;
    if global.output == Format::Table {
        out.write_all(standing::table(&report.json()).as_bytes())?;
    } else {
        output::json(out, &report.json(), global.output, "checks")?;
    }
    Ok(if report.is_cut_off {
        Exit::Unreachable
    } else if report.is_ok() {
        Exit::Ok
    } else {
        Exit::CheckFailed
    })
}
