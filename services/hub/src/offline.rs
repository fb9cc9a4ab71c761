//! `verify --offline`: reads the whole log, folds it again beside the stored views, and compares, without a running hub.

use crate::{
    cli::{Exit, Failure},
    config::Config,
    serve,
};
use tributary_eventlog::scan;

/// Verifies the data folder. The rebuilt views take the place of the stored ones.
///
/// # Errors
/// [`Failure`] if it cannot be opened or read.
pub async fn verify(config: Config) -> Result<Exit, Failure> {
    let work = tokio::task::spawn_blocking(move || check(config)).await;
    work.map_err(|e| Failure::new(Exit::CheckFailed, format!("verify panicked: {e}")))?
}

fn check(config: Config) -> Result<Exit, Failure> {
    let (hub, lock) = serve::open(config)?;
    let failed = |e: &dyn std::fmt::Display| Failure::new(Exit::CheckFailed, e.to_string());
    let mut records = 0_u64;
    for record in scan(&*hub.order, hub.order.first_number()) {
        record.map_err(|e| failed(&e))?;
        records += 1;
    }
    println!("log        {records} records, every checksum right");
    let stored = hub.projector().read(|look| look.verify()).map_err(|e| failed(&e))?;
    let rows = stored.facts_digest == stored.stored_digest;
    println!(
        "rows       {} facts, digest {}",
        stored.facts,
        if rows { "as kept" } else { "DIFFERENT from the kept one" }
    );
    let report = hub.projector().rebuild().map_err(|e| failed(&e))?;
    let equal = report.old_digest == Some(report.digest);
    println!(
        "rebuild    {:032x} {}",
        report.digest,
        if equal { "= stored views" } else { "DIFFERS from the stored views" }
    );
    hub.log.close();
    hub.projector().stop();
    drop(lock);
    Ok(if rows && equal { Exit::Ok } else { Exit::CheckFailed })
}
