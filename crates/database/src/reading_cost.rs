//! What a compose costs the database must not grow with what is stored. Measured, not believed: SQLite's own count of
//! executed instructions, on the connections that do the work, planner settings at their defaults.

use crate::sql::all;
use crate::test_place::{NOW, Place};
use crate::wakeups::WAITING;
use crate::{Database, DatabaseOptions};
use overture_domain::entities::{Address, KeyDigest, MessageStatus};
use overture_domain::ids::MessageId;
use overture_domain::ports::{
    ApiKeyRepo, Begun, ChannelRepo, ContactRepo, ConversationRepo, DeliveryRepo, Receipt, ReceiptRepo, ReceiptStatus,
    RetentionRepo, StartOrder, WakeupQueue, WantedContact,
};
use overture_domain::receipts::judge_all;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

#[tokio::test]
async fn composing_and_delivering_reads_as_much_at_a_thousand_conversations_as_at_a_hundred_thousand() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("overture.db").display());
    let database =
        Database::open(DatabaseOptions { url, secrets_key: [1; 32], old_secrets_keys: Vec::new(), connections: 1 })
            .await
            .unwrap();
    database.migrate().await.unwrap();
    let place = Place::make(&database).await;
    place.fill(&database, 1_000).await;
    let few = place.one_message(&database, 1).await;
    place.fill(&database, 99_000).await;
    let many = place.one_message(&database, 2).await;

    for ((what, few), (_, many)) in few.iter().zip(&many) {
        // A deeper tree takes the same instructions; what may differ is a balancing insert and the one message more that waits.
        assert!(*many <= few + few / 20 + 8, "{what} took {few} steps at 1,000 conversations and {many} at 100,000");
    }
}

/// Counts every instruction that a connection executes, or no longer does.
async fn count(connection: &DatabaseConnection, steps: Option<&Arc<AtomicU64>>) {
    let mut connection = connection.get_sqlite_connection_pool().acquire().await.unwrap();
    let mut handle = connection.lock_handle().await.unwrap();
    match steps.cloned() {
        Some(steps) => handle.set_progress_handler(1, move || {
            steps.fetch_add(1, Ordering::Relaxed);
            true
        }),
        None => handle.remove_progress_handler(),
    }
}

