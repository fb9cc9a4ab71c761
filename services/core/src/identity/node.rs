//! Identifiers and the sets they were named in, as the resolver remembers them: there are millions of both.

use super::{
    compact::{Few, Packed},
    evidence::Proofs,
    state::{Birth, NONE},
};
use crate::{event::Trust, ids::EventId, token::Token};

/// An identifier.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub token: Token,
    birth_event: EventId,
    birth_at: Packed<i64>,
    pub marks: u32,
    pub customer: u32,
    pub kind: u32,
    /// Groups that name it, in the parts of [`Parts`].
    pub(super) groups: Few,
    /// The parts of those that stand in place.
    here: Parts<u8>,
    birth_ordinal: u8,
    pub blocked: bool,
}

/// Of a list of groups: first come those that verify the identifier, then those with an observed one, then those that
/// claim it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts<T> {
    pub verifying: T,
    pub seeing: T,
}

/// How a group names an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Verified, beside no observed one.
    Verified,
    /// Together with an observed identifier, or as the observed one.
    Seen,
    /// Claimed, beside no observed one.
    Claimed,
}

impl Node {
    pub fn new(token: Token, kind: u32, marks: u32, birth: Birth) -> Self {
        Self {
            token,
            birth_event: birth.event,
            birth_at: Packed(birth.recorded_at),
            marks,
            customer: NONE,
            kind,
            groups: Few::default(),
            here: Parts::default(),
            birth_ordinal: birth.ordinal,
            blocked: false,
        }
    }

    pub fn birth(&self) -> Birth {
        Birth { recorded_at: self.birth_at.0, event: self.birth_event, ordinal: self.birth_ordinal }
    }

    /// [`State::set_birth`](super::state::State::set_birth) is for everybody else.
    pub(super) fn set_birth(&mut self, birth: Birth) {
        (self.birth_at, self.birth_event, self.birth_ordinal) =
            (Packed(birth.recorded_at), birth.event, birth.ordinal);
    }

    /// The parts of the groups in place.
    pub(super) fn parts_here(&self) -> Parts<u32> {
        Parts { verifying: self.here.verifying.into(), seeing: self.here.seeing.into() }
    }

    /// Puts a group into its part of the list; says whether there was room in place.
    pub(super) fn join(&mut self, group: u32, standing: Standing) -> bool {
        if !self.groups.push(group) {
            return false;
        }
        let parts = self.parts_here().settle(self.groups.here_mut(), standing);
        self.here = Parts { verifying: parts.verifying as u8, seeing: parts.seeing as u8 };
        true
    }
}

impl Parts<u32> {
    /// Moves the last group of a list to where it belongs: the first of each later part moves to that part's end.
    pub(super) fn settle(self, groups: &mut [u32], standing: Standing) -> Self {
        let Self { mut verifying, mut seeing } = self;
        let mut at = groups.len() - 1;
        let (seen_from, claimed_from) = (verifying as usize, (verifying + seeing) as usize);
        if standing != Standing::Claimed {
            groups.swap(at, claimed_from);
            at = claimed_from;
        }
        match standing {
            Standing::Claimed => {}
            Standing::Seen => seeing += 1,
            Standing::Verified => {
                groups.swap(at, seen_from);
                verifying += 1;
            }
        }
        Self { verifying, seeing }
    }
}

/// A set of identifiers that facts named together, with all evidence: facts can be revised, so nothing is only counted.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Sorted by node. An observed one, if any, makes the group a login (or a mere sighting).
    pub(super) packed: Few,
    pub proofs: Proofs,
}

/// An identifier and what it is believed, in one number.
pub(super) fn pack((node, trust): (u32, Trust)) -> u32 {
    node << 2 | trust as u32
}

pub(super) fn unpack(packed: u32) -> (u32, Trust) {
    (packed >> 2, Trust::from_number(packed & 3))
}
