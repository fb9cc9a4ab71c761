//! Scenarios S09 to S15: things and addresses that several people use, and operators who take customers apart.

use super::{
    Channel::{Email, Line, Ops, Pos, Web},
    Scenario, Script,
    builder::{act, activity, at, c, follow, form, linked, message, o, purchase, v, visit},
    customer,
};
use tributary_core::body::{Body, IdentityAct};

/// S09 to S15.
pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = vec![shop_tablet(), family_email(), claimed_email()];
    all.extend([unlinked(), relinked(), erased(), recycled_phone()]);
    all
}

fn shop_tablet() -> Scenario {
    let cookie = o("cookie", "k9");
    let script = Script::new()
        .event("e1", at(1, 600), Web, &[cookie.clone(), v("member", "M1")], activity("login"))
        .event("e2", at(1, 602), Web, std::slice::from_ref(&cookie), visit())
        .event("e3", at(1, 620), Web, &[cookie.clone(), v("member", "M2")], activity("login"))
        .event("e4", at(1, 622), Web, &[cookie], visit());
    let customers = vec![
        customer(&[("member", "M1")], &["e1", "e2"]).attached(&[("cookie", "k9")]),
        customer(&[("member", "M2")], &["e3", "e4"]).attached(&[("cookie", "k9")]),
    ];
    Scenario::new("S09 two members on one tablet stay two", script, customers)
}

fn family_email() -> Scenario {
    let email = ("email", "family@x.tw");
    let script = Script::new()
        .event("e1", at(1, 0), Web, &[v("member", "M1"), c(email.0, email.1)], Body::Profile {})
        .event("e2", at(2, 0), Web, &[v("member", "M2"), c(email.0, email.1)], Body::Profile {})
        .event("e3", at(3, 0), Email, &[v(email.0, email.1)], message());
    let customers = vec![
        customer(&[("member", "M1")], &["e1"]).born("e1", 0),
        customer(&[("member", "M2")], &["e2"]).born("e2", 0),
        customer(&[email], &["e3"]).born("e1", 1),
    ];
    let mut scenario = Scenario::new("S10 a family's address joins nobody", script, customers);
    scenario.shared = vec![email];
    scenario.refused = vec![[("member", "M1"), email], [("member", "M2"), email]];
    scenario
}

fn claimed_email() -> Scenario {
    let email = ("email", "amy@x.tw");
    let script = Script::new()
        .event("e1", at(1, 0), Web, &[v("member", "M1"), v(email.0, email.1)], Body::Profile {})
        .event("e2", at(2, 0), Line, &[v("line/prov-1", "U666"), c(email.0, email.1)], form());
    let customers =
        vec![customer(&[("member", "M1"), email], &["e1"]), customer(&[("line/prov-1", "U666")], &["e2"])];
    let mut scenario = Scenario::new("S11 a claimed address opens no verified customer", script, customers);
    scenario.refused = vec![[("line/prov-1", "U666"), email]];
    scenario
}

const PHONE: (&str, &str) = ("phone", "0933000111");
const MAIL: (&str, &str) = ("email", "b@x.tw");

fn operators_at_work() -> Script {
    let pair = [c(PHONE.0, PHONE.1), c(MAIL.0, MAIL.1)];
    Script::new()
        .event("e1", at(1, 0), Pos, &[v("member", "M1"), c(PHONE.0, PHONE.1)], purchase(10))
        .event("e2", at(2, 0), Web, &pair, form())
        .event("e3", at(3, 0), Ops, &pair, act(IdentityAct::Unlink))
        .event("e4", at(4, 0), Web, &pair, form())
}

fn unlinked() -> Scenario {
    let customers = vec![
        customer(&[("member", "M1"), PHONE], &["e1", "e2", "e4"]).bought(1, 0, 10).born("e1", 0),
        customer(&[MAIL], &[]).born("e2", 1),
    ];
    let mut scenario = Scenario::new("S12 an operator's unlink stays", operators_at_work(), customers);
    scenario.refused = vec![[PHONE, MAIL]];
    scenario
}

fn relinked() -> Scenario {
    let pair = [c(MAIL.0, MAIL.1), c(PHONE.0, PHONE.1)];
    let script = operators_at_work().event("e5", at(5, 0), Ops, &pair, act(IdentityAct::Link));
    let one = customer(&[("member", "M1"), PHONE, MAIL], &["e1", "e2", "e4"]);
    let customers = vec![one.bought(1, 0, 10).born("e1", 0)];
    Scenario::new("S13 the newest of unlink and link counts", script, customers)
}

fn erased() -> Scenario {
    let (member, line) = (v("member", "M1"), v("line/prov-1", "U1"));
    let script = Script::new()
        .event("e1", at(1, 0), Pos, std::slice::from_ref(&member), purchase(10))
        .event("e2", at(2, 0), Line, std::slice::from_ref(&line), follow())
        .event("e3", at(3, 0), Line, &[line.clone(), member.clone()], linked(true))
        .event("e4", at(4, 0), Ops, &[member, line.clone()], act(IdentityAct::Erase))
        .event("e5", at(2, 0), Line, std::slice::from_ref(&line), message())
        .event("e6", at(9, 0), Line, &[line], follow());
    let customers = vec![customer(&[("line/prov-1", "U1")], &["e6"]).born("e6", 0)];
    let mut scenario = Scenario::new("S14 an erasure reaches merged parts", script, customers);
    scenario.nobody = vec!["e1", "e2", "e3", "e5"];
    scenario
}

fn recycled_phone() -> Scenario {
    let phone = ("phone", "0955000222");
    let script = Script::new()
        .event("e1", at(1, 0), Pos, &[v("member", "M1"), v(phone.0, phone.1)], activity("code"))
        .event("e2", at(9, 0), Pos, &[v("member", "M2"), v(phone.0, phone.1)], activity("code"))
        .event("e3", at(3, 0), Pos, &[c(phone.0, phone.1)], purchase(70))
        .event("e4", at(12, 0), Pos, &[c(phone.0, phone.1)], purchase(80));
    let customers = vec![
        customer(&[("member", "M1")], &["e1", "e3"]).bought(1, 0, 70).born("e1", 0),
        customer(&[("member", "M2"), phone], &["e2", "e4"]).bought(1, 0, 80).born("e1", 1),
    ];
    let mut scenario = Scenario::new("S15 one phone under two member numbers", script, customers);
    scenario.refused = vec![[("member", "M1"), phone]];
    scenario
}
