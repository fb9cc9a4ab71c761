//! Files of bindings: which LINE account belongs to which member, as an earlier system noted it down, with how that was
//! proven. Where the way is one that proves something, the row is a proof like a login of today; else both are only named
//! together.
//!
//! ```toml
//! [channels.bindings]
//! kind = "bindings_file"
//! trust = "verified"             # the list is the shop's own; without it bindings are only claimed
//! provider = "prov-1"            # as in the `line` channel: the accounts are this provider's
//! folder = "/srv/bindings"       # or `key`, and `tributary channel import bindings FILE`
//! proofs = ["login", "otp"]      # values of `proof` that prove it; default: account_link, line_login, liff, login, otp
//! # layout as for `pos_file`: charset, delimiter, sheet, header, time_zone, date_format
//! [channels.bindings.columns]    # member, line, bound_at, proof, store = the column's name (or number)
//! member = "會員編號"
//! line = "LINE UID"
//! bound_at = "綁定時間"
//! ```
//!
//! Bindings are told one by one: a member with two accounts has two rows, an account that changed hands two with their
//! times. Absent: the end of a binding; where one was undone, unlink it.

mod samples;
mod setup;
#[cfg(test)]
mod tests;

use crate::{
    adapter::{Built, Registration, Transport},
    digest,
    settings::{Settings, SettingsError},
    table::{
        self,
        named::{RowFile, RowReader, Values},
        numbers::{is_scientific, plain_id},
        version::Version,
    },
    when::{self, Clock},
};
use tributary_core::{
    body::Body,
    draft::{Claim, Draft},
    event::Trust,
};

/// Largest file.
const FILE_MAX: usize = 32 * 1024 * 1024;

/// The words of the mapping; a row's values stand in this order.
const NAMES: &[&str] = &["member", "line", "bound_at", "proof", "store"];
const MEMBER: usize = 0;
const LINE: usize = 1;
const BOUND_AT: usize = 2;
const PROOF: usize = 3;
const STORE: usize = 4;

/// Files of bindings.
pub static REGISTRATION: Registration = Registration {
    kind: "bindings_file",
    about: "lists of LINE accounts bound to members, with their proofs",
    transport: Transport::Watch,
    body_max: FILE_MAX,
    build,
    settings: &[table::DOOR, setup::SETTINGS, table::ROWS, table::LAYOUT],
    samples: samples::SAMPLES,
};

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let account = settings.text("account")?.unwrap_or_else(|| settings.name.clone());
    let proofs = settings.texts("proofs")?;
    let usual = || ["account_link", "line_login", "liff", "login", "otp"].map(str::to_owned).to_vec();
    let reader = Bindings {
        clock: when::read(settings)?,
        provider: settings.required("provider", "the LINE provider whose accounts the file names")?,
        proofs: if proofs.is_empty() { usual() } else { proofs.iter().map(|p| p.to_lowercase()).collect() },
    };
    let adapter = RowFile::read(settings, NAMES, &[MEMBER, LINE, BOUND_AT], reader)?;
    Ok(Built { adapter: Box::new(adapter), account, trust_cap: Trust::Claimed })
}

struct Bindings {
    clock: Clock,
    provider: String,
    /// In lower case.
    proofs: Vec<String>,
}

impl RowReader for Bindings {
    fn drafts(&self, row: &Values, version: &Version) -> Result<Vec<Draft>, String> {
        if is_scientific(row.get(MEMBER)) {
            return Err("member is in scientific notation: its last digits are lost".to_owned());
        }
        let (member, line) = (plain_id(row.get(MEMBER)), row.get(LINE));
        for (value, name) in [(member, "member"), (line, "line"), (row.get(BOUND_AT), "bound_at")] {
            if value.is_empty() {
                return Err(format!("{name} is empty"));
            }
        }
        if !is_line_id(line) {
            return Err("line is no user id of LINE: U and 32 hexadecimal digits".to_owned());
        }
        let bound = self.clock.read(row.get(BOUND_AT), "").ok_or("bound_at cannot be read")?;
        let is_proven = self.proofs.contains(&row.get(PROOF).to_lowercase());
        // Neither number nor account may stand in a key.
        let name = digest::hex32_of_parts([member, &self.provider, line]);
        let body = if is_proven {
            Body::Link { with: digest::hex64(name.as_bytes()), ok: true }
        } else {
            Body::Activity { title: "member.bound".to_owned() }
        };
        let mut draft = Draft::new(format!("binding/{name}"), body);
        draft.revision = version.revision;
        draft.occurred_at = Some(bound.at);
        let trust = if is_proven { Trust::Verified } else { Trust::Claimed };
        draft.identifiers =
            vec![Claim::new("member", "", member, trust), Claim::new("line", &self.provider, line, trust)];
        plain_id(row.get(STORE)).clone_into(&mut draft.store);
        Ok(vec![draft])
    }
}

/// Without the account a proof would say nothing.
fn is_line_id(text: &str) -> bool {
    let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.strip_prefix('U').is_some_and(|rest| rest.len() == 32 && rest.bytes().all(hexadecimal))
}
