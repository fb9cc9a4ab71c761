//! What a sample payload probably says, from the names and forms of its values. A guess, to be read by whoever connects the
//! channel: nothing here is used before somebody saw it, and every part can be left out again.

use super::place::{Place, Step, words};
use serde_json::Value;
use tributary_core::time::Micros;

/// Values that are looked at; a sample has dozens.
const LEAVES_MAX: usize = 2_000;
/// Deeper than any source nests.
const DEPTH_MAX: usize = 24;

/// Values that name a fact without a name; the expressions' `digest` takes no more.
const SAID_MAX: usize = 8;

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// RFC 3339 with an offset.
    Instant,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// A local date and time.
    Local,
}

/// An identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Its type: `email`, `phone`, `member`, or `external` for the source's own id of a person.
    pub kind: &'static str,
    /// Where its value stands.
    pub place: Place,
}

/// What a sample probably says. Places are those of one fact: of the payload, or of an element of the list `each`.
#[derive(Clone, Debug, Default)]
pub struct Guess {
    /// The list whose elements are facts of their own.
    pub each: Option<Place>,
    /// The word that says what it is, and the one of the sample.
    pub says: Option<(Place, String)>,
    /// The fact's own name at its source.
    pub key: Option<Place>,
    /// What stands before it in the key, such as `ticket`.
    pub about: String,
    /// The first values of it: what names a fact that has no name.
    pub said: Vec<Place>,
    /// When.
    pub time: Option<(Place, TimeForm)>,
    /// Its version.
    pub revision: Option<Place>,
    /// Whom it names.
    pub who: Vec<Who>,
    /// The person's name.
    pub name: Option<Place>,
    /// A message's subject.
    pub subject: Option<Place>,
    /// A message's text.
    pub text: Option<Place>,
    /// What was paid: total and currency.
    pub paid: Option<(Place, Place)>,
}

struct Leaf<'v> {
    place: Place,
    words: Vec<String>,
    value: &'v Value,
}

impl Leaf<'_> {
    fn text(&self) -> String {
        scalar(self.value).unwrap_or_default()
    }

    fn depth(&self) -> usize {
        self.place.0.len()
    }

    fn ends(&self, endings: &[&str]) -> Option<usize> {
        // `order id` ends in `id`; CJK names are one word.
        let last = self.words.last()?;
        endings.iter().position(|word| last == word || (!word.is_ascii() && last.ends_with(word)))
    }
}

/// A text or whole number as text; nothing for the rest.
#[must_use]
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// What the sample says; `name` is the channel's, for keys without a better word.
#[must_use]
pub fn guess(sample: &Value, name: &str) -> Guess {
    let each = list_of_facts(sample);
    let one = match &each {
        Some(place) => sample.pointer(&place.then(Step::Index(0)).pointer()).unwrap_or(sample),
        None => sample,
    };
    let mut leaves = Vec::new();
    collect(one, &Place::default(), &mut leaves);
    let says = says(&leaves);
    let who = who(&leaves);
    let key = key(&leaves, says.as_ref().map(|(_, word)| word.as_str()), &who);
    let about = key.as_ref().map(|key| about(key, name)).unwrap_or_else(|| name.to_owned());
    let text = best(
        &leaves,
        &["text", "message", "body", "description", "content", "comment", "note", "question", "內容", "留言"],
    );
    let subject = best(&leaves, &["subject", "title", "主旨"]).filter(|_| text.is_some());
    let said = leaves.iter().filter(|leaf| scalar(leaf.value).is_some()).take(SAID_MAX);
    Guess {
        said: said.map(|leaf| leaf.place.clone()).collect(),
        time: time(&leaves),
        revision: key.as_ref().and_then(|key| revision(&leaves, key)),
        name: person_name(&leaves, &who),
        paid: paid(&leaves),
        each,
        says,
        key,
        about,
        who,
        subject,
        text,
    }
}

fn collect<'v>(value: &'v Value, at: &Place, out: &mut Vec<Leaf<'v>>) {
    if out.len() >= LEAVES_MAX || at.0.len() >= DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| collect(value, &at.then(Step::Field(name.clone())), out));
        }
        // Elements of a list are alike, and which of them is meant nobody can guess.
        Value::Array(list) => {
            list.first().into_iter().for_each(|value| collect(value, &at.then(Step::Index(0)), out));
        }
        _ => out.push(Leaf { words: words(at.name()), place: at.clone(), value }),
    }
}

