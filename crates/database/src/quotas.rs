//! Quotas: counted in the transaction that opens the conversation, so that nothing is counted that is not stored. Whoever
//! opens through a channel with quotas waits for the others that do; channels without quotas take no part.
//!
//! A row counts one period, of a channel (`canonical` is empty: no contact is called so) or of a contact on it.

use crate::Database;
use crate::error::store_error;
use crate::rows::{millis, uuid_at};
use crate::sql::{Rows, Script};
use async_trait::async_trait;
use overture_domain::entities::{Address, Quota, QuotaExceeded};
use overture_domain::ids::ChannelId;
use overture_domain::ports::{OpenConversation, QuotaRepo, StoreError};
use overture_domain::time::Timestamp;
use sea_orm::{DbErr, QueryResult};
use std::collections::HashMap;
use uuid::Uuid;

/// What is used in the periods of now, for rows of channel, contact and length.
pub(crate) const USED: &str = "SELECT 'quota', r.c1, r.c2, {now}, coalesce(q.used, 0) FROM r LEFT JOIN quota_uses q \
    ON q.channel_id = r.c1 AND q.canonical = r.c2 AND q.period_start = {now} - {now} % r.c3 WHERE r.c1 IS NOT NULL";

/// The columns of such a row.
pub(crate) const USED_COLUMNS: usize = 3;

/// What is used of quotas, and what a batch adds to it.
#[derive(Default)]
pub(crate) struct Uses(HashMap<(Uuid, String), Use>);

struct Use {
    used: u32,
    /// When it was looked at, by the database's clock; what is added counts for the period of then.
    now: Timestamp,
    /// In which period, if anything was added.
    added_in: Option<Timestamp>,
}

impl Uses {
    /// Asks for what these quotas have used.
    pub(crate) fn ask(rows: &mut Rows, channel: ChannelId, to: &Address, quotas: &[(Quota, u32)]) {
        for (quota, _) in quotas {
            let (channel, canonical) = key(channel, to, *quota);
            rows.push([channel.into(), canonical.into(), signed_period(*quota).into()]);
        }
    }

    /// Takes an answer to that.
    pub(crate) fn note(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        let used = Use {
            now: Timestamp::from_millis(row.try_get_by_index(3)?),
            used: u32::try_from(row.try_get_by_index::<i64>(4)?).unwrap_or(u32::MAX),
            added_in: None,
        };
        self.0.insert((uuid_at(row, 1)?, row.try_get_by_index(2)?), used);
        Ok(())
    }

    /// Whether there is room for one more.
    pub(crate) fn check(&self, channel: ChannelId, to: &Address, quotas: &[(Quota, u32)]) -> Result<(), QuotaExceeded> {
        for (quota, limit) in quotas {
            if let Some(Use { used, now, .. }) = self.0.get(&key(channel, to, *quota)) {
                QuotaExceeded::unless_left(*quota, *limit, *used, *now)?;
            }
        }
        Ok(())
    }

    /// Counts one more.
    pub(crate) fn count(&mut self, opening: &OpenConversation) {
        for (quota, _) in &opening.quotas {
            if let Some(entry) = self.0.get_mut(&key(opening.channel_id, &opening.recipient.address, *quota)) {
                entry.used = entry.used.saturating_add(1);
                entry.added_in = Some(quota.period_of(entry.now));
            }
        }
    }

    /// Writes what was added.
    pub(crate) fn write(self, script: &mut Script) {
        let mut rows = Rows::new(4);
        for ((channel, canonical), Use { used, added_in, .. }) in self.0 {
            if let Some(period) = added_in {
                rows.push([channel.into(), canonical.into(), millis(period), i64::from(used).into()]);
            }
        }
        let sql = "INSERT INTO quota_uses (channel_id, canonical, period_start, used) SELECT c1, c2, c3, c4 FROM r WHERE c1 IS NOT NULL \
                   ON CONFLICT (channel_id, canonical, period_start) DO UPDATE SET used = excluded.used";
        script.push_rows(rows, sql);
    }
}

/// The name under which those who count towards the quotas of a channel wait for each other.
pub(crate) fn quota_name(channel: ChannelId) -> String {
    format!("quotas of {channel}")
}

fn key(channel: ChannelId, to: &Address, quota: Quota) -> (Uuid, String) {
    let canonical = match quota {
        Quota::PerDay => "",
        Quota::PerContactPerHour => to.canonical(),
    };
    (channel.as_uuid(), canonical.to_owned())
}

