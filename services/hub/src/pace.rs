//! Floods: where a request comes from, and how often. Counts live in memory for one minute of the clock and are bounded; a
//! restart forgets them.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
};
use tributary_channels::adapter::Pace;
use tributary_core::time::Micros;

/// Header in which proxies note whom they forward for, the nearest last.
const FORWARDED: &str = "x-forwarded-for";
/// Addresses that are told apart within a minute; those beyond count as one. A few MB at most.
const ADDRESSES_MAX: usize = 65_536;
/// So many times the rate and a post is refused instead of kept: what is kept takes room for ever.
const REFUSED_FROM: u32 = 10;
const MINUTE_MICROS: i64 = 60_000_000;

/// What becomes of one post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within the pace.
    Taken,
    /// To be kept as spam.
    Spam,
    /// Not to be kept at all.
    Refused,
}

/// Whom posts are counted for: an IPv4 address, or the network of an IPv6 one, which is what a customer of a provider has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// An IPv4 address.
    V4(u32),
    /// The first half of an IPv6 address.
    V6(u64),
    /// All that are not told apart any more.
    Others,
}

impl Sender {
    /// Whom an address belongs to.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

/// Where a request comes from. `headers` have lower-case names. With `proxies` in front, each of which appends whom it
/// forwards for, the client is that many places from the end of `X-Forwarded-For`; what stands before was written by anybody.
/// A request that did not pass all of them counts as its peer's.
#[must_use]
pub fn client(peer: SocketAddr, headers: &[(String, String)], proxies: usize) -> IpAddr {
    let lists = headers.iter().filter(|(name, _)| name == FORWARDED).map(|(_, value)| value.as_str());
    let places: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
    let place = places.len().checked_sub(proxies).filter(|_| proxies > 0).and_then(|at| places.get(at));
    place.and_then(|text| address(text)).unwrap_or(peer.ip())
}

/// An address as proxies write it: bare, with a port, in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.split_once(']')?.0.parse().ok();
    text.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip())).or_else(bare)
}

/// Counts of the running minute.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    minute: i64,
    senders: HashMap<(String, Sender), u32>,
    in_all: HashMap<String, u32>,
}

impl Counts {
    /// Counts one post to a configured channel at `now`.
    pub fn count(&self, channel: &str, pace: Pace, client: IpAddr, now: Micros) -> Verdict {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.0.div_euclid(MINUTE_MICROS);
        if window.minute != minute {
            *window = Window { minute, ..Window::default() };
        }
        if let Some(rate) = pace.per_address {
            let posts = window.of(channel, Sender::of(client));
            if posts > rate.saturating_mul(REFUSED_FROM) {
                return Verdict::Refused;
            }
            if posts > rate {
                return Verdict::Spam;
            }
        }
        // One sender's flood is stopped above and does not use up what is there for everybody.
        let posts = window.in_all.entry(channel.to_owned()).or_default();
        *posts = posts.saturating_add(1);
        if pace.in_all.is_some_and(|most| *posts > most) { Verdict::Refused } else { Verdict::Taken }
    }
}

impl Window {
    fn of(&mut self, channel: &str, sender: Sender) -> u32 {
        let mut key = (channel.to_owned(), sender);
        if self.senders.len() >= ADDRESSES_MAX && !self.senders.contains_key(&key) {
            key.1 = Sender::Others;
        }
        let posts = self.senders.entry(key).or_default();
        *posts = posts.saturating_add(1);
        *posts
    }
}

#[cfg(test)]
mod tests {
    use super::{ADDRESSES_MAX, Counts, Verdict, client};
    use std::net::IpAddr;
    use tributary_channels::adapter::Pace;
    use tributary_core::time::Micros;