/// A list of objects that is all there is, or all that says something beside an envelope.
fn list_of_facts(sample: &Value) -> Option<Place> {
    let is_list =
        |value: &Value| value.as_array().and_then(|list| list.first()).is_some_and(Value::is_object);
    if is_list(sample) {
        return Some(Place::default());
    }
    let mut leaves = Vec::new();
    collect(sample, &Place::default(), &mut leaves);
    let map = sample.as_object()?;
    let lists: Vec<&String> = map.iter().filter(|(_, value)| is_list(value)).map(|(name, _)| name).collect();
    let [name] = lists[..] else { return None };
    let outside = leaves.iter().filter(|leaf| leaf.place.0.first() != Some(&Step::Field(name.clone())));
    // An envelope has a few words of its own and nobody in it.
    let envelope =
        outside.clone().count() <= 3 && who(&outside.map(Leaf::clone).collect::<Vec<_>>()).is_empty();
    let inside = sample.get(name)?.get(0)?.as_object()?;
    let named = inside
        .keys()
        .any(|key| words(key).last().is_some_and(|w| ["id", "number", "no", "uuid"].contains(&w.as_str())));
    (envelope && named).then(|| Place(vec![Step::Field(name.clone())]))
}

impl Clone for Leaf<'_> {
    fn clone(&self) -> Self {
        Self { place: self.place.clone(), words: self.words.clone(), value: self.value }
    }
}

