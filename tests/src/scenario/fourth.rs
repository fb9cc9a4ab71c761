//! Scenarios of what passes from one person to another, of birth dates, and of components that run away.

use super::{
    Channel::{Line, Ops, Pos, Web},
    Scenario, Script,
    builder::{act, activity, at, c, form, message, o, purchase, v, visit},
    customer,
};
use tributary_core::{body::IdentityAct, identity::policy::Policy};

const M1: (&str, &str) = ("member", "M1");
const M2: (&str, &str) = ("member", "M2");
const PHONE: (&str, &str) = ("phone", "0933000111");
const OTHER: (&str, &str) = ("phone", "0955000222");
const MAIL: (&str, &str) = ("email", "b@x.tw");

/// T14 to T20.
pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = vec![moved_line_account(), phone_back_and_forth(), apart_never_owns()];
    all.extend([
        shared_mail_by_birth_dates(),
        one_birth_date_in_two_orders(),
        quarantined(),
        erased_cookie(),
    ]);
    all
}

fn moved_line_account() -> Scenario {
    let (old, new) = (("line/prov-1", "U1"), ("line/prov-1", "U2"));
    let link = |line: (&str, &str)| [v(line.0, line.1), v(M1.0, M1.1)];
    let script = Script::new()
        .event("e1", at(1, 0), Line, &link(old), activity("linked"))
        .event("e2", at(2, 0), Line, &[v(old.0, old.1)], message())
        .event("e3", at(5, 0), Line, &link(new), activity("linked"))
        .event("e4", at(6, 0), Line, &[v(old.0, old.1)], message())
        .event("e5", at(6, 0), Line, &[v(new.0, new.1)], message());
    let customers = vec![
        customer(&[M1, new], &["e1", "e2", "e3", "e5"]).born("e1", 1),
        customer(&[old], &["e4"]).born("e1", 0),
    ];
    let mut scenario = Scenario::new("T14 a member moves to another LINE account", script, customers);
    scenario.refused = vec![[M1, old]];
    scenario
}

fn phone_back_and_forth() -> Scenario {
    let proof = |member: (&str, &str)| [v(member.0, member.1), v(PHONE.0, PHONE.1)];
    let typed = [c(PHONE.0, PHONE.1)];
    let script = Script::new()
        .event("a1", at(2, 0), Pos, &proof(M1), activity("code"))
        .event("b1", at(4, 0), Pos, &proof(M2), activity("code"))
        .event("a2", at(6, 0), Pos, &proof(M1), activity("code"))
        .event("t1", at(1, 0), Pos, &typed, purchase(1))
        .event("t3", at(3, 0), Pos, &typed, purchase(3))
        .event("t5", at(5, 0), Pos, &typed, purchase(5))
        .event("t7", at(7, 0), Pos, &typed, purchase(7));
    let customers = vec![
        customer(&[M1, PHONE], &["t1", "a1", "t3", "a2", "t7"]).bought(3, 0, 11).born("a1", 0),
        customer(&[M2], &["b1", "t5"]).bought(1, 0, 5).born("b1", 0),
    ];
    let mut scenario = Scenario::new("T15 a phone goes and comes back", script, customers);
    scenario.refused = vec![[M2, PHONE]];
    scenario
}

fn apart_never_owns() -> Scenario {
    let proof = |member: (&str, &str)| [v(member.0, member.1), v(PHONE.0, PHONE.1)];
    let pair = [c(M1.0, M1.1), c(PHONE.0, PHONE.1)];
    let script = Script::new()
        .event("e1", at(1, 0), Pos, &proof(M1), activity("code"))
        .event("e2", at(9, 0), Pos, &proof(M2), activity("code"))
        .event("no", at(10, 0), Ops, &pair, act(IdentityAct::Unlink))
        .event("e3", at(3, 0), Pos, &[c(PHONE.0, PHONE.1)], purchase(70));
    let customers = vec![
        customer(&[M1], &["e1"]).born("e1", 0),
        customer(&[M2, PHONE], &["e3", "e2"]).bought(1, 0, 70).born("e1", 1),
    ];
    let mut scenario =
        Scenario::new("T16 who was taken apart from a phone never owned it", script, customers);
    scenario.refused = vec![[M1, PHONE]];
    scenario
}

