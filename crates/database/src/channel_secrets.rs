//! Secrets of channels, each sealed by itself, and sealing them anew when a key is replaced.

use crate::Database;
use crate::error::store_error;
use crate::rows::{Row, corrupt};
use crate::seal::Belongs;
use crate::sql::{all, change};
use overture_domain::entities::ChannelSettings;
use overture_domain::ids::{ChannelId, TenantId};
use overture_domain::ports::StoreError;
use overture_domain::values::Secret;
use sea_orm::{DatabaseTransaction, DbErr, QueryResult};
use std::collections::BTreeMap;

/// How many secrets one transaction seals anew.
const BATCH: usize = 100;

/// What sealing anew did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resealed {
    /// Secrets that an older key had sealed and the newest has now.
    pub resealed: u64,
    /// Secrets that the newest key had sealed already.
    pub current: u64,
    /// Secrets that no key opens: they must be entered again.
    pub unreadable: u64,
}

/// A sealed secret with its name.
pub(crate) type Sealed = (String, Vec<u8>);

impl Database {
    /// The secrets of a channel, sealed.
    pub(crate) fn sealed(&self, tenant: TenantId, channel: ChannelId, settings: &ChannelSettings) -> Vec<Sealed> {
        let seal = |(name, secret): (&String, &Secret)| {
            (name.clone(), self.seal.seal(Belongs { tenant, channel, name }, secret))
        };
        settings.secrets.iter().map(seal).collect()
    }

    /// The secrets in rows that have `secret_name` and `sealed`, where there are any.
    pub(crate) fn opened(
        &self,
        tenant: TenantId,
        channel: ChannelId,
        rows: &[QueryResult],
    ) -> Result<BTreeMap<String, Secret>, StoreError> {
        let mut secrets = BTreeMap::new();
        for row in rows {
            let row = Row::of("channel_secrets", row);
            let Some(name) = row.get::<Option<String>>("secret_name")? else { continue };
            let sealed: Vec<u8> = row.get("sealed")?;
            let opened = self.seal.open(Belongs { tenant, channel, name: &name }, &sealed);
            let opened = opened.ok_or_else(|| corrupt("channel_secrets", "sealed", &channel))?;
            secrets.insert(name, opened.secret);
        }
        Ok(secrets)
    }

    /// Seals every secret that an older key sealed with the newest one, so that the older one can go. Runs beside
    /// everything else, and again wherever it was cut off.
    ///
    /// # Errors
    /// Any `StoreError`; what was sealed anew before stays so.
    pub async fn reseal_secrets(&self) -> Result<Resealed, StoreError> {
        let sql = "SELECT s.channel_id AS id, s.name, s.sealed, c.tenant_id FROM channel_secrets s JOIN channels c ON c.id = s.channel_id";
        let rows = all(&self.readers, sql, []).await.map_err(|error| store_error(&error))?;
        let (mut done, mut old) = (Resealed::default(), Vec::new());
        for row in &rows {
            let row = Row::of("channel_secrets", row);
            let (channel, tenant) = (ChannelId::from_uuid(row.get("id")?), TenantId::from_uuid(row.get("tenant_id")?));
            let (name, sealed): (String, Vec<u8>) = (row.get("name")?, row.get("sealed")?);
            let belongs = Belongs { tenant, channel, name: &name };
            match self.seal.open(belongs, &sealed) {
                None => done.unreadable += 1,
                Some(opened) if !opened.is_old => done.current += 1,
                Some(opened) => {
                    let anew = self.seal.seal(belongs, &opened.secret);
                    old.push((channel, name, sealed, anew));
                }
            }
        }
        for batch in old.chunks(BATCH) {
            let batch = batch.to_vec();
            done.resealed += self.writer.write(move |tx| Box::pin(replace(tx, batch.clone()))).await?;
        }
        Ok(done)
    }
}

/// One that changed meanwhile was sealed with the newest key then.
async fn replace(tx: &DatabaseTransaction, batch: Vec<(ChannelId, String, Vec<u8>, Vec<u8>)>) -> Result<u64, DbErr> {
    let mut replaced = 0;
    for (channel, name, before, anew) in batch {
        let sql = "UPDATE channel_secrets SET sealed = ? WHERE channel_id = ? AND name = ? AND sealed = ?";
        let values = [anew.into(), channel.as_uuid().into(), name.into(), before.into()];
        replaced += change(tx, sql, values).await?;
    }
    Ok(replaced)
}

/// Keeps the secrets of a channel in place of those it had.
pub(crate) async fn keep(tx: &DatabaseTransaction, channel: ChannelId, sealed: &[Sealed]) -> Result<(), DbErr> {
    change(tx, "DELETE FROM channel_secrets WHERE channel_id = ?", [channel.as_uuid().into()]).await?;
    for (name, sealed) in sealed {
        let sql = "INSERT INTO channel_secrets (channel_id, name, sealed) VALUES (?,?,?)";
        change(tx, sql, [channel.as_uuid().into(), name.clone().into(), sealed.clone().into()]).await?;
    }
    Ok(())
}
