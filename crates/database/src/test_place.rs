//! What a database's own tests open conversations in.

use crate::{Database, DatabaseOptions};
use overture_domain::entities::{Address, Author, ChannelSettings, Recipient};
use overture_domain::ids::{ApiKeyId, ChannelId, ContactId, ConversationId, MessageId, TenantId, WorkspaceId};
use overture_domain::ports::{
    ChannelRepo, ContactChoice, IdempotencyRecord, KeyedHash, OpenConversation, Tenant, TenantRepo, Workspace,
};
use overture_domain::time::Timestamp;
use overture_domain::values::{Content, DeliverWithin, EmailAddress, Wording};
use overture_testkit::store_contract;
use std::time::Duration;
use uuid::Uuid;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A tenant with a workspace and an email channel.
pub(crate) struct Place {
    pub(crate) tenant: TenantId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) channel: ChannelId,
}

impl Place {
    /// Its ids, in no database.
    pub(crate) fn nowhere() -> Self {
        Self {
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            workspace: WorkspaceId::from_uuid(Uuid::from_u128(2)),
            channel: ChannelId::from_uuid(Uuid::from_u128(3)),
        }
    }

    /// One in this database.
    pub(crate) async fn make(database: &Database) -> Self {
        let place = Self::nowhere();
        let Self { tenant, workspace, channel } = place;
        database.add_tenant(&Tenant { id: tenant, name: "t".into(), created_at: NOW }).await.unwrap();
        database
            .add_workspace(&Workspace { id: workspace, tenant_id: tenant, name: "w".into(), created_at: NOW })
            .await
            .unwrap();
        let row = store_contract::channel(store_contract::Place { tenant, workspace, channel });
        ChannelRepo::add(database, &row, &ChannelSettings::default()).await.unwrap();
        place
    }

    /// A conversation with a new contact, of its own ids, address and idempotency key.
    pub(crate) fn opening(&self, number: u128) -> OpenConversation {
        let email = EmailAddress::parse(&format!("new-{number}@example.com")).unwrap();
        let key = KeyedHash([u8::try_from(number).unwrap(); 32]);
        OpenConversation {
            tenant_id: self.tenant,
            workspace_id: self.workspace,
            channel_id: self.channel,
            conversation_id: ConversationId::from_uuid(Uuid::from_u128(number * 100)),
            message_id: MessageId::from_uuid(Uuid::from_u128(number * 100 + 1)),
            contact: ContactChoice::Create {
                id: ContactId::from_uuid(Uuid::from_u128(number * 100 + 2)),
                name: None,
                addresses: vec![Address::Email(email.clone())],
            },
            recipient: Recipient { address: Address::Email(email), name: None },
            subject: None,
            preview: "Hello".into(),
            content: Content::parse("Hello").unwrap().unwrap(),
            wording: Wording::AsWritten,
            held: None,
            author: Author::Key(ApiKeyId::from_uuid(Uuid::from_u128(5))),
            wire_message_id: None,
            deliver_within: DeliverWithin::from_millis(60_000),
            notices: vec![],
            quotas: Vec::new(),
            idempotency: Some(IdempotencyRecord { key, body: key, keep_for: Duration::from_secs(60) }),
            claimed_for: Duration::from_secs(30),
            created_at: NOW,
        }
    }
}

/// A fresh database on the server of the tests, and a place in it.
pub(crate) async fn on_postgres() -> (Database, Place) {
    let url = overture_tests::postgres::Postgres::shared().await.unwrap().database().await.unwrap();
    let options = DatabaseOptions { url, secrets_key: [1; 32], old_secrets_keys: Vec::new(), connections: 4 };
    let database = Database::open(options).await.unwrap();
    database.migrate().await.unwrap();
    let place = Place::make(&database).await;
    (database, place)
}
