//! The platform's documents as facts.

use super::xml::Element;
use crate::table::{
    numbers::{money, plus},
    version::Version,
};
use crate::when::{Clock, When};
use tributary_core::{
    body::{Body, Line, Purchase, Refund},
    content::{ProfileField, ProfileSource},
    draft::{Claim, Draft},
    event::Trust,
    ids::REMOVAL,
    money::Money,
};

/// Lines of an invoice that are kept, so that its event stays well under the size of a record.
const LINES_MAX: usize = 1_000;
/// Longest description in bytes that is kept as what was sold: there are no product numbers in these documents.
const DESCRIPTION_MAX: usize = 100;

/// Why a document is no event.
pub(super) struct Kept {
    /// Stable code.
    pub(super) reason: &'static str,
    /// Without values.
    pub(super) detail: String,
}

impl Kept {
    fn malformed(path: &str) -> Self {
        Self { reason: "malformed_event", detail: format!("{path} is missing or not what it should be") }
    }
}

/// How documents are read.
pub(super) struct Documents {
    pub(super) clock: Clock,
    /// The buyer's `CustomerNumber` is a member number.
    pub(super) number_is_member: bool,
    /// Where all invoices are from; may be empty.
    pub(super) store: String,
}

impl Documents {
    /// The fact of a document.
    ///
    /// # Errors
    /// [`Kept`] for documents that are none of these, or that lack what names them.
    pub(super) fn read(&self, root: &Element, version: &Version) -> Result<Draft, Kept> {
        match root.name.as_str() {
            "Invoice" => self.invoice(root, version),
            "CancelInvoice" => self.gone(root, version, "Cancel", true),
            "VoidInvoice" => self.gone(root, version, "Void", false),
            "Allowance" => self.allowance(root, version),
            "CancelAllowance" => self.allowance_gone(root),
            _ => Err(Kept {
                reason: "unknown_event_type",
                detail: "the document is none that this adapter reads".to_owned(),
            }),
        }
    }