fn shared_mail_by_birth_dates() -> Scenario {
    let mail = c(MAIL.0, MAIL.1);
    let third = ("phone", "0955000333");
    let script = Script::new()
        .born("a", at(1, 0), (Web, "1981-04-11"), &[mail.clone(), c(PHONE.0, PHONE.1)], form())
        .born("b", at(2, 0), (Web, "1990-12-30"), &[mail.clone(), c(OTHER.0, OTHER.1)], form())
        .born("c", at(3, 0), (Web, "1981-04-11"), &[mail.clone(), c(third.0, third.1)], form())
        .event("d", at(4, 0), Web, &[mail], form());
    let customers = vec![
        customer(&[PHONE, third], &["a", "c"]).born("a", 1),
        customer(&[OTHER], &["b"]).born("b", 1),
        customer(&[MAIL], &["d"]).born("a", 0),
    ];
    let mut scenario = Scenario::new("T17 birth dates tell apart who shares an address", script, customers);
    scenario.refused = vec![[PHONE, MAIL], [OTHER, MAIL], [third, MAIL]];
    scenario
}

fn erased_cookie() -> Scenario {
    let (mail, cookie) = (c(MAIL.0, MAIL.1), o("cookie", "k1"));
    let third = ("phone", "0955000333");
    let seen = [mail.clone(), c(PHONE.0, PHONE.1), cookie.clone()];
    let script = Script::new()
        .born("a", at(1, 0), (Web, "1981-04-11"), &seen, form())
        .born("b", at(2, 0), (Web, "1990-12-30"), &[mail.clone(), c(OTHER.0, OTHER.1)], form())
        .born("c", at(3, 0), (Web, "1981-04-11"), &[mail, c(third.0, third.1)], form())
        .event("e", at(4, 0), Ops, std::slice::from_ref(&cookie), act(IdentityAct::Erase))
        .event("d", at(5, 0), Web, &[cookie], visit());
    let customers = vec![
        customer(&[PHONE, third], &["a", "c"]).born("a", 1),
        customer(&[OTHER], &["b"]).born("b", 1),
        customer(&[MAIL], &[]).born("a", 0),
        customer(&[("cookie", "k1")], &["d"]).born("d", 0),
    ];
    let name = "T20 an erased cookie takes no birth date with it and comes back as nobody's";
    let mut scenario = Scenario::new(name, script, customers);
    scenario.refused = vec![[PHONE, MAIL], [OTHER, MAIL], [third, MAIL]];
    scenario
}

fn one_birth_date_in_two_orders() -> Scenario {
    let script = Script::new()
        .born("a", at(1, 0), (Pos, "0700411"), &[v(M1.0, M1.1), c(PHONE.0, PHONE.1)], purchase(10))
        .born("b", at(2, 0), (Web, "1981-11-04"), &[c(PHONE.0, PHONE.1), c(MAIL.0, MAIL.1)], form())
        .born("c", at(3, 0), (Web, "1962-06-08"), &[c(OTHER.0, OTHER.1)], form())
        .event("d", at(4, 0), Web, &[c(OTHER.0, OTHER.1), c(MAIL.0, MAIL.1)], form());
    let customers = vec![
        customer(&[M1, PHONE, MAIL], &["a", "b"]).bought(1, 0, 10).born("a", 0),
        customer(&[OTHER], &["c", "d"]).born("c", 0),
    ];
    let name = "T18 month and day in either order are one birth date, another one joins nobody";
    let mut scenario = Scenario::new(name, script, customers);
    scenario.refused = vec![[OTHER, MAIL]];
    scenario
}

fn quarantined() -> Scenario {
    let script = Script::new()
        .event("a", at(1, 0), Pos, &[v(M1.0, M1.1), v(PHONE.0, PHONE.1)], purchase(10))
        .event("b", at(2, 0), Web, &[c(PHONE.0, PHONE.1), c(MAIL.0, MAIL.1)], form())
        .event("c", at(3, 0), Web, &[c(MAIL.0, MAIL.1), c(OTHER.0, OTHER.1)], form());
    let customers = vec![
        customer(&[M1, PHONE], &["a", "b"]).bought(1, 0, 10).born("a", 0),
        customer(&[MAIL], &[]).born("b", 1),
        customer(&[OTHER], &["c"]).born("c", 1),
    ];
    let mut scenario = Scenario::new("T19 in quarantine only proofs count", script, customers);
    scenario.policy = Policy { quarantine_links: 2, ..Policy::default() };
    scenario.refused = vec![[PHONE, MAIL], [MAIL, OTHER]];
    scenario
}
