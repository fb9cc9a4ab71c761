use crate::{
    adapter::{Decoded, InboundRequest, Method},
    settings::{self, Channel, Settings},
};
use serde_json::{Value, json};
use tributary_core::{draft::Draft, event::flags, time::Micros};

fn channel(table: Value) -> Channel {
    let Value::Object(mut table) = table else { panic!("a table") };
    table.insert("kind".into(), "members_file".into());
    table.insert("key".into(), "k".into());
    settings::build(Settings::new("members", table, "Asia/Taipei", "TW")).unwrap_or_else(|e| panic!("{e}"))
}

fn decode(channel: &Channel, headers: &[(&str, &str)], body: &[u8]) -> Decoded {
    let headers: Vec<(String, String)> =
        headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let received_at = Micros::from_secs(1_772_331_120);
    let request = InboundRequest {
        method: Method::Post,
        query: "",
        headers: &headers,
        body,
        received_at,
        public_url: None,
    };
    channel.adapter.decode(&request).expect("decodes")
}

fn bodies(drafts: &[Draft]) -> Vec<Value> {
    drafts.iter().map(|d| serde_json::to_value(&d.body).expect("body")).collect()
}

#[test]
fn a_row_is_a_member_with_all_that_is_said_of_it() {
    let channel = channel(
        json!({"charset": "big5", "date_format": ["roc"], "columns": {"member": "會員編號", "name": "姓名",
        "phone": "手機", "birth_date": "生日", "tier": "等級", "points": "點數", "consent_sms": "簡訊", "joined_at": "入會日"}}),
    );
    let file = "會員編號,姓名,手機,生日,等級,點數,簡訊,入會日\nM1,許功蓋,0928-173-654,79/3/4,金卡,\"1,200.0\",同意,109/5/6\n\
                M2,王大明,9.28E+8,00/00/00,,,,\nM3,,,not known,,,N,\n,x,,,,,,\nM5,,,,,,perhaps,\nM6,,,,,x,,\n1.2E+11,,,,,,,\n";
    let (bytes, _, _) = encoding_rs::BIG5.encode(file);
    let decoded = decode(&channel, &[("x-file-time", "1772331000"), ("x-historical", "1")], &bytes);
    let of = |n: &str| {
        let key = format!("member/{}", crate::digest::hex32_of_parts([n]));
        decoded.events.iter().filter(|d| d.key.starts_with(&key)).cloned().collect::<Vec<_>>()
    };
    let first = of("M1");
    assert_eq!(
        bodies(&first),
        [
            json!({"profile": {}}),
            json!({"trait": {"name": "tier", "value": "金卡"}}),
            json!({"trait": {"name": "points", "value": "1200"}}),
            json!({"activity": {"title": "member.joined"}}),
            json!({"consent": {"purpose": "marketing", "channel": "sms", "granted": true, "method": "member_list"}}),
        ]
    );
    let profile = serde_json::to_value(&first[0].content.profile).expect("profile");
    assert_eq!(profile, json!({"name": "許功蓋", "telephone": "0928-173-654", "birthDate": "1990-03-04"}));
    assert!(first.iter().all(|d| d.revision == 1_772_331_000_000_000 && d.flags == flags::HISTORICAL));
    assert_eq!(first[3].occurred_at, Micros::parse("2020-05-06T00:00:00+08:00"));
    let second = of("M2");
    assert_eq!((second.len(), second[0].identifiers.len()), (1, 1));
    assert_eq!(second[0].content.contacts[0].reason, "scientific_notation");
    assert!(second[0].content.fields.is_empty());
    assert_eq!(of("M3")[0].content.fields["birth_date"], "not known".to_owned());
    let details: Vec<&str> = decoded.unrecognised.iter().map(|u| u.detail.as_str()).collect();
    assert_eq!(
        details,
        [
            "line 5: member is empty",
            "line 6: consent_sms is none of the words of `yes` and `no`",
            "line 7: points is not a whole number",
            "line 8: member is in scientific notation: its last digits are lost",
        ]
    );
}

#[test]
fn a_later_list_corrects_an_earlier_one() {
    let channel = channel(json!({}));
    let file = b"member,tier,updated_at\nM1,gold,\nM2,gold,2026-03-01 10:00\n";
    let revisions = |headers: &[(&str, &str)]| -> Vec<u64> {
        decode(&channel, headers, file).events.iter().map(|d| d.revision).collect()
    };
    let own = 1_772_330_400_000_000;
    assert_eq!(revisions(&[]), [1_772_331_120_000_000, 1_772_331_120_000_000, own, own]);
    assert_eq!(revisions(&[("x-file-time", "5")]), [5_000_000, 5_000_000, own, own]);
}
