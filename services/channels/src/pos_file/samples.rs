//! Sample files of a channel whose columns carry the words of the mapping table.

use crate::adapter::Sample;

pub(super) const SAMPLES: &[Sample] = &[
    Sample {
        name: "sale",
        about: "one sale with a member number",
        content_type: "text/csv",
        body: "store,register,receipt,time,member,phone,name,total\n\
               {{store=7}},2,{{n}},{{iso}},{{member=M0001}},{{phone=0928-173-654}},{{name=陳美玲}},{{total=500}}\n",
    },
    Sample {
        name: "refund",
        about: "money given back for an earlier receipt",
        content_type: "text/csv",
        body: "store,register,receipt,time,member,refund_of,total\n\
               {{store=7}},2,R{{n}},{{iso}},{{member=M0001}},{{of=1}},-{{total=120}}\n",
    },
    Sample {
        name: "anonymous",
        about: "a sale to nobody in particular",
        content_type: "text/csv",
        body: "store,register,receipt,time,member,total\n{{store=7}},2,A{{n}},{{iso}},,{{total=85}}\n",
    },
    Sample {
        name: "void",
        about: "a sale that was voided at the till",
        content_type: "text/csv",
        body: "store,register,receipt,time,void,total\n{{store=7}},2,{{n}},{{iso}},1,{{total=500}}\n",
    },
    Sample {
        name: "json",
        about: "one sale as a JSON line",
        content_type: "application/x-ndjson",
        body: "{\"store\":\"{{store=7}}\",\"register\":\"2\",\"receipt\":\"J{{n}}\",\"time\":\"{{iso}}\",\
               \"member\":\"{{member=M0001}}\",\"total\":{{total=500}}}\n",
    },
];
