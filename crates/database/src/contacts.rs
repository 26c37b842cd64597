//! Contacts, looked up by id and by address. They are written with the conversation that needs them.

use crate::Database;
use crate::gathering::Answers;
use crate::rows::{Row, by_number};
use crate::sql::Rows;
use async_trait::async_trait;
use overture_domain::entities::{Address, AddressKind, Contact};
use overture_domain::ids::{ContactId, TenantId, Version};
use overture_domain::ports::{ContactRepo, KnownContacts, StoreError, WantedContact};
use overture_domain::values::{DisplayName, PhoneNumber};
use sea_orm::{DatabaseConnection, QueryResult};
use uuid::Uuid;

#[async_trait]
impl ContactRepo for Database {
    async fn matching(&self, tenant: TenantId, wanted: &WantedContact) -> Result<KnownContacts, StoreError> {
        if *wanted == WantedContact::default() {
            return Ok(KnownContacts::default());
        }
        self.asking.contacts.ask((tenant, wanted.clone())).await
    }

    async fn find(&self, tenant: TenantId, id: ContactId) -> Result<Option<Contact>, StoreError> {
        let wanted = WantedContact { id: Some(id), ..WantedContact::default() };
        Ok(self.matching(tenant, &wanted).await?.by_id)
    }
}

/// Whoever has a phone number in a tenant.
pub(crate) async fn contact_of(
    database: &Database,
    tenant: TenantId,
    phone: &PhoneNumber,
) -> Result<Option<Contact>, StoreError> {
    let wanted = WantedContact { phone: Some(phone.clone()), ..WantedContact::default() };
    Ok(database.matching(tenant, &wanted).await?.by_phone)
}

/// Looks for many requests' contacts at once.
pub(crate) fn look(db: &DatabaseConnection, questions: Vec<(TenantId, WantedContact)>) -> Answers<KnownContacts> {
    let db = db.clone();
    Box::pin(async move {
        let mut rows = Rows::new(5);
        for (number, (tenant, wanted)) in (0_i64..).zip(&questions) {
            rows.push([
                number.into(),
                tenant.as_uuid().into(),
                wanted.id.map(|id| id.as_uuid()).into(),
                wanted.email.as_ref().map(|email| email.canonical().to_owned()).into(),
                wanted.phone.as_ref().map(|phone| phone.as_str().to_owned()).into(),
            ]);
        }
        let found = rows
            .read(
                &db,
                ", wanted (number, id) AS (\
                 SELECT r.c1, c.id FROM r CROSS JOIN {contacts c: c.id = r.c3 AND c.tenant_id = r.c2} \
                 UNION SELECT r.c1, a.contact_id FROM r \
                 CROSS JOIN {contact_addresses a: a.tenant_id = r.c2 AND a.kind = 'email' AND a.canonical = r.c4} \
                 UNION SELECT r.c1, a.contact_id FROM r \
                 CROSS JOIN {contact_addresses a: a.tenant_id = r.c2 AND a.kind = 'phone' AND a.canonical = r.c5}) \
                 SELECT w.number, c.id, c.name, c.version, c.created_at, a.kind, a.canonical, a.display FROM wanted w \
                 CROSS JOIN {contacts c: c.id = w.id} LEFT JOIN contact_addresses a ON a.contact_id = c.id \
                 ORDER BY w.number, c.id, a.is_primary DESC, a.created_at",
            )
            .await?;
        let found = by_number(found, questions.len())?;
        Ok(questions.iter().zip(&found).map(|((tenant, wanted), rows)| known(*tenant, wanted, rows)).collect())
    })
}

/// Who of the found is meant by which part of the question.
fn known(tenant: TenantId, wanted: &WantedContact, rows: &[QueryResult]) -> Result<KnownContacts, StoreError> {
    let found = contacts(tenant, rows)?;
    let having = |address: Option<Address>| {
        address.and_then(|address| found.iter().find(|contact| contact.has(&address)).cloned())
    };
    Ok(KnownContacts {
        by_id: wanted.id.and_then(|id| found.iter().find(|contact| contact.id == id).cloned()),
        by_email: having(wanted.email.clone().map(Address::Email)),
        by_phone: having(wanted.phone.clone().map(Address::Phone)),
    })
}

/// Contacts from rows of one address each, ordered by contact.
fn contacts(tenant: TenantId, rows: &[QueryResult]) -> Result<Vec<Contact>, StoreError> {
    let mut found: Vec<Contact> = Vec::new();
    for row in rows {
        let row = Row::of("contacts", row);
        let id = ContactId::from_uuid(row.get::<Uuid>("id")?);
        if found.last().is_none_or(|contact| contact.id != id) {
            found.push(Contact {
                id,
                tenant_id: tenant,
                name: row.parsed_opt("name", stored_name)?,
                addresses: Vec::new(),
                version: Version(row.get("version")?),
                created_at: row.time("created_at")?,
            });
        }
        let kind = row.parsed_opt("kind", AddressKind::parse)?;
        if let (Some(kind), Some(contact)) = (kind, found.last_mut()) {
            let (display, canonical) = (row.get::<String>("display")?, row.get::<String>("canonical")?);
            contact.addresses.push(Address::from_stored(kind, &display, &canonical));
        }
    }
    Ok(found)
}

/// A name that was checked before it was stored.
pub(crate) fn stored_name(text: &str) -> Option<DisplayName> {
    DisplayName::parse(text).ok().flatten()
}