impl Place {
    /// Stores conversations that rest, with a contact, an idempotency record and a wakeup each.
    async fn fill(&self, database: &Database, count: u32) {
        let numbers = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})");
        let [tenant, workspace, channel] = [self.tenant.as_uuid(), self.workspace.as_uuid(), self.channel.as_uuid()]
            .map(|id| format!("x'{}'", id.simple()));
        let statements = [
            format!("CREATE TEMP TABLE fresh AS {numbers} SELECT i, randomblob(16) AS contact, randomblob(16) AS conversation, randomblob(16) AS message FROM n"),
            format!("INSERT INTO contacts SELECT contact, {tenant}, 'Jan', 1, 0 FROM fresh"),
            format!("INSERT INTO contact_addresses SELECT {tenant}, 'email', hex(contact) || '@example.com', 'x', contact, 1, 0 FROM fresh"),
            format!(
                "INSERT INTO conversations SELECT conversation, {tenant}, {workspace}, {channel}, contact, 'awaiting_contact', 1, NULL, NULL, NULL, \
                 'Subject', 'Preview', 0, 'email', hex(contact) || '@example.com', 'x', NULL, 3, 0, 0 FROM fresh"
            ),
            "INSERT INTO messages (id, conversation_id, direction, content, status, attempts, unclear, next_attempt_at, deliver_by, created_at) \
             SELECT message, conversation, 'outbound', 'Hello', 'sent', 1, 0, 0, 0, i FROM fresh"
                .to_owned(),
            "INSERT INTO messages (id, conversation_id, direction, kind, content, raw, status, attempts, unclear, next_attempt_at, deliver_by, created_at) \
             SELECT randomblob(16), conversation, 'inbound', 'image', '(image)', '{}', 'delivered', 0, 0, 9e15, 0, i FROM fresh"
                .to_owned(),
            format!(
                "INSERT INTO unplaced_messages SELECT {channel}, hex(message), 'US.1', NULL, 'text', 'Hello', NULL, NULL, 9e15 FROM fresh"
            ),
            format!("INSERT INTO idempotency_records SELECT {tenant}, randomblob(32), randomblob(32), conversation, '', 9e15 FROM fresh"),
            format!("INSERT INTO wakeups SELECT conversation, {workspace}, 1, 9e15, 0, 0 FROM fresh"),
            "DROP TABLE fresh".to_owned(),
        ];
        for statement in statements {
            database.writing.execute_unprepared(&statement).await.unwrap();
        }
    }

    /// Nothing of it is old.
    async fn sweep(&self, database: &Database) {
        let month = Duration::from_secs(30 * 24 * 60 * 60);
        assert_eq!(database.sweep_unplaced(month, 1_000).await.unwrap(), 0);
        assert_eq!(database.sweep_raw(month, 1_000).await.unwrap(), 0);
    }

    /// A receipt of a message whose attempt ended well.
    async fn receipt(&self, database: &Database, message: MessageId, id: &str) {
        let message = format!("x'{}'", message.as_uuid().simple());
        let ended = format!(
            "UPDATE attempts SET outcome = 'sent', provider_message_id = '{id}' WHERE message_id = {message}; \
             UPDATE messages SET status = 'sent' WHERE id = {message}"
        );
        database.writing.execute_unprepared(&ended).await.unwrap();
        let delivered = Receipt {
            provider_message_id: id.into(),
            message_id: None,
            status: ReceiptStatus::Delivered,
            at: None,
            failure: None,
        };
        let found = database.standings(self.channel, std::slice::from_ref(&delivered)).await.unwrap();
        let judged = judge_all([delivered].into_iter().zip(found), NOW);
        let kept = ReceiptRepo::keep(database, self.channel, judged).await.unwrap();
        assert_eq!((kept.new, kept.moved), (1, vec![]));
    }

    /// Composes and delivers one message through every statement of the path; the instructions each took.
    async fn one_message(&self, database: &Database, number: u128) -> Vec<(&'static str, u64)> {
        let steps = Arc::new(AtomicU64::new(0));
        count(&database.readers, Some(&steps)).await;
        count(&database.writing, Some(&steps)).await;
        let mut taken = Vec::new();
        let mut note = |what| taken.push((what, steps.swap(0, Ordering::Relaxed)));
        let opening = self.opening(number);
        let (conversation_id, message_id) = (opening.conversation_id, opening.message_id);
        let key = opening.idempotency.as_ref().unwrap().key;
        ApiKeyRepo::find(database, &KeyDigest([9; 32])).await.unwrap();
        note("finding a key");
        database.earlier(self.tenant, &key).await.unwrap();
        note("looking for an earlier request");
        database.place(self.tenant, Some(self.workspace), Some(self.channel)).await.unwrap();
        note("finding workspace and channel");
        let Address::Email(email) = opening.recipient.address.clone() else { panic!("it goes to an email address") };
        database
            .matching(self.tenant, &WantedContact { email: Some(email), ..WantedContact::default() })
            .await
            .unwrap();
        note("finding the contact");
        database.open(opening).await.unwrap();
        note("opening");
        database.load(conversation_id).await.unwrap();
        note("loading the process");
        assert!(matches!(
            database.begin_attempt(message_id, Duration::from_secs(15)).await.unwrap(),
            Begun::Attempt(_)
        ));
        note("beginning an attempt");
        self.receipt(database, message_id, &format!("SM{number}")).await;
        note("keeping a receipt with its effect");
        database.claim(10, Duration::from_secs(1)).await.unwrap();
        note("looking for due wakeups");
        let order = StartOrder { conversation_id, workspace_id: self.workspace, generation: 1, tries: 0 };
        database.settle(&order).await.unwrap();
        note("settling a wakeup");
        all(&database.readers, WAITING, [self.channel.as_uuid().into(), Uuid::nil().into()]).await.unwrap();
        note("finding what waits for a channel");
        assert_eq!(database.messages_by_status(self.tenant, MessageStatus::Failed, 20).await.unwrap(), []);
        note("listing what failed");
        assert_eq!(database.with_attention(self.tenant, 20).await.unwrap(), []);
        note("listing what asks for a person");
        assert_eq!(database.messages_by_status(self.tenant, MessageStatus::Sent, 20).await.unwrap().len(), 20);
        note("listing what was sent");
        self.sweep(database).await;
        note("sweeping what contacts sent");
        count(&database.readers, None).await;
        count(&database.writing, None).await;
        taken
    }
}
