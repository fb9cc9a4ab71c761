//! Files of members: one row a member, from a loyalty system or an old customer list. A row states several facts, each with
//! a key of its own under the member's: the profile, tier and points, consents, and when the member joined.
//!
//! ```toml
//! [channels.members]
//! kind = "members_file"
//! trust = "verified"             # the list is the shop's own; without it members are only claimed
//! folder = "/srv/members"        # or `key`, and `tributary channel import members FILE`
//! charset = "big5"               # layout as for `pos_file`: charset, delimiter, sheet, header, time_zone, date_format
//! consent_purpose = "marketing"
//! yes = ["Y", "同意"]            # words of consent; default: 1 y yes true v 是 同意
//! no = ["N"]                     # and of refusal; default: 0 n no false x 否 不同意. Empty is neither
//! [channels.members.columns]     # word = the column's name (or its number without a header)
//! member = "會員編號"
//! name = "姓名"
//! # also: phone, email, birth_date, gender, address, language, tier, points, joined_at, updated_at, store,
//! # consent (by any channel), consent_email, consent_sms, consent_line, consent_post
//! ```
//!
//! **Versions.** `updated_at` where it is mapped; else the time of the file (`x-file-time`), else the time of upload: a
//! list that is sent again corrects the one before (with `supersede = "never"` it adds nothing). What a later list no
//! longer holds stays as it was.
//!
//! Absent on purpose: a birth date that cannot be read is kept as it stands and compared with nobody's; an unknown word of
//! consent refuses the row, because guessing would be worse.

mod member;
mod samples;
mod setup;
#[cfg(test)]
mod tests;

use crate::{
    adapter::{Built, Registration, Transport},
    settings::{Settings, SettingsError},
    table::{self, named::RowFile},
    when,
};
use member::{MEMBER, Members, NAMES};
use tributary_core::event::Trust;

/// Largest file.
const FILE_MAX: usize = 32 * 1024 * 1024;

/// Files of members.
pub static REGISTRATION: Registration = Registration {
    kind: "members_file",
    about: "member lists, CSV or Excel: profile, tier, points, consents, date of joining",
    transport: Transport::Watch,
    body_max: FILE_MAX,
    build,
    settings: &[table::DOOR, setup::SETTINGS, table::ROWS, table::LAYOUT],
    samples: samples::SAMPLES,
};

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let account = settings.text("account")?.unwrap_or_else(|| settings.name.clone());
    let words = |given: Vec<String>, usual: &[&str]| -> Vec<String> {
        let usual = || usual.iter().map(|w| (*w).to_owned()).collect();
        if given.is_empty() { usual() } else { given.into_iter().map(|w| w.to_lowercase()).collect() }
    };
    let reader = Members {
        clock: when::read(settings)?,
        purpose: settings.text("consent_purpose")?.unwrap_or_else(|| "marketing".to_owned()),
        yes: words(settings.texts("yes")?, &["1", "y", "yes", "true", "v", "是", "同意"]),
        no: words(settings.texts("no")?, &["0", "n", "no", "false", "x", "否", "不同意"]),
    };
    let adapter = RowFile::read(settings, NAMES, &[MEMBER], reader)?;
    Ok(Built { adapter: Box::new(adapter), account, trust_cap: Trust::Claimed })
}
