//! Any webhook without code: a channel whose settings say in expressions (CEL) where in a payload its facts stand.
//!
//! ```toml
//! [channels.shop]
//! kind = "mapped"
//! account = "shop-1"                # part of every key; default: the channel's name
//! signature = "hmac-sha256"         # or hmac-sha1, token, basic, none
//! secret = "env:SHOP_SECRET"        # two in a list while rotating
//! header = "x-shop-signature"       # of the signature or token; basic has its own, and `user`
//! encoding = "hex"                  # or base64
//! prefix = "sha256="                # before the signature or token
//! signed = "{timestamp}.{body}"     # default {body}; also {url} (`public_url`) and {name-of-a-header}
//! timestamp_header = "x-shop-time"  # may be the signature's own header, with timestamp_prefix = "t="
//! tolerance = 300                   # seconds that the time stamp may be off
//! secret_encoding = "text"          # or base64
//! format = "json"                   # or form; without it the content type says
//! headers = ["x-shop-topic"]        # headers that expressions may read as header["x-shop-topic"]
//! for_each = "payload.orders"       # a list whose elements are facts of their own: `item`
//! time_formats = ["%d.%m.%Y"]       # of local_time(), as `date_format` of pos_file; default ISO
//!
//! [[channels.shop.events]]
//! when = 'item.state == "paid"'     # without it: always. All events whose `when` holds are stated
//! type = "purchase"                 # a plain word means itself, everything else is an expression
//! key = '"order/" + string(item.id)'
//! revision = 'item.updated_at'
//! time = 'item.paid_at'
//! identifiers = [{ type = "email", value = 'item.customer.?email' }]
//! profile = { name = 'item.customer.?name' }
//! purchase = { currency = "TWD", total = 'item.total', lines = 'item.lines.map(l, {"sku": l.sku, "amount": l.price})' }
//! ```
//!
//! An event is written as the `data` of a CloudEvent (`crate::cloudevents`), which then reads it: the same bodies, fields
//! and limits. Identifiers without a value are left out.
//!
//! **Nothing is lost.** A payload for which no `when` holds, or whose expression fails, is kept as unrecognised with the
//! setting's name. A field that may be missing is written `.?field`; without the question mark it must be there.
//!
//! **Elements stand alone.** With `for_each` expressions see `item`, and `payload` with an empty list in the list's place, so
//! that an element says the same in any batch; its raw request is the payload with that element alone.
//!
//! Absent on purpose: reading query strings, answering challenges, and any state between two payloads.

mod authenticity;
mod expression;
mod fields;
mod options;
mod payload;
mod rules;
mod samples;
mod setup;
mod template;
#[cfg(test)]
mod tests;

use crate::{
    adapter::{
        Built, ChannelAdapter, Decoded, InboundRequest, Outbound, Registration, Rejected, Transport,
        Unrecognised,
    },
    settings::{Settings, SettingsError},
};
use expression::{Budget, HEADER, ITEM, PAYLOAD, Scope, Unreadable, Value, text_of};
use options::Options;
use payload::{Batch, Format};
use rules::Outcome;
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};
use tributary_core::{event::Trust, seal::Raw};

/// Largest payload.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most elements of one batch.
const ITEMS_MAX: usize = 1_000;
/// Most bytes of raw requests that one payload may become: what its elements have in common is kept with each of them.
const RAW_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Row of the registry.
pub static REGISTRATION: Registration = Registration {
    kind: "mapped",
    about: "any JSON or form webhook, without code: expressions in the configuration say where its facts stand",
    transport: Transport::Webhook,
    body_max: BODY_BYTES_MAX,
    build,
    settings: &[setup::SETTINGS],
    samples: samples::SAMPLES,
};

fn build(settings: &mut Settings) -> Result<Built, SettingsError> {
    let options = options::read(settings)?;
    let account = settings.text("account")?.unwrap_or_else(|| settings.name.clone());
    Ok(Built { adapter: Box::new(Mapped(options)), account, trust_cap: Trust::Claimed })
}

struct Mapped(Options);

impl ChannelAdapter for Mapped {
    fn verify(&self, request: &InboundRequest<'_>) -> Result<(), Rejected> {
        self.0.scheme.verify(request)
    }

    fn decode(&self, request: &InboundRequest<'_>) -> Result<Decoded, Rejected> {
        let format = self.0.format.or_else(|| Format::of(request)).ok_or_else(|| {
            Rejected::media_type(
                "post application/json or application/x-www-form-urlencoded, or set `format`",
            )
        })?;
        let mut work = Work {
            options: &self.0,
            request,
            budget: Arc::new(Budget::new()),
            decoded: Decoded::default(),
            stated: HashMap::new(),
            raw_bytes: 0,
        };
        Ok(match work.run(format) {
            Ok(()) => work.decoded,
            Err(Unreadable { reason, detail }) => {
                Decoded::only_unrecognised(reason, detail, work.raw(request.body.to_vec()))
            }
        })
    }

    fn sign(&self, request: &mut Outbound) {
        self.0.scheme.sign(request);
    }
}

