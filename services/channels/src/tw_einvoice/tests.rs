use crate::{
    adapter::{Decoded, InboundRequest, Method},
    settings::{self, Channel, Settings},
};
use serde_json::{Value, json};
use tributary_core::{draft::Draft, event::Trust, ids::REMOVAL, time::Micros};

fn channel(extra: Value) -> Channel {
    let mut table = json!({"kind": "tw_einvoice", "key": "k"});
    for (key, value) in extra.as_object().into_iter().flatten() {
        table[key] = value.clone();
    }
    settings::build(Settings::new("einvoice", table.as_object().expect("a table").clone(), "UTC", "TW"))
        .unwrap_or_else(|e| panic!("{e}"))
}

fn decode(channel: &Channel, headers: &[(&str, &str)], body: &str) -> Decoded {
    let headers: Vec<(String, String)> =
        headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let request = InboundRequest {
        method: Method::Post,
        query: "",
        headers: &headers,
        body: body.as_bytes(),
        received_at: Micros(0),
        public_url: None,
    };
    channel.adapter.decode(&request).expect("decodes")
}

fn one(body: &str) -> Draft {
    let decoded = decode(&channel(json!({})), &[], body);
    assert_eq!(decoded.unrecognised, []);
    decoded.events.into_iter().next().expect("an event")
}

/// An invoice with more in its `Main` and `Buyer`.
fn invoice(main: &str, buyer: &str) -> String {
    format!(
        "<Invoice><Main><InvoiceNumber>AB12345678</InvoiceNumber><InvoiceDate>20260430</InvoiceDate>\
         <InvoiceTime>23:30:00</InvoiceTime><Seller><Identifier>12345675</Identifier></Seller><Buyer>{buyer}</Buyer>{main}\
         </Main><Details><ProductItem><Description>茶</Description><Quantity>2</Quantity><Amount>100</Amount></ProductItem>\
         </Details><Amount><TaxAmount>5</TaxAmount><TotalAmount>105</TotalAmount></Amount></Invoice>"
    )
}

fn claims(draft: &Draft) -> Vec<(&str, &str, &str)> {
    draft.identifiers.iter().map(|c| (c.kind.as_str(), c.scope.as_str(), c.value.as_str())).collect()
}

#[test]
fn an_invoice_is_a_purchase_of_its_period() {
    let draft = one(&invoice(
        "<RelateNumber>ORDER-1</RelateNumber>",
        "<Identifier>0000000000</Identifier><Name>0000000000</Name>",
    ));
    assert_eq!(draft.key, "12345675/202603/AB12345678");
    assert_eq!(draft.occurred_at, Micros::parse("2026-04-30T23:30:00+08:00"));
    assert_eq!(draft.revision, 1_777_563_000);
    assert_eq!(claims(&draft), []);
    assert!(draft.content.is_empty());
    let body = serde_json::to_value(&draft.body).expect("body");
    let want = json!({"purchase": {"currency": "TWD", "total": "105", "tax": "5",
        "lines": [{"sku": "茶", "quantity": "2", "amount": "100"}], "refs": ["AB12345678", "ORDER-1"]}});
    assert_eq!(body, want);
    let later = decode(
        &channel(json!({})),
        &[("x-file-time", "1780000000"), ("x-historical", "1")],
        &invoice("", ""),
    );
    assert_eq!((later.events[0].revision, later.events[0].flags), (1_780_000_000, 2));
}

