//! All nodes must make the same tokens of the same identifiers, else nobody's events meet: each log says in its first record
//! what its key makes of a fixed text.

use super::Trouble;
use tributary_core::token::IndexKey;
use tributary_eventlog::{EventLog, NewRecord, Origin, pipe::Mirrors};

/// Attribute of the first record.
const ATTRIBUTE: &str = "key";

/// What this key is told by.
fn mark(key: &IndexKey) -> String {
    key.token("tributary", "index key", "1").0.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first record of a log that is written with this key.
#[must_use]
pub fn opened(origin: Origin, key: &IndexKey) -> NewRecord {
    let record = NewRecord::log_opened(origin);
    NewRecord { attributes: record.attributes.with(ATTRIBUTE, &mark(key)), ..record }
}

/// What is wrong with the first copy that was written with another key.
pub(super) fn stranger(mirrors: &Mirrors, key: &IndexKey) -> Option<Trouble> {
    mirrors.logs().values().find_map(|copy| differs(&**copy, key))
}

/// What is wrong with a log that was written with another key. One that does not tell is believed: earlier releases wrote it.
pub(crate) fn differs(log: &dyn EventLog, key: &IndexKey) -> Option<Trouble> {
    let first = log.get(1).ok().flatten()?;
    let found = first.attributes.get(ATTRIBUTE)?;
    (found != mark(key)).then(|| Trouble {
        code: "index_key_differs",
        detail: format!("the node of log {} has another index key: no customer would be found across nodes", log.origin()),
        remedy: "give all nodes of a hub the same key before their first start: copy `keys/index.key` from the data folder \
                 of the first one (mode 0600, its folder 0700); a node that started with a key of its own starts anew with \
                 an empty data folder, and the broker's stream without its events",
    })
}
