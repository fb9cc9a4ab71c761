//! The commonest news, settled without evaluating anything: identifiers that no fact named before, alone or beside one that
//! a calm customer holds, and repetitions that link nothing. Each rule here is a case in which the partition function could
//! not refuse any link, old or new; whatever is not plainly one of them is evaluated.

use super::{
    resolver::{CustomerRef, Regrouping, Resolver},
    state::{Customer, NONE},
};
use crate::event::Trust;
use smallvec::SmallVec;

/// Larger customers are evaluated: their links could come near the limit of a quarantine.
const MEMBERS_MAX: usize = 6;
/// With a limit under this, even small customers could reach it.
const QUARANTINE_LINKS_MIN: u32 = 100;

/// What happened since identities were settled last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum News {
    #[default]
    Nothing,
    /// The first fact of this set of identifiers, none of them observed and without a birth date, and nothing else.
    Group(u32),
    /// Anything else.
    Other,
}

impl News {
    pub fn add(&mut self, group: u32) {
        *self = if *self == Self::Nothing { Self::Group(group) } else { Self::Other };
    }
}

impl Resolver {
    /// What the news did, where it needs no evaluation.
    pub(crate) fn quick(&mut self, news: News) -> Option<Vec<Regrouping>> {
        let News::Group(group) = news else { return None };
        let ids: SmallVec<[(u32, Trust); 4]> = self.state.ids(group).collect();
        if ids
            .iter()
            .any(|(n, _)| self.state.dropped(&self.policy, *n) || !self.state.partners(*n).is_empty())
        {
            return None;
        }
        if let [(only, trust)] = *ids
            && self.says_nothing_new(group, only, trust)
        {
            return Some(Vec::new());
        }
        if self.policy.quarantine_links < QUARANTINE_LINKS_MIN || self.policy.fanout_cap == 0 {
            return None;
        }
        let is_new = |n: u32| self.state.nodes[n as usize].customer == NONE && self.state.all(n).len() == 1;
        let (new, old): (SmallVec<[_; 4]>, SmallVec<[_; 4]>) =
            ids.iter().copied().partition(|id| is_new(id.0));
        match *old {
            [] => self.start(&new),
            [(holder, Trust::Verified)] if !new.is_empty() => self.attach(group, holder, &new),
            _ => None,
        }
    }

    /// A set of one identifier makes no link; all it could do is name or verify for the first time.
    fn says_nothing_new(&self, group: u32, only: u32, trust: Trust) -> bool {
        let other = |g: &u32| *g != group && self.state.active(*g);
        self.state.nodes[only as usize].customer != NONE
            && match trust {
                Trust::Verified => self.state.verified(only).iter().any(other),
                _ => self.state.firm(only, true).any(|g| other(&g)),
            }
    }

    /// Whether this many more of each type are allowed beside `members`.
    fn fits(&self, members: &[u32], new: &[(u32, Trust)]) -> bool {
        let all = || members.iter().copied().chain(new.iter().map(|(n, _)| *n));
        let class = |n: u32| self.state.kind_of(n).class;
        let within = |n: u32| {
            let of_class = all().filter(|other| class(*other) == class(n)).count();
            of_class <= self.state.kinds[class(n) as usize].max as usize
        };
        all().count() <= self.policy.max_identifiers as usize && new.iter().all(|(n, _)| within(*n))
    }

    /// Whether an identifier of this trust makes its customer an anchored one.
    fn anchors(&self, (node, trust): (u32, Trust)) -> bool {
        let kind = self.state.kind_of(node);
        kind.anchor && (kind.anchor_when_claimed || trust == Trust::Verified)
    }

    /// All identifiers are new: one customer, unless its own types forbid it or several parts of it would be anchored.
    fn start(&mut self, new: &[(u32, Trust)]) -> Option<Vec<Regrouping>> {
        let claimed_anchors = new.iter().filter(|id| id.1 != Trust::Verified && self.anchors(**id)).count();
        let verified_anchor = new.iter().any(|id| id.1 == Trust::Verified && self.anchors(*id));
        let anchored = claimed_anchors + usize::from(verified_anchor);
        if new.len() > MEMBERS_MAX || anchored > 1 || !self.fits(&[], new) {
            return None;
        }
        let members: SmallVec<[u32; 4]> = new.iter().map(|(n, _)| *n).collect();
        let eldest = self.state.eldest(&members)?;
        let birth = self.state.nodes[eldest as usize].birth();
        self.digest = self.digest.wrapping_add(self.hash(&members, birth));
        let customer = Customer { members: members.clone(), eldest, version: 0, contested: false };
        let slot = self.state.new_customer(customer);
        for node in members {
            self.state.nodes[node as usize].customer = slot;
        }
        Some(vec![told(slot, birth.customer(), false, 0)])
    }

    /// New identifiers beside one that was verified before and whose customer has no refused link.
    fn attach(&mut self, group: u32, holder: u32, new: &[(u32, Trust)]) -> Option<Vec<Regrouping>> {
        let slot = self.customer_slot(holder)?;
        let known = self.state.verified(holder).iter().any(|g| *g != group && self.state.active(*g));
        let claims_few = self.state.claimed(holder).len() <= 2;
        let customer = self.state.customers[slot].as_ref()?;
        let calm = !customer.contested && customer.members.len() + new.len() <= MEMBERS_MAX;
        let anchored = self.state.kind_of(holder).anchor;
        let disturbs = |id: &(u32, Trust)| self.anchors(*id) && (id.1 != Trust::Verified || !anchored);
        let birth = self.state.birth_before(customer);
        let later = |n: u32| self.state.nodes[n as usize].birth() > birth;
        let quick = known
            && claims_few
            && calm
            && !new.iter().any(disturbs)
            && new.iter().all(|(n, _)| later(*n))
            && self.fits(&customer.members, new);
        if !quick {
            return None;
        }
        let mut after = customer.clone();
        after.members.extend(new.iter().map(|(n, _)| *n));
        after.members.sort_unstable();
        self.digest = self.digest.wrapping_sub(self.hash(&customer.members, birth));
        self.digest = self.digest.wrapping_add(self.hash(&after.members, birth));
        let regrouping = told(slot as u32, birth.customer(), true, after.version);
        self.state.customers[slot] = Some(after);
        for (node, _) in new {
            self.state.nodes[*node as usize].customer = slot as u32;
        }
        Some(vec![regrouping])
    }
}

fn told(slot: u32, id: crate::ids::CustomerId, existed: bool, version: u64) -> Regrouping {
    let (from, parts) = (Vec::new(), Vec::new());
    Regrouping { customer: Some(CustomerRef(slot)), id, existed, from, parts, version }
}
