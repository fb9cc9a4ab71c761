//! Scenarios of the rules that the S series does not meet: revisions and removals, refunds, blocks, time, limits, loops of
//! claims.

use super::{
    Channel::{Line, Ops, Pos, Web},
    Scenario, Script,
    builder::{act, activity, at, c, form, message, o, purchase, refund, v, visit},
    customer,
};
use tributary_core::{
    body::{Body, IdentityAct},
    ids::REMOVAL,
};

const M1: (&str, &str) = ("member", "M1");
const PHONE: (&str, &str) = ("phone", "0933000111");
const OTHER: (&str, &str) = ("phone", "0955000222");
const MAIL: (&str, &str) = ("email", "b@x.tw");

/// T01 to T13.
pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = vec![corrected_receipt(), removed_proof(), unnamed_refunds(), refund_of_a_void()];
    all.extend([blocked_and_back(), first_login_owns_the_past(), future_login(), too_many_phones()]);
    all.extend([typed_member_number(), claims_between_verified()]);
    all.extend([own_claims_do_not_count(), stronger_end_first(), typed_login()]);
    all
}

fn corrected_receipt() -> Scenario {
    let member = v(M1.0, M1.1);
    let script = Script::new()
        .revision("right", ("r1", 2), Pos, &[member.clone(), c(OTHER.0, OTHER.1)], purchase(50))
        .revision("wrong", ("r1", 1), Pos, &[member, c(PHONE.0, PHONE.1)], purchase(500))
        .event("e2", at(2, 0), Web, &[c(PHONE.0, PHONE.1)], form());
    let customers = vec![
        customer(&[M1, OTHER], &["right"]).bought(1, 0, 50).born("right", 0),
        // A superseded revision gives no link, but it is where this phone was first named.
        customer(&[PHONE], &["e2"]).born("wrong", 1),
    ];
    Scenario::new("T01 a corrected receipt takes the wrong phone back", script, customers)
}

fn removed_proof() -> Scenario {
    let body = Body::Removed { of: "message".to_owned() };
    let line = ("line/prov-1", "U1");
    let script = Script::new()
        .revision("e1", ("m1", 0), Line, &[v(line.0, line.1)], message())
        .revision("gone", ("m1", REMOVAL), Line, &[v(line.0, line.1), v(M1.0, M1.1)], body)
        .event("e2", at(2, 0), Pos, &[v(M1.0, M1.1)], purchase(20));
    let one = customer(&[line, M1], &["e2"]).bought(1, 0, 20).born("e1", 0);
    Scenario::new("T02 a removed message is in no timeline, its identifiers count", script, vec![one])
}

fn unnamed_refunds() -> Scenario {
    let script = Script::new()
        .event("early", at(3, 0), Pos, &[], refund("r1", 30))
        .event("r1", at(1, 0), Pos, &[v(M1.0, M1.1)], purchase(100))
        .event("second", at(4, 0), Pos, &[], refund("r1", 20))
        .event("lost", at(4, 0), Pos, &[], refund("unknown", 5))
        .event("elsewhere", at(4, 0), Web, &[], refund("r1", 7));
    let one = customer(&[M1], &["r1", "early", "second"]).bought(1, 2, 50).born("r1", 0);
    let mut scenario = Scenario::new("T03 money back without a name follows its sale", script, vec![one]);
    scenario.nobody = vec!["lost", "elsewhere"];
    scenario
}

fn refund_of_a_void() -> Scenario {
    let body = Body::Removed { of: "purchase".to_owned() };
    let script = Script::new()
        .revision("sale", ("r1", 0), Pos, &[v(M1.0, M1.1)], purchase(100))
        .revision("void", ("r1", REMOVAL), Pos, &[v(M1.0, M1.1)], body)
        .event("back", at(2, 0), Pos, &[], refund("r1", 100))
        .event("named", at(3, 0), Pos, &[v(M1.0, M1.1)], refund("r1", 10));
    let one = customer(&[M1], &["named"]).bought(0, 1, -10).born("sale", 0);
    let mut scenario = Scenario::new("T04 a refund of a void belongs to who it names", script, vec![one]);
    scenario.nobody = vec!["back"];
    scenario
}

