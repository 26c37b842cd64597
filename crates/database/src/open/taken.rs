//! What there is already of what a batch wants to have for itself.

use super::{OpenMember, Verdict, address_name, asked, new_addresses};
use crate::dialect::claim_names;
use crate::openers::opener_name;
use crate::quotas::{USED, USED_COLUMNS, Uses, quota_name};
use crate::rows::uuid_at;
use crate::sql::{Rows, Script};
use overture_domain::entities::{Address, WINDOW};
use overture_domain::ids::{TenantId, Version};
use overture_domain::ports::{ContactChoice, IdempotencyRecord, OpenConversation, OpenError};
use sea_orm::{DatabaseTransaction, DbErr, QueryResult, Value};
use std::collections::{BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// What is there already, and what this batch has claimed so far.
#[derive(Default)]
pub(super) struct Taken {
    /// Those of the conversations that may be written already which are.
    pub(super) written: HashSet<Uuid>,
    keys: HashSet<(Uuid, Vec<u8>)>,
    addresses: HashSet<(Uuid, String, String)>,
    versions: HashMap<Uuid, Version>,
    /// Whom somebody has asked to write, by channel and number.
    openers: HashSet<(Uuid, String)>,
    /// Who has written within a day, by channel and number.
    windows: HashSet<(Uuid, String)>,
    pub(super) uses: Uses,
}

impl Taken {
    pub(super) async fn load(tx: &DatabaseTransaction, members: &[OpenMember]) -> Result<Self, DbErr> {
        let (mut keys, mut addresses, mut contacts) = (Rows::new(2), Rows::new(3), BTreeSet::new());
        let mut windows = Rows::new(2);
        let (mut openers, mut uses) = (Rows::new(2), Rows::new(USED_COLUMNS));
        let mut names = Vec::new();
        for OpenMember { opening, .. } in members {
            let tenant = opening.tenant_id.as_uuid();
            if let Some(IdempotencyRecord { key, .. }) = &opening.idempotency {
                keys.push([tenant.into(), key.0.to_vec().into()]);
                names.push(format!("{tenant} key {:x?}", key.0));
            }
            for address in new_addresses(&opening.contact) {
                addresses.push([tenant.into(), address.kind().as_str().into(), address.canonical().into()]);
                names.push(address_name(opening.tenant_id, address.kind(), address.canonical()));
            }
            if let ContactChoice::Use { id, .. } = &opening.contact {
                contacts.insert([id.as_uuid(), tenant]);
            }
            if opening.held.is_some() {
                let (channel, number) = asked(opening);
                names.push(opener_name(channel, &number));
                openers.push([channel.into(), number.clone().into()]);
                windows.push([channel.into(), number.into()]);
            }
            if !opening.quotas.is_empty() {
                names.push(quota_name(opening.channel_id));
                Uses::ask(&mut uses, opening.channel_id, &opening.recipient.address, &opening.quotas);
            }
        }
        claim_names(tx, names).await?;
        let mut script = Script::default();
        // Locked in the order of their ids, so that two who open never wait for each other.
        let mut used = Rows::new(2);
        contacts.into_iter().for_each(|ids| used.push(ids.map(Value::from)));
        let mut unknown = Rows::new(1);
        for member in members.iter().filter(|member| matches!(member.verdict, Verdict::Unknown)) {
            unknown.push([member.opening.conversation_id.as_uuid().into()]);
        }
        script.push_rows(unknown, "SELECT 'written', v.id FROM r CROSS JOIN {conversations v: v.id = r.c1}");
        script.push_rows(
            keys,
            "SELECT 'key', i.tenant_id, i.key FROM r CROSS JOIN {idempotency_records i: i.tenant_id = r.c1 AND i.key = r.c2} \
             WHERE i.expires_at > {now}",
        );
        script.push_rows(
            addresses,
            "SELECT 'address', a.tenant_id, a.kind, a.canonical FROM r \
             CROSS JOIN {contact_addresses a: a.tenant_id = r.c1 AND a.kind = r.c2 AND a.canonical = r.c3}",
        );
        script.push_rows(
            used,
            "SELECT 'contact', c.id, c.version FROM r CROSS JOIN {contacts c: c.id = r.c1 AND c.tenant_id = r.c2} {lock c}",
        );
        script.push_rows(
            openers,
            "SELECT 'opener', o.channel_id, o.canonical FROM r CROSS JOIN {openers o: o.channel_id = r.c1 AND o.canonical = r.c2} \
             WHERE o.until > {now}",
        );
        script.push_rows(uses, USED);
        script.push_rows(
            windows,
            &format!(
                "SELECT 'window', w.channel_id, w.canonical FROM r CROSS JOIN {{windows w: w.channel_id = r.c1 AND w.canonical = r.c2}} \
                 WHERE w.opened_at > {{now}} - {}",
                WINDOW.as_millis()
            ),
        );
        let mut taken = Self::default();
        for row in script.read(tx).await? {
            taken.note(&row)?;
        }
        Ok(taken)
    }

    fn note(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        match row.try_get_by_index::<String>(0)?.as_str() {
            "written" => {
                self.written.insert(uuid_at(row, 1)?);
            }
            "key" => {
                self.keys.insert((uuid_at(row, 1)?, row.try_get_by_index(2)?));
            }
            "address" => {
                self.addresses.insert((uuid_at(row, 1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?));
            }
            "opener" => {
                self.openers.insert((uuid_at(row, 1)?, row.try_get_by_index(2)?));
            }
            "window" => {
                self.windows.insert((uuid_at(row, 1)?, row.try_get_by_index(2)?));
            }
            "quota" => self.uses.note(row)?,
            _ => {
                self.versions.insert(uuid_at(row, 1)?, Version(row.try_get_by_index(2)?));
            }
        }
        Ok(())
    }

    /// Whether an opening waits for its contact to write: it may have written since that was decided.
    pub(super) fn holds(&self, opening: &OpenConversation) -> bool {
        opening.held.is_some() && !self.windows.contains(&asked(opening))
    }

    /// Whether what is held asks its contact to write: nobody else has.
    pub(super) fn asks(&mut self, opening: &OpenConversation) -> bool {
        self.openers.insert(asked(opening))
    }

    /// Takes what an opening needs, or says why it cannot have it; then nothing is taken.
    pub(super) fn claim(&mut self, opening: &OpenConversation) -> Result<(), OpenError> {
        let tenant = opening.tenant_id.as_uuid();
        let key = opening.idempotency.as_ref().map(|record| (tenant, record.key.0.to_vec()));
        if key.as_ref().is_some_and(|key| self.keys.contains(key)) {
            return Err(OpenError::KeyTaken);
        }
        let addresses: Vec<_> =
            new_addresses(&opening.contact).iter().map(|address| address_key(opening.tenant_id, address)).collect();
        if addresses.iter().any(|address| self.addresses.contains(address)) {
            return Err(OpenError::ContactMoved);
        }
        if let ContactChoice::Use { id, expect, .. } = &opening.contact
            && self.versions.get(&id.as_uuid()) != Some(expect)
        {
            return Err(OpenError::ContactMoved);
        }
        self.uses
            .check(opening.channel_id, &opening.recipient.address, &opening.quotas)
            .map_err(OpenError::QuotaExceeded)?;
        // From here on it has everything it needs.
        if let ContactChoice::Use { id, expect, add, fill_name } = &opening.contact
            && (!add.is_empty() || fill_name.is_some())
        {
            self.versions.insert(id.as_uuid(), expect.next());
        }
        self.uses.count(opening);
        self.addresses.extend(addresses);
        self.keys.extend(key);
        Ok(())
    }
}

fn address_key(tenant: TenantId, address: &Address) -> (Uuid, String, String) {
    (tenant.as_uuid(), address.kind().as_str().to_owned(), address.canonical().to_owned())
}