    #[test]
    fn the_client_stands_before_the_proxies_that_are_trusted() {
        let peer = "10.0.0.9:4000".parse().unwrap();
        for (forwarded, proxies, want) in [
            (&["203.0.113.7"][..], 0, "10.0.0.9"),
            (&["203.0.113.7"], 1, "203.0.113.7"),
            (&["1.1.1.1, 203.0.113.7"], 1, "203.0.113.7"),
            (&["1.1.1.1", "203.0.113.7 , 10.0.0.8"], 2, "203.0.113.7"),
            (&["203.0.113.7:5555"], 1, "203.0.113.7"),
            (&["[2001:db8::1]:443"], 1, "2001:db8::1"),
            (&["[2001:db8::1]"], 1, "2001:db8::1"),
            (&["203.0.113.7"], 2, "10.0.0.9"),
            (&["unknown"], 1, "10.0.0.9"),
            (&[], 1, "10.0.0.9"),
        ] {
            let headers: Vec<_> =
                forwarded.iter().map(|v| ("x-forwarded-for".to_owned(), (*v).to_owned())).collect();
            assert_eq!(client(peer, &headers, proxies), want.parse::<IpAddr>().unwrap(), "{forwarded:?}");
        }
    }

    #[test]
    fn a_flood_is_spam_then_refused_and_only_its_senders() {
        let counts = Counts::default();
        let pace = Pace { per_address: Some(2), in_all: Some(5) };
        let (one, two): (IpAddr, IpAddr) = ("203.0.113.7".parse().unwrap(), "203.0.113.8".parse().unwrap());
        let at = |second: i64| Micros::from_secs(60_000 + second);
        let verdicts: Vec<_> = (0..30).map(|_| counts.count("a", pace, one, at(0))).collect();
        assert!(verdicts[..2].iter().all(|v| *v == Verdict::Taken));
        assert!(verdicts[2..20].iter().all(|v| *v == Verdict::Spam));
        assert!(verdicts[20..].iter().all(|v| *v == Verdict::Refused));
        assert_eq!(counts.count("a", pace, two, at(59)), Verdict::Taken, "another address");
        assert_eq!(counts.count("b", pace, one, at(59)), Verdict::Taken, "another form");
        assert_eq!(counts.count("a", pace, one, at(60)), Verdict::Taken, "another minute");
    }

    #[test]
    fn all_together_have_a_limit_too_and_networks_count_as_one() {
        let counts = Counts::default();
        let pace = Pace { per_address: Some(2), in_all: Some(3) };
        let mut posts =
            (1..=4_u8).map(|n| counts.count("a", pace, IpAddr::from([203, 0, 113, n]), Micros(0)));
        assert!(posts.by_ref().take(3).all(|v| v == Verdict::Taken));
        assert_eq!(posts.next(), Some(Verdict::Refused));
        let pace = Pace { per_address: Some(1), in_all: None };
        let of = |text: &str| counts.count("b", pace, text.parse().unwrap(), Micros(0));
        assert_eq!((of("2001:db8::1"), of("2001:db8::2")), (Verdict::Taken, Verdict::Spam));
        assert_eq!((of("2001:db8:0:1::1"), of("::ffff:1.2.3.4")), (Verdict::Taken, Verdict::Taken));
        assert_eq!(of("1.2.3.4"), Verdict::Spam, "one address in two notations");
    }

    #[test]
    fn memory_is_bounded() {
        let counts = Counts::default();
        let pace = Pace { per_address: Some(1_000), in_all: None };
        for n in 0..ADDRESSES_MAX as u32 + 2_000 {
            counts.count("a", pace, IpAddr::from(n.to_be_bytes()), Micros(0));
        }
        assert_eq!(counts.0.lock().unwrap().senders.len(), ADDRESSES_MAX + 1);
        assert_eq!(counts.count("a", pace, "250.0.0.1".parse().unwrap(), Micros(0)), Verdict::Spam);
        assert_eq!(counts.count("a", pace, IpAddr::from(7_u32.to_be_bytes()), Micros(0)), Verdict::Taken);
    }
}
