//! The head as a store row.

use super::{
    contribution::{decode_cell, decode_money, encode_cell, encode_money},
    head::{ChannelSum, CurrencySum, Entry, Head, ProfileValue, When},
};
use crate::{
    body::Consent,
    codec::{BadRow, Reader, Writer},
    content::{ProfileField, ProfileSource},
    event::Trust,
    ids::{EventId, Position},
    time::Micros,
};

fn put_when(w: &mut Writer, when: When) {
    w.signed(when.0.0);
    w.raw(&when.1.0);
}

fn get_when(r: &mut Reader<'_>) -> Result<When, BadRow> {
    Ok((Micros(r.signed()?), EventId(r.sixteen()?)))
}

impl Entry {
    /// Appends the row form.
    pub fn encode(&self, w: &mut Writer) {
        put_when(w, (self.at, self.event));
        w.number(u64::from(self.position.origin));
        w.number(self.position.sequence);
    }

    /// Reads the row form.
    ///
    /// # Errors
    /// [`BadRow`] if it is none.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, BadRow> {
        let (at, event) = get_when(r)?;
        Ok(Self { at, event, position: Position { origin: r.small()?, sequence: r.number()? } })
    }
}

impl Head {
    /// Appends the row form.
    pub fn encode(&self, w: &mut Writer) {
        w.number(self.events);
        w.number(self.inbound);
        w.number(u64::from(self.first.is_some()));
        w.signed(self.first.unwrap_or_default().0);
        w.number(u64::from(self.last.is_some()));
        if let Some((when, channel)) = &self.last {
            put_when(w, *when);
            w.text(channel);
        }
        w.number(self.channels.len() as u64);
        for (name, sum) in &self.channels {
            w.text(name);
            w.text(&sum.kind);
            w.number(sum.events);
            w.signed(sum.first.0);
            w.signed(sum.last.0);
        }
        w.number(self.currencies.len() as u64);
        for (currency, sum) in &self.currencies {
            w.text(currency);
            w.number(sum.orders);
            w.number(sum.refunds);
            encode_money(w, sum.net);
        }
        w.number(u64::from(self.bought.is_some()));
        let (first, last) = self.bought.unwrap_or_default();
        w.signed(first.0);
        w.signed(last.0);
        w.number(self.profile.len() as u64);
        for (field, value) in &self.profile {
            w.number(*field as u64);
            w.number(u64::from(value.full) | (value.trust as u64) << 1 | (value.source as u64) << 3);
            put_when(w, value.when);
            encode_cell(w, &value.cell);
        }
        self.encode_registers(w);
        for list in [&self.notes, &self.recent] {
            w.number(list.len() as u64);
            list.iter().for_each(|e| e.encode(w));
        }
    }

    fn encode_registers(&self, w: &mut Writer) {
        for map in [&self.traits, &self.orders] {
            w.number(map.len() as u64);
            for (name, (when, value)) in map {
                w.text(name);
                put_when(w, *when);
                w.text(value);
            }
        }
        w.number(self.follows.len() as u64);
        for (name, (when, following)) in &self.follows {
            w.text(name);
            put_when(w, *when);
            w.number(u64::from(*following));
        }
        w.number(self.consents.len() as u64);
        for (when, c) in self.consents.values() {
            put_when(w, *when);
            for text in [&c.brand, &c.purpose, &c.channel, &c.method, &c.text_sha256] {
                w.text(text);
            }
            w.number(u64::from(c.granted));
            w.signed(c.expires_at.map_or(0, |t| t.0));
        }
    }

    /// Reads the row form.
    ///
    /// # Errors
    /// [`BadRow`] if it is none.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, BadRow> {
        let mut head = Self { events: r.number()?, inbound: r.number()?, ..Self::default() };
        let has_first = r.number()? == 1;
        let first = Micros(r.signed()?);
        head.first = has_first.then_some(first);
        if r.number()? == 1 {
            head.last = Some((get_when(r)?, r.text()?));
        }
        for _ in 0..r.count()? {
            let name = r.text()?;
            let (kind, events) = (r.text()?, r.number()?);
            let (first, last) = (Micros(r.signed()?), Micros(r.signed()?));
            head.channels.insert(name, ChannelSum { kind, events, first, last });
        }
        for _ in 0..r.count()? {
            let currency = r.text()?;
            let sum = CurrencySum { orders: r.number()?, refunds: r.number()?, net: decode_money(r)? };
            head.currencies.insert(currency, sum);
        }
        let has_bought = r.number()? == 1;
        let bought = (Micros(r.signed()?), Micros(r.signed()?));
        head.bought = has_bought.then_some(bought);
        for _ in 0..r.count()? {
            let field =
                usize::try_from(r.number()?).ok().and_then(|n| ProfileField::ALL.get(n)).ok_or(BadRow)?;
            let bits = r.number()?;
            let (full, trust) = (bits & 1 == 1, Trust::from_number((bits >> 1 & 3) as u32));
            let source = ProfileSource::from_number(bits >> 3).ok_or(BadRow)?;
            let (when, cell) = (get_when(r)?, decode_cell(r)?);
            head.profile.insert(*field, ProfileValue { full, trust, source, when, cell });
        }
        head.decode_registers(r)?;
        for _ in 0..r.count()? {
            head.notes.push(Entry::decode(r)?);
        }
        for _ in 0..r.count()? {
            head.recent.push(Entry::decode(r)?);
        }
        Ok(head)
    }

    fn decode_registers(&mut self, r: &mut Reader<'_>) -> Result<(), BadRow> {
        for map in [&mut self.traits, &mut self.orders] {
            for _ in 0..r.count()? {
                let name = r.text()?;
                map.insert(name, (get_when(r)?, r.text()?));
            }
        }
        for _ in 0..r.count()? {
            let name = r.text()?;
            self.follows.insert(name, (get_when(r)?, r.number()? == 1));
        }
        for _ in 0..r.count()? {
            let when = get_when(r)?;
            let (brand, purpose, channel) = (r.text()?, r.text()?, r.text()?);
            let (method, text_sha256) = (r.text()?, r.text()?);
            let granted = r.number()? == 1;
            let expires = r.signed()?;
            let expires_at = (expires != 0).then_some(Micros(expires));
            let key = (purpose.clone(), channel.clone());
            let consent = Consent { brand, purpose, channel, granted, method, text_sha256, expires_at };
            self.consents.insert(key, (when, consent));
        }
        Ok(())
    }
}
