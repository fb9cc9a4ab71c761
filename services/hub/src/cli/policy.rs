//! `identity policy|plan|apply|quality`: the rules of who is who, and how good what they judge is.

use super::{
    Exit, Failure, Session,
    args::{Apply, Plan},
    operate::follow_job,
    outline::outline,
};
use crate::config::{Source, identity::policy_from_text};
use serde_json::json;
use std::path::Path;
use tributary_core::normalise::Region;

/// Longest policy file in bytes.
const FILE_MAX: u64 = 1 << 20;

/// `identity policy`.
pub async fn show(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let answer = session.client.get("/v1/identity/policy").await?;
    session.print(&answer, "", outline)?;
    Ok(Exit::Ok)
}

/// `identity plan`.
pub async fn plan(args: &Plan, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let toml = read(&args.policy)?;
    let started = session.client.post("/v1/identity/policy/plan", &json!({"toml": toml})).await?;
    follow_job(&started, "resolving", session, |_| {}).await
}

/// `identity apply`.
pub async fn apply(args: &Apply, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let body = json!({"toml": read(&args.policy)?, "reason": args.reason});
    let started = session.client.post("/v1/identity/policy/apply", &body).await?;
    follow_job(&started, "folding again", session, |_| {}).await
}

/// `identity quality`.
pub async fn quality(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let started = session.client.post("/v1/identity/quality", &json!({})).await?;
    follow_job(&started, "counting", session, |_| {}).await
}

/// The file's text, checked here so that what is wrong is shown where it stands.
fn read(path: &Path) -> Result<String, Failure> {
    let name = path.display().to_string();
    let unreadable = |problem: String| {
        Failure::usage(format!("cannot read {name}: {problem}"))
            .remedy("name a TOML file with an [identity] section, such as a copy of tributary.toml")
    };
    match std::fs::metadata(path) {
        Err(error) => return Err(unreadable(error.to_string())),
        Ok(found) if found.len() > FILE_MAX => {
            return Err(unreadable(format!("it has {} bytes, at most {FILE_MAX} are read", found.len())));
        }
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    // Which region numbers are of is the hub's to say; it reads the text again.
    policy_from_text(Source { name, text: text.clone() }, Region::default())?;
    Ok(text)
}