fn blocked_and_back() -> Scenario {
    let script = Script::new()
        .event("e1", at(1, 0), Web, &[c(MAIL.0, MAIL.1), v(M1.0, M1.1)], form())
        .event("e2", at(1, 1), Web, &[c(MAIL.0, MAIL.1)], form())
        .event("e3", at(2, 0), Web, &[c(PHONE.0, PHONE.1), c(OTHER.0, OTHER.1)], form())
        .event("b1", at(3, 0), Ops, &[c(MAIL.0, MAIL.1)], act(IdentityAct::Block))
        .event("b3", at(5, 0), Ops, &[c(PHONE.0, PHONE.1)], act(IdentityAct::Unblock))
        .event("b2", at(4, 0), Ops, &[c(PHONE.0, PHONE.1)], act(IdentityAct::Block));
    let customers = vec![customer(&[M1], &["e1"]).born("e1", 1), customer(&[PHONE, OTHER], &["e3"])];
    let mut scenario = Scenario::new("T05 the newest of block and unblock counts", script, customers);
    scenario.nobody = vec!["e2"];
    scenario
}

fn first_login_owns_the_past() -> Scenario {
    let (cookie, device) = (o("cookie", "k1"), o("device", "d1"));
    let script = Script::new()
        .event("e1", at(1, 0), Web, &[cookie.clone(), device], visit())
        .event("e2", at(2, 0), Web, &[cookie.clone(), c(MAIL.0, MAIL.1), v(M1.0, M1.1)], activity("login"))
        .event("e3", at(2, 0), Web, &[o("cookie", "k2")], visit());
    let customers = vec![
        customer(&[M1, MAIL], &["e1", "e2"]).attached(&[("cookie", "k1")]).born("e2", 1),
        customer(&[("device", "d1")], &[]).born("e1", 1),
        customer(&[("cookie", "k2")], &["e3"]).born("e3", 0),
    ];
    Scenario::new("T06 a first login owns what was seen before it", script, customers)
}

fn future_login() -> Scenario {
    // The second says that it happens long after everything was recorded: it orders as recorded.
    let cookie = o("cookie", "k1");
    let script = Script::new()
        .event("e1", at(1, 0), Web, &[cookie.clone(), v(M1.0, M1.1)], activity("login"))
        .event("e2", at(900, 0), Web, &[cookie.clone(), v("member", "M2")], activity("login"))
        .event("e3", at(800, 0), Web, &[cookie], visit());
    let customers = vec![
        customer(&[M1], &["e1"]).attached(&[("cookie", "k1")]),
        customer(&[("member", "M2")], &["e2", "e3"]).attached(&[("cookie", "k1")]),
    ];
    Scenario::new("T07 what is still to come orders as recorded", script, customers)
}

fn too_many_phones() -> Scenario {
    let phones = ["0933000111", "0933000222", "0933000333", "0933000444"];
    let mut script = Script::new();
    for (at_place, phone) in phones.iter().enumerate() {
        let identifiers = [v(M1.0, M1.1), c("phone", phone)];
        script = script.event(phone, at(1 + at_place as i64, 0), Pos, &identifiers, message());
    }
    let newest = [M1, ("phone", phones[1]), ("phone", phones[2]), ("phone", phones[3])];
    let oldest = ("phone", phones[0]);
    let customers = vec![customer(&newest, &phones).born(phones[0], 0), customer(&[oldest], &[])];
    let mut scenario = Scenario::new("T08 the newest three phones stay", script, customers);
    scenario.refused = vec![[M1, oldest]];
    scenario
}