/// One request on its way.
struct Work<'r> {
    options: &'r Options,
    request: &'r InboundRequest<'r>,
    budget: Arc<Budget>,
    decoded: Decoded,
    /// What was stated under each key and revision.
    stated: HashMap<(String, u64), String>,
    raw_bytes: usize,
}

impl Work<'_> {
    /// # Errors
    /// Where nothing of the request can be told apart: it is kept whole.
    fn run(&mut self, format: Format) -> Result<(), Unreadable> {
        let mut scope = Scope::new(&self.budget, &self.options.clock);
        scope.bind(HEADER, self.headers());
        let request = self.request;
        match (format, &self.options.for_each) {
            (Format::Form, None) => {
                scope.bind(PAYLOAD, payload::form(request.body, &self.budget)?);
                self.state(&scope, request.body.to_vec())
            }
            (Format::Form, Some(_)) => Err(Unreadable {
                reason: "malformed_event",
                detail: "for_each: a form has no list of elements",
            }),
            (Format::Json, None) => {
                let text = payload::json_text(request.body)?;
                scope.bind(PAYLOAD, payload::value(&text, &self.budget)?);
                self.state(&scope, request.body.to_vec())
            }
            (Format::Json, Some(path)) => {
                let text = payload::json_text(request.body)?;
                let batch = Batch::find(&text, path).ok_or(Unreadable {
                    reason: "malformed_event",
                    detail: "for_each: there is no list at this path",
                })?;
                self.batch(scope, &batch)
            }
        }
    }

    fn batch(&mut self, mut scope: Scope<'static>, batch: &Batch<'_>) -> Result<(), Unreadable> {
        if batch.items.len() > ITEMS_MAX {
            return Err(Unreadable {
                reason: "too_many_events",
                detail: "more than 1000 elements in one payload",
            });
        }
        if batch.items.len().saturating_mul(batch.common_bytes()) > RAW_BYTES_MAX {
            return Err(TOO_LARGE);
        }
        scope.bind(PAYLOAD, payload::value(&batch.common(), &self.budget)?);
        for item in &batch.items {
            let mut inner = scope.inner();
            inner.bind(ITEM, payload::value(item, &self.budget)?);
            self.state(&inner, batch.alone(item).into_bytes())?;
        }
        Ok(())
    }

    /// All that one payload or element states; `body` is the smallest request that holds it.
    fn state(&mut self, scope: &Scope<'_>, body: Vec<u8>) -> Result<(), Unreadable> {
        let (mut applied, mut unfit) = (false, None);
        for rule in &self.options.rules {
            match rule.apply(scope) {
                Outcome::Passed => {}
                Outcome::Unfit(reason, detail) => {
                    unfit.get_or_insert((reason, detail));
                }
                Outcome::Stated(mut draft, stated) => {
                    applied = true;
                    match self.stated.entry((draft.key.clone(), draft.revision)) {
                        Entry::Occupied(other) if *other.get() != stated => {
                            let detail = "two different facts have one key and revision".to_owned();
                            unfit.get_or_insert(("duplicate_key", detail));
                            continue;
                        }
                        Entry::Occupied(_) => {}
                        Entry::Vacant(free) => {
                            free.insert(stated);
                        }
                    }
                    draft.raw = self.raw(body.clone());
                    self.decoded.events.push(*draft);
                    self.grown(body.len())?;
                }
            }
            if self.budget.is_spent() {
                return Err(Unreadable {
                    reason: "too_much_work",
                    detail: "the expressions take too much work",
                });
            }
        }
        if unfit.is_none() && !applied {
            unfit =
                Some(("unknown_event_type", "no event of the settings has a `when` that holds".to_owned()));
        }
        if let Some((reason, detail)) = unfit {
            self.grown(body.len())?;
            let raw = self.raw(body);
            self.decoded.unrecognised.push(Unrecognised { reason, detail, raw });
        }
        Ok(())
    }

    fn grown(&mut self, bytes: usize) -> Result<(), Unreadable> {
        self.raw_bytes = self.raw_bytes.saturating_add(bytes);
        if self.raw_bytes > RAW_BYTES_MAX { Err(TOO_LARGE) } else { Ok(()) }
    }

    /// A request of this body with the headers that decoding needs.
    fn raw(&self, body: Vec<u8>) -> Raw {
        let listed = self.options.headers.iter().map(String::as_str).filter(|name| *name != "content-type");
        let needed = ["content-type"].into_iter().chain(listed);
        let header = |name: &str| Some((name.to_owned(), self.request.header(name)?.to_owned()));
        Raw { headers: needed.filter_map(header).collect(), body }
    }

    fn headers(&self) -> Value {
        let header = |name: &String| {
            let value = self.request.header(name)?;
            Some((name.clone(), Box::new(text_of(value.to_owned())) as Value))
        };
        expression::map_of(self.options.headers.iter().filter_map(header))
    }
}

const TOO_LARGE: Unreadable = Unreadable {
    reason: "batch_too_large",
    detail: "its elements and what they have in common are too large",
};
