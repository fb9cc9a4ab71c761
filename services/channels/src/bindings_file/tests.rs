use crate::{
    adapter::{InboundRequest, Method},
    settings::{self, Settings},
};
use serde_json::json;
use tributary_core::{event::Trust, time::Micros};

#[test]
fn a_proof_links_and_a_word_does_not() {
    let table = json!({"kind": "bindings_file", "key": "k", "provider": "prov-1", "trust": "verified"});
    let channel =
        settings::build(Settings::new("b", table.as_object().expect("a table").clone(), "Asia/Taipei", "TW"));
    let channel = channel.unwrap_or_else(|e| panic!("{e}"));
    let id = |n: u8| format!("U{n:032}");
    let (one, two) = (id(1), id(2));
    let body = format!(
        "member,line,bound_at,proof\nM1,{one},2024-05-06 10:12,OTP\nM1,{two},2024-05-06,staff\nM2,{one},,otp\n\
         M3,,2024-05-06,otp\nM4,{two},yesterday,otp\nM1,{one},2024-05-06 10:12,OTP\nM5,u1,2024-05-06,otp\n"
    );
    let received_at = Micros::from_secs(1_772_331_120);
    let request = InboundRequest {
        method: Method::Post,
        query: "",
        headers: &[],
        body: body.as_bytes(),
        received_at,
        public_url: None,
    };
    let decoded = channel.adapter.decode(&request).expect("decodes");
    let facts: Vec<(&str, Trust)> =
        decoded.events.iter().map(|d| (d.body.type_name(), d.identifiers[1].trust)).collect();
    let proven = ("link.proven", Trust::Verified);
    assert_eq!(facts, [proven, ("activity", Trust::Claimed), proven]);
    assert_eq!(decoded.events[0].key, decoded.events[2].key);
    assert_ne!(decoded.events[0].key, decoded.events[1].key);
    assert_eq!(decoded.events[0].occurred_at, Micros::parse("2024-05-06T10:12:00+08:00"));
    let scopes: Vec<&str> = decoded.events[0].identifiers.iter().map(|c| c.scope.as_str()).collect();
    assert_eq!(scopes, ["", "prov-1"]);
    let details: Vec<&str> = decoded.unrecognised.iter().map(|u| u.detail.as_str()).collect();
    let want = [
        "line 4: bound_at is empty",
        "line 5: line is empty",
        "line 6: bound_at cannot be read",
        "line 8: line is no user id of LINE: U and 32 hexadecimal digits",
    ];
    assert_eq!(details, want);
}