fn typed_member_number() -> Scenario {
    // Somebody types the number of a card that another phone is verified with.
    let script = Script::new()
        .event("e1", at(1, 0), Pos, &[v(M1.0, M1.1), v(PHONE.0, PHONE.1)], activity("code"))
        .event("e2", at(2, 0), Web, &[c(M1.0, M1.1), v(OTHER.0, OTHER.1)], form())
        .event("e3", at(3, 0), Web, &[c("member", "M7"), c(MAIL.0, MAIL.1)], form());
    let customers = vec![
        customer(&[M1, PHONE], &["e1"]),
        customer(&[OTHER], &["e2"]),
        // Nobody has proven M7: typed numbers without a verified holder join.
        customer(&[("member", "M7"), MAIL], &["e3"]),
    ];
    let mut scenario = Scenario::new("T09 a typed member number opens no card", script, customers);
    scenario.refused = vec![[M1, OTHER]];
    scenario
}

fn claims_between_verified() -> Scenario {
    // The carrier is nobody's anchor and claimed by two carriers of anchors: shared, so no bridge.
    let carrier = ("carrier", "/ABC1234");
    let script = Script::new()
        .event("e1", at(1, 0), Pos, &[v(M1.0, M1.1), c(carrier.0, carrier.1)], purchase(10))
        .event("e2", at(2, 0), Pos, &[v("line/prov-1", "U1"), c(carrier.0, carrier.1)], purchase(20))
        .event("e3", at(3, 0), Pos, &[c(carrier.0, carrier.1)], purchase(40));
    let customers = vec![
        customer(&[M1], &["e1"]).bought(1, 0, 10),
        customer(&[("line/prov-1", "U1")], &["e2"]).bought(1, 0, 20),
        customer(&[carrier], &["e3"]).bought(1, 0, 40).born("e1", 1),
    ];
    let mut scenario =
        Scenario::new("T10 a carrier that two people scan is nobody's bridge", script, customers);
    scenario.shared = vec![carrier];
    scenario.refused = vec![[M1, carrier], [("line/prov-1", "U1"), carrier]];
    scenario
}

fn own_claims_do_not_count() -> Scenario {
    let line = ("line/prov-1", "U1");
    let script = Script::new()
        .event("e1", at(1, 0), Pos, &[v(M1.0, M1.1), c(PHONE.0, PHONE.1)], purchase(10))
        .event("e2", at(2, 0), Line, &[v(line.0, line.1), c(PHONE.0, PHONE.1)], form())
        .event("op", at(3, 0), Ops, &[c(M1.0, M1.1), c(PHONE.0, PHONE.1)], act(IdentityAct::Link));
    let customers = vec![customer(&[M1, PHONE, line], &["e1", "e2"]).bought(1, 0, 10)];
    Scenario::new("T11 a customer's own phone is not shared by its own claim", script, customers)
}

fn stronger_end_first() -> Scenario {
    let line = ("line/prov-1", "U1");
    let script = Script::new()
        .event("e1", at(1, 0), Web, &[v(M1.0, M1.1), c(MAIL.0, MAIL.1)], form())
        .event("e2", at(2, 0), Line, &[v(line.0, line.1), c(PHONE.0, PHONE.1)], form())
        .event("o1", at(3, 0), Ops, &[c(MAIL.0, MAIL.1), c(PHONE.0, PHONE.1)], act(IdentityAct::Link))
        .event("o2", at(3, 0), Ops, &[c(M1.0, M1.1), c(line.0, line.1)], act(IdentityAct::Unlink));
    let customers = vec![customer(&[M1, MAIL, PHONE], &["e1"]), customer(&[line], &["e2"])];
    let mut scenario = Scenario::new("T12 the link with the strongest end is taken first", script, customers);
    scenario.refused = vec![[line, PHONE]];
    scenario
}

fn typed_login() -> Scenario {
    let cookie = o("cookie", "k1");
    let script = Script::new().event("e1", at(1, 0), Web, std::slice::from_ref(&cookie), visit()).event(
        "e2",
        at(2, 0),
        Web,
        &[cookie, c(MAIL.0, MAIL.1)],
        form(),
    );
    let one = customer(&[MAIL], &["e1", "e2"]).attached(&[("cookie", "k1")]).born("e2", 1);
    Scenario::new("T13 a typed address owns the cookie too", script, vec![one])
}