#[test]
fn carriers_and_buyers_are_told_apart() {
    let carrier = |kind: &str, one_id: &str, other: &str| {
        let main = format!(
            "<CarrierType>{kind}</CarrierType><CarrierId1>{one_id}</CarrierId1><CarrierId2>{other}</CarrierId2>"
        );
        let draft = one(&invoice(&main, "<Identifier>0000000000</Identifier>"));
        assert!(draft.identifiers.iter().all(|c| c.trust == Trust::Claimed));
        claims(&draft)
            .into_iter()
            .map(|(k, s, v)| (k.to_owned(), s.to_owned(), v.to_owned()))
            .collect::<Vec<_>>()
    };
    let is =
        |kind: &str, scope: &str, value: &str| vec![(kind.to_owned(), scope.to_owned(), value.to_owned())];
    assert_eq!(carrier("3J0002", "/ABC+123", "/ABC+123"), is("carrier", "", "/ABC+123"));
    assert_eq!(carrier("3J0002", "hidden", "/ABC+123"), is("carrier", "", "/ABC+123"));
    assert_eq!(carrier("CQ0001", "ab12345678901234", ""), is("certificate", "", "AB12345678901234"));
    assert_eq!(carrier("EJ0113", "M77", ""), is("external", "carrier:EJ0113", "M77"));
    assert_eq!(carrier("3J0002", "", ""), []);

    let company = one(&invoice(
        "",
        "<Identifier>53212539</Identifier><Name>好公司</Name><EmailAddress>a@b.example</EmailAddress>",
    ));
    assert_eq!((claims(&company).len(), company.content.profile.len()), (0, 0));
    assert_eq!(company.content.fields["buyer_identifier"], "53212539");
    let buyer = "<Identifier>0000000000</Identifier><Name>陳美玲</Name><TelephoneNumber>0928173654</TelephoneNumber>\
                 <EmailAddress>mei@example.com</EmailAddress><CustomerNumber>M1</CustomerNumber>";
    let person = one(&invoice("", buyer));
    assert_eq!(claims(&person), [("email", "", "mei@example.com"), ("phone", "", "0928173654")]);
    assert_eq!(person.content.profile.values().collect::<Vec<_>>(), ["陳美玲"]);
    let member = decode(&channel(json!({"customer_number": "member"})), &[], &invoice("", buyer));
    assert_eq!(claims(&member.events[0])[0], ("member", "", "M1"));
}

#[test]
fn what_is_void_may_come_again_and_what_is_cancelled_not() {
    let gone = |word: &str| {
        let text = format!(
            "<{word}Invoice><{word}InvoiceNumber>AB12345678</{word}InvoiceNumber><InvoiceDate>20260430</InvoiceDate>\
             <SellerId>12345675</SellerId><{word}Date>20260501</{word}Date><{word}Time>08:00:00</{word}Time></{word}Invoice>"
        );
        one(&text)
    };
    let issued = one(&invoice("", ""));
    let (void, cancelled) = (gone("Void"), gone("Cancel"));
    assert_eq!((&void.key, &cancelled.key), (&issued.key, &issued.key));
    assert!(issued.revision < void.revision && void.revision < REMOVAL && cancelled.revision == REMOVAL);
    let allowance = "<Allowance><Main><AllowanceNumber>A1</AllowanceNumber><AllowanceDate>20260502</AllowanceDate><Seller>\
        <Identifier>12345675</Identifier></Seller></Main><Details><ProductItem><OriginalInvoiceDate>20260430</OriginalInvoiceDate>\
        <OriginalInvoiceNumber>AB12345678</OriginalInvoiceNumber><Amount>57</Amount><Tax>3</Tax></ProductItem><ProductItem>\
        <OriginalInvoiceDate>20260430</OriginalInvoiceDate><OriginalInvoiceNumber>AB12345678</OriginalInvoiceNumber>\
        <Amount>10</Amount></ProductItem></Details></Allowance>";
    let refund = one(allowance);
    let want = json!({"refund": {"of": issued.key, "currency": "TWD", "total": "70"}});
    assert_eq!(serde_json::to_value(&refund.body).expect("body"), want);
    let cancelled = one(
        "<CancelAllowance><CancelAllowanceNumber>A1</CancelAllowanceNumber><SellerId>12345675</SellerId>\
        <CancelDate>20260503</CancelDate></CancelAllowance>",
    );
    assert_eq!((&cancelled.key, cancelled.revision), (&refund.key, REMOVAL));
}

#[test]
fn what_names_no_invoice_is_kept() {
    let channel = channel(json!({}));
    for (body, reason, detail) in [
        ("<Invoice>".to_owned(), "malformed_xml", "the document is not well-formed XML"),
        ("<Other></Other>".to_owned(), "unknown_event_type", "none that this adapter reads"),
        (invoice("", "").replace("AB12345678", "AB1234567"), "malformed_event", "InvoiceNumber"),
        (invoice("", "").replace("12345675", "1"), "malformed_event", "seller"),
        (invoice("", "").replace("20260430", "30.4."), "malformed_event", "InvoiceDate"),
        (invoice("", "").replace("<TotalAmount>105", "<TotalAmount>x"), "malformed_event", "TotalAmount"),
    ] {
        let decoded = decode(&channel, &[], &body);
        let kept = decoded.unrecognised.first().expect("kept");
        assert!(decoded.events.is_empty() && kept.reason == reason, "{reason}: {}", kept.reason);
        assert!(kept.detail.contains(detail) || reason == "malformed_xml", "{}", kept.detail);
    }
}
