//! What can be compared of a customer, read from its fragments.

use tributary_core::{
    codec::BadRow,
    content::ProfileField,
    fold::{fragment::Fragment, head::Head},
    identity::CustomerRef,
    ids::CustomerId,
    normalise::Region,
    suggest::{Raw, Record},
    token::Token,
    view::Sources,
};

/// Fragments of one customer that are read; one with more identifiers has been told of often enough.
const FRAGMENTS_MAX: usize = 64;
/// Values of one field that are taken: more than are compared, because some say nothing.
const VALUES_TAKEN: usize = 8;

/// Profile values of one field, the one that the view shows first.
type Texts = Vec<String>;

/// A customer's profile, several values of a field where its fragments differ.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Values {
    names: Texts,
    phones: Texts,
    emails: Texts,
    addresses: Texts,
    birth_dates: Texts,
}

/// A customer as the finder takes it.
pub struct Seen {
    /// Its id.
    pub id: CustomerId,
    /// The identifier that its id is the birth of.
    pub token: Token,
    /// What can be compared.
    pub values: Values,
}

/// Reads a customer; `None` if it is no more.
///
/// # Errors
/// [`BadRow`] if a row is damaged.
pub fn seen(sources: Sources<'_>, customer: CustomerRef) -> Result<Option<Seen>, BadRow> {
    let resolver = sources.resolver;
    let Some(id) = resolver.id(customer) else { return Ok(None) };
    let mut members = resolver.members(customer);
    // Whatever came first: the record is a function of the facts.
    members.sort_unstable();
    let is_birth = |token: &&Token| resolver.birth(**token).is_some_and(|b| b.customer() == id);
    let Some(token) = members.iter().find(is_birth).or(members.first()).copied() else { return Ok(None) };
    let mut heads = Vec::new();
    let mut best = Head::default();
    for member in members.into_iter().take(FRAGMENTS_MAX) {
        let profile = Fragment::load(sources.rows, member, false)?.head.profile;
        if !profile.is_empty() {
            best.merge(&Head { profile: profile.clone(), ..Head::default() });
            heads.push(profile);
        }
    }
    let texts = |fields: &[ProfileField]| -> Texts {
        let mut texts = Texts::new();
        let profiles = || std::iter::once(&best.profile).chain(&heads);
        let values = fields.iter().flat_map(|field| profiles().filter_map(move |p| p.get(field)));
        for cell in values.filter_map(|value| value.cell.open().ok()) {
            let text = String::from_utf8_lossy(cell);
            if texts.len() < VALUES_TAKEN && !texts.iter().any(|known| *known == text) {
                texts.push(text.into_owned());
            }
        }
        texts
    };
    let values = Values {
        names: texts(&[ProfileField::Name, ProfileField::DisplayName]),
        phones: texts(&[ProfileField::Telephone]),
        emails: texts(&[ProfileField::Email]),
        addresses: texts(&[ProfileField::Address]),
        birth_dates: texts(&[ProfileField::BirthDate]),
    };
    Ok(Some(Seen { id, token, values }))
}

impl Values {
    /// As core compares it; `region` is that of phones without a country code.
    #[must_use]
    pub fn record(&self, region: Region) -> Record {
        fn all(texts: &Texts) -> Vec<&str> {
            texts.iter().map(String::as_str).collect()
        }
        let raw = Raw {
            names: all(&self.names),
            phones: all(&self.phones),
            emails: all(&self.emails),
            addresses: all(&self.addresses),
            birth_dates: all(&self.birth_dates),
            codes: Vec::new(),
        };
        Record::of(&raw, region)
    }
}
