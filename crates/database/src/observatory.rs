//! Numbers about the whole, for operators.

use crate::Database;
use crate::error::store_error;
use crate::sql::{all, one};
use async_trait::async_trait;
use overture_domain::entities::MessageStatus;
use overture_domain::ports::{Observatory, Overview, StoreError};
use sea_orm::DbErr;
use std::time::Duration;

#[async_trait]
impl Observatory for Database {
    async fn overview(&self) -> Result<Overview, StoreError> {
        self.count().await.map_err(|error| store_error(&error))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        one(&self.readers, "SELECT 1 FROM tenants LIMIT 1", []).await.map(|_| ()).map_err(|error| store_error(&error))
    }
}

impl Database {
    async fn count(&self) -> Result<Overview, DbErr> {
        let rows = all(&self.readers, "SELECT status, count(*) FROM messages GROUP BY status", []).await?;
        let mut messages = Vec::new();
        for row in rows {
            let (status, count): (String, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            messages.extend(MessageStatus::parse(&status).map(|status| (status, unsigned(count))));
        }
        let sql = "SELECT (SELECT count(*) FROM wakeups), (SELECT {now} - min(due_at) FROM wakeups WHERE due_at <= {now}), \
                   (SELECT count(*) FROM channels WHERE state = 'error'), \
                   (SELECT count(*) FROM conversations WHERE attention_reason IS NOT NULL), \
                   (SELECT {now} - min(m.next_attempt_at) FROM messages m CROSS JOIN {conversations v: v.id = m.conversation_id} \
                   CROSS JOIN {channels ch: ch.id = v.channel_id} \
                   WHERE m.status = 'queued' AND m.next_attempt_at <= {now} AND ch.state = 'active' AND ch.enabled), \
                   (SELECT count(*) FROM unplaced_messages)";
        let Some(row) = one(&self.readers, sql, []).await? else {
            return Ok(Overview { messages, ..Overview::default() });
        };
        let waited = |column| -> Result<Option<Duration>, DbErr> {
            Ok(row.try_get_by_index::<Option<i64>>(column)?.map(|millis| Duration::from_millis(unsigned(millis))))
        };
        Ok(Overview {
            messages,
            wakeups: unsigned(row.try_get_by_index(0)?),
            oldest_due_for: waited(1)?,
            oldest_due_message_for: waited(4)?,
            channels_in_error: unsigned(row.try_get_by_index(2)?),
            attention: unsigned(row.try_get_by_index(3)?),
            unplaced: unsigned(row.try_get_by_index(5)?),
        })
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
