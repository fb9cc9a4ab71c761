//! Taiwan's electronic invoices, as XML documents of the message implementation guideline (MIG), 3.2 and 4.x: what a shop's
//! system hands to the platform, and so names every sale, with the buyer's carrier where there is one.
//!
//! ```toml
//! [channels.einvoice]
//! kind = "tw_einvoice"
//! folder = "/srv/turnkey/sent"   # or `key` for uploads; one document a file
//! done = "move"
//! purchases = "attach"           # where tills tell the same sales: each counts once, by its invoice number
//! customer_number = "member"     # what the buyer's CustomerNumber is; absent = it is not used
//! store = "7"                    # where all invoices are of one store
//! ```
//!
//! | document | root element | what it is here |
//! |---|---|---|
//! | A0401 C0401 F0401 | Invoice | purchase |
//! | A0501 C0501 F0501 | `CancelInvoice` | the purchase is gone for good |
//! | C0701 F0701 | `VoidInvoice` | the purchase is gone until the number is issued again |
//! | B0401 D0401 G0401 | Allowance | one refund, tax included, of the first invoice that it names |
//! | B0501 D0501 G0501 | `CancelAllowance` | the refund is gone |
//!
//! A number is one invoice's for two months only: the key is seller, period and number. **Versions** are the time of the
//! file (`x-file-time`), else the document's own time, so an invoice that is issued anew after it was voided needs files
//! with their times. The anonymous buyer, `0000000000`, is nobody; a buyer with a company's number is a company, whose
//! number is kept as a field and joins nobody. A mobile barcode is a carrier; a certificate and the carriers of shops are
//! identifiers of their own. Where a family shares a barcode, the policy's limits hold as for any claimed value.
//!
//! Absent on purpose: document types and entities, B2B exchange receipts, donation and lottery.

mod documents;
mod samples;
mod setup;
#[cfg(test)]
mod tests;
mod xml;

use crate::{
    adapter::{Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Transport},
    settings::{Secret, Settings, SettingsError},
    signature,
    table::version::Version,
    when::{Clock, Day},
};
use documents::Documents;
use tributary_core::{event::Trust, seal::Raw};

/// Largest document: 9,999 items.
const BODY_MAX: usize = 8 * 1024 * 1024;

/// Taiwan's electronic invoices.
pub static REGISTRATION: Registration = Registration {
    kind: "tw_einvoice",
    about: "Taiwan e-invoices (MIG XML 3.2 and 4): issued, void, cancelled, allowances; carriers",
    transport: Transport::Watch,
    body_max: BODY_MAX,
    build,
    settings: &[setup::SETTINGS],
    samples: samples::SAMPLES,
};

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let account = settings.text("account")?.unwrap_or_else(|| settings.name.clone());
    let watched = settings.text("folder")?.is_some();
    let keys = if watched && settings.value("key").is_none() {
        Vec::new()
    } else {
        settings.secrets("key", "uploads carry it as `Authorization: Bearer` (or set `folder`)")?
    };
    let zone = settings.text("time_zone")?.unwrap_or_else(|| "Asia/Taipei".to_owned());
    let clock = Clock::new(&zone, &[], Day::default()).ok_or_else(|| {
        SettingsError::new("time_zone", "must be an IANA time zone, such as \"Asia/Taipei\"")
    })?;
    let number_is_member = match settings.text("customer_number")?.as_deref() {
        None => false,
        Some("member") => true,
        Some(_) => return Err(SettingsError::new("customer_number", "must be \"member\", or absent")),
    };
    let store = settings.text("store")?.unwrap_or_default();
    let adapter = Einvoice { keys, documents: Documents { clock, number_is_member, store } };
    Ok(Built { adapter: Box::new(adapter), account, trust_cap: Trust::Claimed })
}

struct Einvoice {
    keys: Vec<Secret>,
    documents: Documents,
}

impl ChannelAdapter for Einvoice {
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        signature::bearer(&self.keys, request)
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        let version = Version::of(request, false)?;
        let mut headers = version.headers.clone();
        headers.push(("content-type".to_owned(), "application/xml".to_owned()));
        let raw = Raw { headers, body: request.body.to_vec() };
        let root = match xml::read(request.body) {
            Ok(root) => root,
            Err(problem) => {
                let detail = format!("the document {problem}");
                return Ok(Decoded::only_unrecognised("malformed_xml", detail, raw));
            }
        };
        match self.documents.read(&root, &version) {
            Ok(mut draft) => {
                draft.flags |= version.flags;
                draft.raw = raw;
                Ok(Decoded { events: vec![draft], ..Decoded::default() })
            }
            Err(kept) => Ok(Decoded::only_unrecognised(kept.reason, kept.detail, raw)),
        }
    }

    fn sign(&self, request: &mut Outbound) {
        signature::sign_bearer(&self.keys, request);
    }
}
