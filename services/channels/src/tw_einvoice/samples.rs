//! Sample documents, as of the guideline's version 4.

use crate::adapter::Sample;

pub(super) const SAMPLES: &[Sample] = &[
    Sample {
        name: "issued",
        about: "an invoice to a mobile barcode",
        content_type: "application/xml",
        body: r#"<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:GEINV:eInvoiceMessage:F0401:4.0"><Main><InvoiceNumber>{{number=AB12345678}}</InvoiceNumber><InvoiceDate>20260301</InvoiceDate><InvoiceTime>10:12:00</InvoiceTime><Seller><Identifier>12345675</Identifier><Name>範例商店</Name></Seller><Buyer><Identifier>0000000000</Identifier><Name>0000</Name></Buyer><RelateNumber>R{{n}}</RelateNumber><InvoiceType>07</InvoiceType><DonateMark>0</DonateMark><CarrierType>3J0002</CarrierType><CarrierId1>{{carrier=/ABC+123}}</CarrierId1><CarrierId2>{{carrier=/ABC+123}}</CarrierId2><PrintMark>N</PrintMark><RandomNumber>1234</RandomNumber></Main><Details><ProductItem><Description>咖啡</Description><Quantity>2</Quantity><UnitPrice>60</UnitPrice><Amount>120</Amount><SequenceNumber>001</SequenceNumber></ProductItem></Details><Amount><SalesAmount>120</SalesAmount><FreeTaxSalesAmount>0</FreeTaxSalesAmount><ZeroTaxSalesAmount>0</ZeroTaxSalesAmount><TaxType>1</TaxType><TaxRate>0.05</TaxRate><TaxAmount>0</TaxAmount><TotalAmount>{{total=120}}</TotalAmount></Amount></Invoice>
"#,
    },
    Sample {
        name: "cancelled",
        about: "an invoice that was cancelled",
        content_type: "application/xml",
        body: r#"<CancelInvoice xmlns="urn:GEINV:eInvoiceMessage:F0501:4.0"><CancelInvoiceNumber>{{number=AB12345679}}</CancelInvoiceNumber><InvoiceDate>20260301</InvoiceDate><BuyerId>0000000000</BuyerId><SellerId>12345675</SellerId><CancelDate>20260302</CancelDate><CancelTime>09:00:00</CancelTime><CancelReason>sample {{n}}</CancelReason></CancelInvoice>
"#,
    },
    Sample {
        name: "allowance",
        about: "money given back for an invoice",
        content_type: "application/xml",
        body: r#"<Allowance xmlns="urn:GEINV:eInvoiceMessage:G0401:4.0"><Main><AllowanceNumber>A{{n}}</AllowanceNumber><AllowanceDate>20260303</AllowanceDate><Seller><Identifier>12345675</Identifier></Seller><Buyer><Identifier>0000000000</Identifier><Name>0000</Name></Buyer><AllowanceType>2</AllowanceType></Main><Details><ProductItem><OriginalInvoiceDate>20260301</OriginalInvoiceDate><OriginalInvoiceNumber>{{number=AB12345678}}</OriginalInvoiceNumber><OriginalDescription>咖啡</OriginalDescription><Quantity>1</Quantity><UnitPrice>57</UnitPrice><Amount>57</Amount><Tax>3</Tax><AllowanceSequenceNumber>1</AllowanceSequenceNumber><TaxType>1</TaxType></ProductItem></Details><Amount><TaxAmount>3</TaxAmount><TotalAmount>57</TotalAmount></Amount></Allowance>
"#,
    },
];
