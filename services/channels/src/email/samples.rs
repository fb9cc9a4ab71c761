//! Sample mails.

use crate::adapter::Sample;

const TYPE: &str = "message/rfc822";

/// The samples of this kind.
pub const SAMPLES: &[Sample] = &[
    Sample {
        name: "message",
        about: "a customer writes",
        content_type: TYPE,
        body: "From: \"{{from_name=Mei-Ling Chen}}\" <{{from=mei.ling@example.com}}>\r\n\
To: help@shop.example\r\n\
Subject: {{subject=When will my order arrive?}}\r\n\
Message-ID: <sample-{{n}}@example.com>\r\n\
Date: Sun, 1 Mar 2026 10:12:00 +0800\r\n\
MIME-Version: 1.0\r\n\
Content-Type: text/plain; charset=utf-8\r\n\
Content-Transfer-Encoding: 8bit\r\n\
\r\n\
{{text=您好，請問我的訂單什麼時候會到？}}\r\n",
    },
    Sample {
        name: "reply",
        about: "a customer answers, with the quoted mail below",
        content_type: TYPE,
        body: "From: <{{from=mei.ling@example.com}}>\r\n\
To: help@shop.example\r\n\
Subject: RE: order\r\n\
Message-ID: <sample-reply-{{n}}@example.com>\r\n\
In-Reply-To: <sent-1@shop.example>\r\n\
References: <sample-1@example.com> <sent-1@shop.example>\r\n\
Date: Sun, 1 Mar 2026 11:00:00 +0800\r\n\
\r\n\
{{text=Thank you!}}\r\n\
\r\n\
-----Original Message-----\r\n\
From: help@shop.example\r\n\
It leaves today.\r\n",
    },
    Sample {
        name: "bounce",
        about: "a mail of ours could not be delivered",
        content_type: TYPE,
        body: "From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\r\n\
To: help@shop.example\r\n\
Subject: Undelivered Mail Returned to Sender\r\n\
Message-ID: <sample-bounce-{{n}}@mx.example.net>\r\n\
Auto-Submitted: auto-replied\r\n\
Date: Sun, 1 Mar 2026 12:00:00 +0800\r\n\
MIME-Version: 1.0\r\n\
Content-Type: multipart/report; report-type=delivery-status; boundary=b1\r\n\
\r\n\
--b1\r\n\
\r\n\
The mail could not be delivered.\r\n\
--b1\r\n\
Content-Type: message/delivery-status\r\n\
\r\n\
Reporting-MTA: dns; mx.example.net\r\n\
\r\n\
Final-Recipient: rfc822; {{recipient=gone@example.com}}\r\n\
Action: failed\r\n\
Status: 5.1.1\r\n\
--b1\r\n\
Content-Type: text/rfc822-headers\r\n\
\r\n\
Message-ID: <sent-1@shop.example>\r\n\
--b1--\r\n",
    },
    Sample {
        name: "automatic-reply",
        about: "an out-of-office answer: recorded, but nobody is speaking",
        content_type: TYPE,
        body: "From: <{{from=mei.ling@example.com}}>\r\n\
To: help@shop.example\r\n\
Subject: Automatic reply\r\n\
Message-ID: <sample-auto-{{n}}@example.com>\r\n\
Auto-Submitted: auto-replied\r\n\
Date: Sun, 1 Mar 2026 12:30:00 +0800\r\n\
\r\n\
I am out of office.\r\n",
    },
];