    fn invoice(&self, root: &Element, version: &Version) -> Result<Draft, Kept> {
        let main = root.find("Main").ok_or_else(|| Kept::malformed("Main"))?;
        let number = number(main.at(&["InvoiceNumber"])).ok_or_else(|| Kept::malformed("InvoiceNumber"))?;
        let seller = main.at(&["Seller", "Identifier"]);
        let issued = self.time(main, "InvoiceDate", "InvoiceTime")?;
        let amount = root.find("Amount").ok_or_else(|| Kept::malformed("Amount"))?;
        let total = required(amount, "TotalAmount")?;
        let relate = main.at(&["RelateNumber"]);
        let mut refs = vec![number.clone()];
        refs.extend((!relate.is_empty() && relate.len() <= DESCRIPTION_MAX).then(|| relate.to_owned()));
        let currency = match amount.at(&["Currency"]) {
            "" => "TWD",
            code if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) => code,
            _ => return Err(Kept::malformed("Amount.Currency")),
        };
        let body = Body::Purchase(Purchase {
            currency: currency.to_owned(),
            total,
            tax: optional(amount, "TaxAmount")?,
            discount: optional(amount, "DiscountAmount")?.filter(|d| d.units != 0),
            points_used: 0,
            lines: lines(root)?,
            refs,
        });
        let mut draft = Draft::new(key(seller, &issued, &number)?, body);
        draft.revision = revision(version, issued);
        draft.occurred_at = Some(issued.at);
        draft.store.clone_from(&self.store);
        carrier(main, &mut draft);
        self.buyer(main, &mut draft);
        Ok(draft)
    }

    /// A cancelled or void invoice. A cancelled number is never issued again, a void one may be.
    fn gone(&self, root: &Element, version: &Version, word: &str, for_good: bool) -> Result<Draft, Kept> {
        let path = format!("{word}InvoiceNumber");
        let number = number(root.at(&[&path])).ok_or_else(|| Kept::malformed(&path))?;
        let issued = self.time(root, "InvoiceDate", "")?;
        let at = self.time(root, &format!("{word}Date"), &format!("{word}Time"))?;
        let key = key(root.at(&["SellerId"]), &issued, &number)?;
        let mut draft = Draft::new(key.clone(), Body::Removed { of: key });
        draft.revision = if for_good { REMOVAL } else { revision(version, at) };
        draft.occurred_at = Some(at.at);
        draft.store.clone_from(&self.store);
        Ok(draft)
    }

    /// An allowance gives money back for one or several invoices of a buyer; amounts in it are without tax, which stands
    /// beside. It is one fact, of the first invoice that it names, because its cancellation names none.
    fn allowance(&self, root: &Element, version: &Version) -> Result<Draft, Kept> {
        let main = root.find("Main").ok_or_else(|| Kept::malformed("Main"))?;
        let seller = main.at(&["Seller", "Identifier"]);
        let given = self.time(main, "AllowanceDate", "")?;
        let (mut of, mut sum) = (String::new(), Money::default());
        let items = root.find("Details").map(|d| &d.inside[..]).unwrap_or_default();
        for item in items.iter().filter(|item| item.name == "ProductItem") {
            let original = number(item.at(&["OriginalInvoiceNumber"]));
            let original = original.ok_or_else(|| Kept::malformed("OriginalInvoiceNumber"))?;
            let issued = self.time(item, "OriginalInvoiceDate", "")?;
            let invoice = key(seller, &issued, &original)?;
            if of.is_empty() {
                of = invoice;
            }
            let with_tax = plus(required(item, "Amount")?, optional(item, "Tax")?.unwrap_or_default());
            sum = with_tax.and_then(|all| plus(sum, all)).ok_or_else(|| Kept::malformed("Amount"))?;
        }
        if of.is_empty() {
            return Err(Kept::malformed("Details"));
        }
        let body = Body::Refund(Refund { of, currency: "TWD".to_owned(), total: sum });
        let mut draft = Draft::new(allowance_key(seller, main.at(&["AllowanceNumber"]))?, body);
        draft.revision = revision(version, given);
        draft.occurred_at = Some(given.at);
        draft.store.clone_from(&self.store);
        self.buyer(main, &mut draft);
        Ok(draft)
    }

    fn allowance_gone(&self, root: &Element) -> Result<Draft, Kept> {
        let at = self.time(root, "CancelDate", "CancelTime")?;
        let key = allowance_key(root.at(&["SellerId"]), root.at(&["CancelAllowanceNumber"]))?;
        let mut draft = Draft::new(key.clone(), Body::Removed { of: key });
        draft.revision = REMOVAL;
        draft.occurred_at = Some(at.at);
        draft.store.clone_from(&self.store);
        Ok(draft)
    }

    /// Who bought: nobody, a company, or a person.
    fn buyer(&self, main: &Element, draft: &mut Draft) {
        let Some(buyer) = main.find("Buyer") else { return };
        let identifier = buyer.at(&["Identifier"]);
        if identifier.len() == 8 && identifier.bytes().all(|b| b.is_ascii_digit()) {
            draft.content.fields.insert("buyer_identifier".to_owned(), identifier.into());
            draft.content.fields.insert("buyer_name".to_owned(), buyer.at(&["Name"]).into());
            return;
        }
        let mut claim = |kind: &str, value: &str| {
            if !value.is_empty() && !value.bytes().all(|b| b == b'0') {
                draft.identifiers.push(Claim::new(kind, "", value, Trust::Claimed));
            }
        };
        if self.number_is_member {
            claim("member", buyer.at(&["CustomerNumber"]));
        }
        claim("email", buyer.at(&["EmailAddress"]));
        claim("phone", buyer.at(&["TelephoneNumber"]));
        let name = buyer.at(&["Name"]);
        // The platform asks for a name, and shops give it zeros or four random letters and figures.
        let is_word = name.chars().filter(|c| c.is_alphabetic()).count() > 1;
        if is_word && (!name.is_ascii() || name.contains(' ')) {
            draft.content.profile.insert(ProfileField::Name, name.to_owned());
        }
        draft.profile_source = ProfileSource::Till;
    }

    /// A day and a time of day; without a name of the latter the day's beginning.
    fn time(&self, element: &Element, date: &str, time: &str) -> Result<When, Kept> {
        let time = if time.is_empty() { "" } else { element.at(&[time]) };
        self.clock.read(element.at(&[date]), time).ok_or_else(|| Kept::malformed(date))
    }
}

