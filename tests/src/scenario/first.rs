//! Scenarios S01 to S08: one person seen in several ways, late and repeated records.

use super::{
    Channel::{Line, Pos, Web},
    Scenario, Script,
    builder::{activity, at, c, follow, form, linked, message, o, purchase, v, visit},
    customer,
};

/// S01 to S08.
pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = vec![anonymous_to_known(), known_before_anonymous()];
    all.extend([account_link(true), account_link(false), scoped_line_ids(), placeholder_phone()]);
    all.extend([late_till_file(), till_file_sent_twice()]);
    all
}

fn visitor() -> Script {
    let (cookie, member) = (o("cookie", "k1"), v("member", "M1"));
    Script::new()
        .event("e1", at(1, 600), Web, std::slice::from_ref(&cookie), visit())
        .event("e2", at(1, 605), Web, std::slice::from_ref(&cookie), activity("cart"))
        .event("e3", at(1, 609), Web, &[cookie.clone(), member.clone()], activity("login"))
        .event("e4", at(1, 612), Web, &[cookie, member], purchase(500))
}

fn anonymous_to_known() -> Scenario {
    let one = customer(&[("member", "M1")], &["e1", "e2", "e3", "e4"]);
    let one = one.attached(&[("cookie", "k1")]).bought(1, 0, 500).born("e3", 1);
    Scenario::new("S01 a visitor logs in", visitor(), vec![one])
}

fn known_before_anonymous() -> Scenario {
    let (cookie, member) = (o("cookie", "k1"), v("member", "M1"));
    let script = Script::new()
        .event("e4", at(1, 612), Web, &[cookie.clone(), member.clone()], purchase(500))
        .event("e2", at(1, 605), Web, std::slice::from_ref(&cookie), activity("cart"))
        .event("e3", at(1, 609), Web, &[cookie.clone(), member], activity("login"))
        .event("e1", at(1, 600), Web, &[cookie], visit());
    let one = customer(&[("member", "M1")], &["e1", "e2", "e3", "e4"]);
    let one = one.attached(&[("cookie", "k1")]).bought(1, 0, 500).born("e4", 1);
    Scenario::new("S02 the same, recorded in another order", script, vec![one])
}

fn account_link(ok: bool) -> Scenario {
    let (member, line) = (v("member", "M1"), v("line/prov-1", "U1"));
    let script = Script::new()
        .event("e1", at(1, 0), Pos, std::slice::from_ref(&member), purchase(1000))
        .event("e2", at(2, 0), Line, std::slice::from_ref(&line), follow())
        .event("e3", at(3, 0), Line, std::slice::from_ref(&line), message())
        .event("e4", at(4, 0), Line, &[line, member], linked(ok));
    if ok {
        let one = customer(&[("member", "M1"), ("line/prov-1", "U1")], &["e1", "e2", "e3", "e4"]);
        let one = one.bought(1, 0, 1000).born("e1", 0);
        return Scenario::new("S03 an account link joins two customers", script, vec![one]);
    }
    let member = customer(&[("member", "M1")], &["e1"]).bought(1, 0, 1000).born("e1", 0);
    let line = customer(&[("line/prov-1", "U1")], &["e2", "e3", "e4"]).born("e2", 0);
    Scenario::new("S04 an account link that failed joins nobody", script, vec![member, line])
}

fn scoped_line_ids() -> Scenario {
    let script = Script::new().event("e1", at(1, 0), Line, &[v("line/prov-1", "U1")], follow()).event(
        "e2",
        at(1, 0),
        Line,
        &[v("line/prov-2", "U1")],
        follow(),
    );
    let customers =
        vec![customer(&[("line/prov-1", "U1")], &["e1"]), customer(&[("line/prov-2", "U1")], &["e2"])];
    Scenario::new("S05 one LINE id under two providers is two people", script, customers)
}

fn placeholder_phone() -> Scenario {
    let script = Script::new()
        .event("e1", at(1, 0), Pos, &[v("member", "M1"), c("phone", "0912-345-678")], purchase(100))
        .event("e2", at(1, 1), Pos, &[v("member", "M2"), c("phone", "0912345678")], purchase(200))
        .event("e3", at(2, 0), Web, &[c("email", "a@x.tw"), c("phone", "+886 912 345 678")], form());
    let customers = vec![
        customer(&[("member", "M1")], &["e1"]).bought(1, 0, 100),
        customer(&[("member", "M2")], &["e2"]).bought(1, 0, 200),
        customer(&[("email", "a@x.tw")], &["e3"]),
    ];
    Scenario::new("S06 a placeholder phone joins nobody", script, customers)
}

fn late_till_file() -> Scenario {
    let (member, line) = (v("member", "M1"), v("line/prov-1", "U1"));
    let script = Script::new()
        .event("e1", at(5, 0), Line, &[line.clone(), member.clone()], linked(true))
        .event("e2", at(5, 1), Line, &[line], message())
        .event("e3", at(1, 0), Pos, std::slice::from_ref(&member), purchase(900))
        .event("e4", at(2, 0), Pos, &[member], purchase(100));
    let one = customer(&[("member", "M1"), ("line/prov-1", "U1")], &["e3", "e4", "e1", "e2"]);
    Scenario::new("S07 a late till file renames nobody", script, vec![one.bought(2, 0, 1000).born("e1", 0)])
}

fn till_file_sent_twice() -> Scenario {
    let script =
        Script::new().event("e1", at(1, 0), Pos, &[v("member", "M1")], purchase(300)).resent("e2", "e1");
    // The lower event id is kept, whichever of the two that is.
    let kept = if script.id("e1") < script.id("e2") { "e1" } else { "e2" };
    let one = customer(&[("member", "M1")], &[kept]).bought(1, 0, 300).born("e1", 0);
    Scenario::new("S08 a receipt under two event ids counts once", script, vec![one])
}