fn signed_period(quota: Quota) -> i64 {
    crate::wakeups::signed(quota.period())
}

#[async_trait]
impl QuotaRepo for Database {
    async fn exceeded(
        &self,
        channel: ChannelId,
        to: &Address,
        quotas: &[(Quota, u32)],
    ) -> Result<Option<QuotaExceeded>, StoreError> {
        let mut rows = Rows::new(USED_COLUMNS);
        Uses::ask(&mut rows, channel, to, quotas);
        let mut uses = Uses::default();
        for row in rows.read(&self.readers, USED).await.map_err(|error| store_error(&error))? {
            uses.note(&row).map_err(|error| store_error(&error))?;
        }
        Ok(uses.check(channel, to, quotas).err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatabaseOptions;
    use crate::sql::{all, change};
    use overture_domain::entities::{
        Channel, ChannelKind, ChannelLimits, ChannelSettings, ChannelState, OnUnclear, Transport,
    };
    use overture_domain::ids::{TenantId, Version, WorkspaceId};
    use overture_domain::ports::{ChannelRepo, RetentionRepo, Tenant, TenantRepo, Workspace};
    use overture_domain::values::PhoneNumber;

    const MINUTE: i64 = 60_000;

    async fn with_a_channel(database: &Database) -> ChannelId {
        let (name, created_at) = ("Acme".to_owned(), Timestamp::from_millis(0));
        let tenant = Tenant { id: TenantId::from_uuid(Uuid::from_u128(1)), name: name.clone(), created_at };
        let id = WorkspaceId::from_uuid(Uuid::from_u128(2));
        let workspace = Workspace { id, tenant_id: tenant.id, name: name.clone(), created_at };
        let channel = Channel {
            id: ChannelId::from_uuid(Uuid::from_u128(3)),
            tenant_id: tenant.id,
            workspace_id: workspace.id,
            name,
            kind: ChannelKind::Sms,
            transport: Transport::Sandbox,
            state: ChannelState::Active,
            enabled: true,
            paused_at: None,
            limits: ChannelLimits::default(),
            on_unclear: OnUnclear::AskPerson,
            fault: None,
            message_id_domain: None,
            outside_window: None,
            version: Version::FIRST,
            created_at,
        };
        database.add_tenant(&tenant).await.unwrap();
        database.add_workspace(&workspace).await.unwrap();
        database.add(&channel, &ChannelSettings::default()).await.unwrap();
        channel.id
    }

    /// So many were used up to a period that many minutes before the current one.
    async fn used(database: &Database, channel: ChannelId, quota: Quota, canonical: &str, minutes: i64) {
        let sql = "INSERT INTO quota_uses (channel_id, canonical, period_start, used) VALUES (?, ?, {now} - {now} % ? - ?, 5)";
        let period = signed_period(quota);
        let values = [channel.as_uuid().into(), canonical.into(), period.into(), (minutes * MINUTE).into()];
        change(&database.writing, sql, values).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_used_in_periods_that_are_over_is_not_counted_and_swept_after_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("overture.db").display());
        let options = DatabaseOptions { url, secrets_key: [1; 32], old_secrets_keys: Vec::new(), connections: 2 };
        let database = Database::open(options).await.unwrap();
        database.migrate().await.unwrap();
        let channel = with_a_channel(&database).await;
        let (day, hour) = (Quota::PerDay, Quota::PerContactPerHour);
        let number = "+4915112345678";
        let to = Address::Phone(PhoneNumber::from_stored(number));
        let exceeded = async |quota| database.exceeded(channel, &to, &[(quota, 5)]).await.unwrap();

        used(&database, channel, day, "", 24 * 60).await;
        used(&database, channel, hour, number, 60).await;
        used(&database, channel, hour, number, 48 * 60).await;
        used(&database, channel, hour, "+4915112345679", 0).await;
        assert_eq!((exceeded(day).await, exceeded(hour).await), (None, None));
        used(&database, channel, day, "", 0).await;
        used(&database, channel, hour, number, 0).await;
        assert!(exceeded(day).await.is_some() && exceeded(hour).await.is_some());

        assert_eq!(database.sweep_quota_uses(1).await.unwrap(), 1, "the oldest first, and no more than a batch");
        assert_eq!(database.sweep_quota_uses(10).await.unwrap(), 1);
        assert_eq!(database.sweep_quota_uses(10).await.unwrap(), 0);
        let left = all(&database.readers, "SELECT 1 FROM quota_uses", []).await.unwrap();
        assert_eq!(left.len(), 4);
    }
}