/// A number as the platform gives them: two letters, eight digits.
fn number(text: &str) -> Option<String> {
    let (letters, digits) = text.split_at_checked(2)?;
    let fits = letters.bytes().all(|b| b.is_ascii_uppercase())
        && digits.len() == 8
        && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.to_owned())
}

fn seller_of(text: &str) -> Result<&str, Kept> {
    let fits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    if fits { Ok(text) } else { Err(Kept::malformed("the seller's identifier")) }
}

/// Seller, first month of the two-month period, number.
fn key(seller: &str, issued: &When, number: &str) -> Result<String, Kept> {
    let month = (issued.date.month() - 1) / 2 * 2 + 1;
    Ok(format!("{}/{:04}{month:02}/{number}", seller_of(seller)?, issued.date.year()))
}

fn allowance_key(seller: &str, number: &str) -> Result<String, Kept> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let fits = !number.is_empty() && number.len() <= 64 && number.bytes().all(plain);
    if !fits {
        return Err(Kept::malformed("AllowanceNumber"));
    }
    Ok(format!("{}/allowance/{number}", seller_of(seller)?))
}

fn revision(version: &Version, own: When) -> u64 {
    if version.revision > 0 {
        return version.revision;
    }
    u64::try_from(own.at.0 / 1_000_000).unwrap_or_default()
}

fn optional(element: &Element, name: &str) -> Result<Option<Money>, Kept> {
    match element.at(&[name]) {
        "" => Ok(None),
        text => money(text).map(Some).ok_or_else(|| Kept::malformed(name)),
    }
}

fn required(element: &Element, name: &str) -> Result<Money, Kept> {
    optional(element, name)?.ok_or_else(|| Kept::malformed(name))
}

fn lines(root: &Element) -> Result<Vec<Line>, Kept> {
    let items = root.find("Details").map(|d| &d.inside[..]).unwrap_or_default();
    let line = |item: &Element| {
        let description = item.at(&["Description"]);
        let sku = if description.len() > DESCRIPTION_MAX { "" } else { description };
        let quantity = required(item, "Quantity")?.to_string();
        Ok(Line { sku: sku.to_owned(), quantity, amount: required(item, "Amount")? })
    };
    items.iter().filter(|item| item.name == "ProductItem").take(LINES_MAX).map(line).collect()
}

/// The carrier that the invoice went to. Tills write the barcode in the first place, the second, or both.
fn carrier(main: &Element, draft: &mut Draft) {
    let kind = main.at(&["CarrierType"]);
    let ids = [main.at(&["CarrierId1"]), main.at(&["CarrierId2"])];
    let id = ids.into_iter().find(|id| !id.is_empty()).unwrap_or_default();
    if id.is_empty() {
        return;
    }
    let claim = match kind {
        "" | "3J0002" => {
            let barcode = ids.into_iter().find(|id| id.starts_with('/')).unwrap_or(id);
            Claim::new("carrier", "", barcode, Trust::Claimed)
        }
        "CQ0001" => Claim::new("certificate", "", id.to_uppercase(), Trust::Claimed),
        // A shop's own carrier names its member, within that shop.
        other => Claim::new("external", &format!("carrier:{other}"), id, Trust::Claimed),
    };
    draft.identifiers.push(claim);
}
