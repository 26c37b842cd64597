//! What is deleted when its time has passed: so many at a time, found by an index on its age, dated by the database's clock.
//!
//! Refused here: how long anything is kept. That is `Sweep` in the domain.

use crate::Database;
use crate::wakeups::signed;
use async_trait::async_trait;
use overture_domain::entities::Quota;
use overture_domain::ports::{RetentionRepo, StoreError};
use sea_orm::Value;
use std::time::Duration;

#[async_trait]
impl RetentionRepo for Database {
    async fn sweep_idempotency_records(&self, batch: u32) -> Result<u32, StoreError> {
        let sql = "DELETE FROM idempotency_records WHERE (tenant_id, key) IN \
                   (SELECT tenant_id, key FROM idempotency_records WHERE expires_at <= {now} ORDER BY expires_at LIMIT ? {skip locked})";
        self.swept(sql, vec![i64::from(batch).into()]).await
    }

    async fn sweep_receipts(&self, older_than: Duration, batch: u32) -> Result<u32, StoreError> {
        let sql = "DELETE FROM receipts WHERE (channel_id, provider_message_id, status) IN \
                   (SELECT channel_id, provider_message_id, status FROM receipts WHERE NOT applied AND kept_at <= {now} - ? \
                   ORDER BY kept_at LIMIT ? {skip locked})";
        self.swept(sql, aged(older_than, batch)).await
    }

    async fn sweep_quota_uses(&self, batch: u32) -> Result<u32, StoreError> {
        let sql = "DELETE FROM quota_uses WHERE (channel_id, canonical, period_start) IN \
                   (SELECT channel_id, canonical, period_start FROM quota_uses WHERE period_start <= {now} - ? \
                   ORDER BY period_start LIMIT ? {skip locked})";
        self.swept(sql, aged(Quota::PerDay.period(), batch)).await
    }

    async fn sweep_paces(&self, idle: Duration, batch: u32) -> Result<u32, StoreError> {
        let sql = "DELETE FROM paces WHERE (channel_id, canonical) IN \
                   (SELECT channel_id, canonical FROM paces WHERE greatest(free_at, next_turn) <= ({now} - ?) * 1000 LIMIT ? {skip locked})";
        self.swept(sql, aged(idle, batch)).await
    }

    async fn sweep_unplaced(&self, older_than: Duration, batch: u32) -> Result<u32, StoreError> {
        let sql = "DELETE FROM unplaced_messages WHERE (channel_id, provider_message_id) IN \
                   (SELECT channel_id, provider_message_id FROM unplaced_messages WHERE received_at <= {now} - ? \
                   ORDER BY received_at LIMIT ? {skip locked})";
        self.swept(sql, aged(older_than, batch)).await
    }

    async fn sweep_raw(&self, older_than: Duration, batch: u32) -> Result<u32, StoreError> {
        // Of what a contact wrote this is when it was kept.
        let sql = "UPDATE messages SET raw = NULL WHERE id IN \
                   (SELECT id FROM messages WHERE raw IS NOT NULL AND next_attempt_at <= {now} - ? \
                   ORDER BY next_attempt_at LIMIT ? {skip locked})";
        self.swept(sql, aged(older_than, batch)).await
    }
}

fn aged(age: Duration, batch: u32) -> Vec<Value> {
    vec![signed(age).into(), i64::from(batch).into()]
}

impl Database {
    async fn swept(&self, sql: &'static str, values: Vec<Value>) -> Result<u32, StoreError> {
        Ok(u32::try_from(self.writer.change(sql, values).await?).unwrap_or(u32::MAX))
    }
}
