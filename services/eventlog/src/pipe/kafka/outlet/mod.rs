//! Changes in a compacted topic: the newest of each customer stays. Who publishes is whoever has the topic's first partition
//! in a group of consumers that read nothing; that nobody else does is held by the brokers, which refuse a producer once
//! another has begun under the same transactional id.

mod member;
mod publishing;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Options, answers, aside, ask, asking::Asking, mark, topic};
use crate::pipe::{Binding, Lead, Message, Outlet, PipeError};
use member::Member;
use publishing::Publishing;

/// How far from a partition's end its last message is looked for first: behind it stand ends of transactions.
const LOOK_BACK: u64 = 16;

/// Topic `tributary.NAME.customers`.
pub struct KafkaOutlet {
    options: Options,
    /// Membership in the group lasts as long as this: who joins moves what others have.
    member: Mutex<Option<Arc<Member>>>,
}

impl KafkaOutlet {
    /// Connects to nobody yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, member: Mutex::default() }
    }

    fn member(&self) -> Result<Arc<Member>, PipeError> {
        let mut member = self.member.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(member) = member.as_ref().filter(|member| member.error().is_none()) {
            return Ok(Arc::clone(member));
        }
        let joined = Arc::new(Member::join(&self.options)?);
        *member = Some(Arc::clone(&joined));
        Ok(joined)
    }

    fn leave(&self) {
        *self.member.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Options {
    /// The topic of customers.
    #[must_use]
    pub fn customers_topic(&self) -> String {
        format!("tributary.{}.customers", self.name)
    }
}

#[async_trait]
impl Outlet for KafkaOutlet {
    async fn lead(&self) -> Result<Box<dyn Lead>, PipeError> {
        let asking = Arc::new(Mutex::new(Asking::about(&self.options, self.options.customers_topic())?));
        let partitions = match topic::open_customers(&self.options, &asking).await {
            Ok(partitions) => partitions,
            Err(error) => {
                aside(asking);
                return Err(error);
            }
        };
        let member = self.member()?;
        let mut held = member.held();
        let waited = held.wait_for(|held| *held).await.map(|_| ());
        if let (Some(error), _) | (None, Err(error)) =
            (member.error(), waited.map_err(|_| PipeError::Unreachable("the group's consumer ended".into())))
        {
            self.leave();
            aside(asking);
            return Err(error);
        }
        let publishing = Publishing::begin(&self.options).await?;
        Ok(Box::new(KafkaLead { member, held, publishing, asking, partitions }))
    }
}

struct KafkaLead {
    member: Arc<Member>,
    held: watch::Receiver<bool>,
    publishing: Publishing,
    asking: Arc<Mutex<Asking>>,
    partitions: u32,
}

impl Drop for KafkaLead {
    fn drop(&mut self) {
        aside(Arc::clone(&self.asking));
    }
}

#[async_trait]
impl Lead for KafkaLead {
    async fn newest(&mut self, attributes: &[&str]) -> Result<Vec<Vec<Option<String>>>, PipeError> {
        let partitions = self.partitions;
        let names: Vec<String> =
            attributes.iter().map(|name| Binding::Kafka.header(name, "").0.into_owned()).collect();
        ask(&self.asking, move |asking| {
            let held = asking.held(partitions)?;
            let mut all = Vec::new();
            for (partition, (first, end)) in held {
                all.extend(last(asking, partition, (first, end), &names)?);
            }
            Ok(all)
        })
        .await
    }

    async fn publish(&mut self, messages: &[Message]) -> Result<(), PipeError> {
        self.publishing.publish(messages).await
    }

    async fn lost(&mut self) {
        // The sender goes with the member's thread.
        let _ = self.held.wait_for(|held| !*held).await;
    }

    async fn resign(self: Box<Self>) {
        self.member.leave();
        // The next call joins anew.
        let mut held = self.held.clone();
        let _ = held.wait_for(|held| !*held).await;
    }
}

/// The last message of a partition, looked for from its end.
fn last(
    asking: &mut Asking,
    partition: u32,
    (first, end): (u64, u64),
    names: &[String],
) -> Result<Option<Vec<Option<String>>>, PipeError> {
    if end < first {
        return Ok(None);
    }
    let mut back = LOOK_BACK;
    loop {
        let (from, mut found) = (end.saturating_sub(back).max(first), None);
        asking.look(partition, (from, end), |message| -> Option<()> {
            let value = |name: &String| mark::header(message, name).map(str::to_owned);
            found = Some(names.iter().map(value).collect());
            None
        })?;
        if found.is_some() || from == first {
            return Ok(found);
        }
        back = back.saturating_mul(LOOK_BACK);
    }
}

/// A transaction's end must be asked for where waiting disturbs nobody.
fn failed(error: &rdkafka::error::KafkaError, context: &super::client::Context) -> PipeError {
    use rdkafka::error::RDKafkaErrorCode as C;
    match error.rdkafka_error_code() {
        Some(C::Fenced | C::ProducerFenced | C::InvalidProducerEpoch) => {
            PipeError::Overtaken("another node's producer has begun".to_owned())
        }
        _ => answers::of(error, context),
    }
}