/// The leaf of the first ending that has one, the shallowest of them.
fn best(leaves: &[Leaf<'_>], endings: &[&str]) -> Option<Place> {
    let fit = leaves.iter().filter(|leaf| leaf.value.as_str().is_some_and(|text| !text.trim().is_empty()));
    let ranked = fit.filter_map(|leaf| Some(((leaf.ends(endings)?, leaf.depth()), leaf)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, leaf)| leaf.place.clone())
}

/// The word that says what a payload is.
fn says(leaves: &[Leaf<'_>]) -> Option<(Place, String)> {
    const ENDINGS: [&str; 5] = ["event", "type", "topic", "action", "kind"];
    let word = |leaf: &Leaf<'_>| {
        let text = leaf.value.as_str()?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:/-".contains(&b);
        let is_word = (1..=64).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with("http");
        let rank = (leaf.depth(), leaf.ends(&ENDINGS)?);
        (is_word && leaf.depth() <= 2).then(|| (rank, leaf.place.clone(), text.to_owned()))
    };
    leaves.iter().filter_map(word).min_by_key(|(rank, _, _)| *rank).map(|(_, place, text)| (place, text))
}

/// Words of places that hold our own side, not the customer.
const OURS: [&str; 16] = [
    "agent",
    "assignee",
    "staff",
    "to",
    "recipient",
    "recipients",
    "store",
    "shop",
    "merchant",
    "seller",
    "cc",
    "bcc",
    "operator",
    "company",
    "owner",
    "cashier",
];
/// Words of places that hold a person.
const PEOPLE: [&str; 16] = [
    "customer",
    "user",
    "contact",
    "client",
    "guest",
    "visitor",
    "requester",
    "sender",
    "from",
    "buyer",
    "subscriber",
    "person",
    "author",
    "member",
    "lead",
    "patient",
];

fn is_ours(place: &Place) -> bool {
    place.all_words().any(|word| OURS.contains(&word.as_str()))
}

fn is_person(name: &str) -> bool {
    words(name).iter().any(|word| PEOPLE.contains(&word.as_str()))
}

fn who(leaves: &[Leaf<'_>]) -> Vec<Who> {
    let mut out: Vec<Who> = Vec::new();
    for leaf in leaves.iter().filter(|leaf| !is_ours(&leaf.place)) {
        let Some(kind) = who_kind(leaf) else { continue };
        // The first of a type: a second address may be somebody else's.
        if !out.iter().any(|known| known.kind == kind) {
            out.push(Who { kind, place: leaf.place.clone() });
        }
    }
    out
}

fn who_kind(leaf: &Leaf<'_>) -> Option<&'static str> {
    let text = scalar(leaf.value)?;
    let has = |any: &[&str]| {
        leaf.words.iter().any(|w| any.iter().any(|a| w == a || (!a.is_ascii() && w.contains(a))))
    };
    let number = leaf.ends(&["id", "no", "number", "code", "card", "編號", "卡號"]).is_some();
    if is_email(&text) {
        return Some("email");
    }
    if has(&["phone", "tel", "telephone", "mobile", "cell", "msisdn", "電話", "手機"]) && is_phone(&text)
    {
        return Some("phone");
    }
    if has(&["member", "membership", "loyalty", "會員"]) && (number || leaf.words.len() == 1) {
        return Some("member");
    }
    let of_person = leaf.words.len() > 1 && is_person(leaf.place.name());
    let in_person = leaf.words.len() == 1 && is_person(leaf.place.holder());
    (number && (of_person || in_person)).then_some("external")
}

fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.trim().split_once('@') else { return false };
    let plain = |part: &str| !part.is_empty() && !part.contains(['@', ' ', '<', '>', ',']);
    plain(name) && plain(domain) && domain.contains('.') && !domain.ends_with('.')
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (7..=15).contains(&digits) && text.chars().all(|c| c.is_ascii_digit() || "+-() .".contains(c))
}

fn key(leaves: &[Leaf<'_>], says: Option<&str>, who: &[Who]) -> Option<Place> {
    // `ticket.created` is about the object `ticket`.
    let subject = says.and_then(|word| word.split(['.', '_', '/', ':', '-']).next()).unwrap_or_default();
    let candidate = |leaf: &Leaf<'_>| {
        let ending = leaf.ends(&["id", "uuid", "number", "no", "reference", "token", "編號", "單號"])?;
        let text = scalar(leaf.value)?;
        let taken = who.iter().any(|one| one.place == leaf.place) || is_email(&text);
        let person = is_person(leaf.place.name()) || is_person(leaf.place.holder());
        if taken || person || is_ours(&leaf.place) || text.len() > 128 {
            return None;
        }
        let about = |name: &str| !subject.is_empty() && words(name).iter().any(|word| word == subject);
        let rank = match leaf.depth() {
            _ if about(leaf.place.holder()) || about(leaf.place.name()) => 0,
            // What an envelope names is the delivery.
            1 if leaf
                .words
                .iter()
                .any(|word| ["event", "delivery", "webhook", "request"].contains(&word.as_str())) =>
            {
                3
            }
            1 => 2,
            2 => 1,
            _ => 4,
        };
        Some(((rank, leaf.depth(), ending), leaf.place.clone()))
    };
    leaves.iter().filter_map(candidate).min_by_key(|(rank, _)| *rank).map(|(_, place)| place)
}

/// What the key is the name of: `ticket` of `ticket.id`, `order` of `order_id`.
fn about(key: &Place, name: &str) -> String {
    let own = words(key.name());
    let holder = words(key.holder());
    let word = match (own.len(), holder.last()) {
        (2.., _) => own.first().cloned(),
        (_, Some(holder)) => Some(holder.clone()),
        _ => None,
    };
    word.filter(|word| word.is_ascii()).unwrap_or_else(|| name.to_owned())
}

fn time(leaves: &[Leaf<'_>]) -> Option<(Place, TimeForm)> {
    const ENDINGS: [&str; 9] =
        ["at", "time", "timestamp", "date", "created", "ts", "datetime", "時間", "日期"];
    const BEST: [&str; 8] =
        ["created", "occurred", "sent", "submitted", "paid", "placed", "event", "happened"];
    let candidate = |leaf: &Leaf<'_>| {
        let ending = leaf.ends(&ENDINGS)?;
        let form = time_form(leaf.value)?;
        let first = !leaf.words.iter().any(|word| BEST.contains(&word.as_str()));
        let later = leaf
            .words
            .iter()
            .any(|word| ["updated", "modified", "expires", "due", "birth"].contains(&word.as_str()));
        Some(((later, first, leaf.depth(), ending), leaf.place.clone(), form))
    };
    leaves.iter().filter_map(candidate).min_by_key(|(rank, _, _)| *rank).map(|(_, place, form)| (place, form))
}

fn time_form(value: &Value) -> Option<TimeForm> {
    match value {
        Value::Number(number) => match number.as_i64()? {
            1_000_000_000..=9_999_999_999 => Some(TimeForm::Seconds),
            1_000_000_000_000..=9_999_999_999_999 => Some(TimeForm::Millis),
            _ => None,
        },
        Value::String(text) if Micros::parse(text).is_some() => Some(TimeForm::Instant),
        Value::String(text) => {
            text.replace(' ', "T").parse::<jiff::civil::DateTime>().ok().map(|_| TimeForm::Local)
        }
        _ => None,
    }
}

/// A version beside the key: when it was changed, or a number.
fn revision(leaves: &[Leaf<'_>], key: &Place) -> Option<Place> {
    let beside = leaves.iter().filter(|leaf| leaf.place.parent() == key.parent());
    let fits = |leaf: &&Leaf<'_>| {
        let updated = leaf.words.iter().any(|word| ["updated", "modified"].contains(&word.as_str()));
        let version = leaf.ends(&["version", "revision"]).is_some() && leaf.value.is_u64();
        version || (updated && time_form(leaf.value) == Some(TimeForm::Instant))
    };
    beside.clone().find(fits).map(|leaf| leaf.place.clone())
}

/// The name of whom the identifiers are, or of somebody who is called a person.
fn person_name(leaves: &[Leaf<'_>], who: &[Who]) -> Option<Place> {
    let candidate = |leaf: &Leaf<'_>| {
        let named = leaf.ends(&["name", "姓名", "fullname"])?;
        let text = leaf.value.as_str()?;
        let part = ["first", "last", "given", "family", "company", "file", "product", "event"];
        let whole = !leaf.words.iter().any(|word| part.contains(&word.as_str()));
        let beside = who.iter().any(|one| one.place.parent() == leaf.place.parent());
        let person = is_person(leaf.place.holder()) || (leaf.words.len() > 1 && is_person(leaf.place.name()));
        (whole && (beside || person) && !is_ours(&leaf.place) && !text.trim().is_empty())
            .then(|| ((!person, named, leaf.depth()), leaf.place.clone()))
    };
    leaves.iter().filter_map(candidate).min_by_key(|(rank, _)| *rank).map(|(_, place)| place)
}

fn paid(leaves: &[Leaf<'_>]) -> Option<(Place, Place)> {
    let currency = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
    let currency =
        leaves.iter().find(|leaf| leaf.ends(&["currency", "幣別"]).is_some() && currency(&leaf.text()))?;
    let amount = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let candidate = |leaf: &Leaf<'_>| {
        let word = ["total", "amount", "paid", "總額", "金額"];
        let rank = word.iter().position(|w| leaf.words.iter().any(|own| own == w))?;
        let text = leaf
            .value
            .as_str()
            .map(str::to_owned)
            .or_else(|| leaf.value.is_number().then(|| leaf.value.to_string()));
        text.filter(|text| amount(text)).map(|_| ((leaf.depth(), rank), leaf.place.clone()))
    };
    let total = leaves.iter().filter_map(candidate).min_by_key(|(rank, _)| *rank)?;
    Some((total.1, currency.place.clone()))
}

/// A part of a guess, and how it is left out.
type Part = (&'static str, fn(&mut Guess));

impl Guess {
    /// Parts that can be left out again, in the order in which they are least missed.
    const PARTS: [Part; 8] = [
        ("revision", |guess| guess.revision = None),
        ("time", |guess| guess.time = None),
        ("name", |guess| guess.name = None),
        ("identifiers", |guess| guess.who.clear()),
        ("purchase", |guess| guess.paid = None),
        ("message", |guess| (guess.text, guess.subject) = (None, None)),
        ("key", |guess| guess.key = None),
        ("list", |guess| guess.each = None),
    ];

    /// The guess with as few parts left out as it takes to fit, what came of it, and the names of those parts.
    ///
    /// # Errors
    /// Why nothing fits.
    pub fn settle<T>(
        self,
        fits: impl Fn(&Self) -> Result<T, String>,
    ) -> Result<(Self, T, Vec<&'static str>), String> {
        let problem = match fits(&self) {
            Ok(made) => return Ok((self, made, Vec::new())),
            Err(problem) => problem,
        };
        for (part, leave_out) in Self::PARTS {
            let mut less = self.clone();
            leave_out(&mut less);
            if let Ok(made) = fits(&less) {
                return Ok((less, made, vec![part]));
            }
        }
        let (mut less, mut parts) = (self, Vec::new());
        for (part, leave_out) in Self::PARTS {
            leave_out(&mut less);
            parts.push(part);
            if let Ok(made) = fits(&less) {
                return Ok((less, made, parts));
            }
        }
        Err(problem)
    }
}

/// Why a golden result is not what a good guess gives.
#[must_use]
pub fn misses(golden: &Value) -> Option<String> {
    let list =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let events = list(golden, "events");
    if let Some(rest) = list(golden, "unrecognised").first() {
        return Some(rest.get("detail").and_then(Value::as_str).unwrap_or("it is not understood").to_owned());
    }
    let refused =
        events.iter().flat_map(|event| list(event.get("content").unwrap_or(&Value::Null), "contacts"));
    if refused.into_iter().any(|contact| contact.get("reason").and_then(Value::as_str) == Some("malformed")) {
        return Some("identifiers: a value is not of its type".to_owned());
    }
    events.is_empty().then(|| "it states nothing".to_owned())
}
