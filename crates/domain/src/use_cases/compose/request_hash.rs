//! Keyed hashes of requests: they recognise a repetition and tell nothing else.

use super::command::said;
use super::{AgentFields, ComposeCommand, TemplateFields};
use crate::ids::TenantId;
use crate::ports::KeyedHash;
use crate::values::IdempotencyKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What the hash of a key covers besides it: the method and path of the request.
const ROUTE: &str = "POST /api/conversations/compose";

/// Hashes requests with a key of this installation (HMAC-SHA-256, RFC 2104), so that nobody who reads the database can
/// try out addresses or contents.
#[derive(Clone)]
pub struct RequestHasher {
    mac: Hmac<Sha256>,
}

impl RequestHasher {
    /// From a key that every process on one database shares.
    pub fn new(key: &[u8; 32]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
        Self { mac }
    }

    pub(super) fn key(&self, tenant: TenantId, key: &IdempotencyKey) -> KeyedHash {
        self.hash([Some(ROUTE), Some(&tenant.to_string()), Some(key.as_str())])
    }

    /// The hash of what a body says. Order, white space and `null` make no difference, as the body was parsed before; nor
    /// does a blank text, which says as little as an absent one.
    pub(super) fn body(&self, command: &ComposeCommand) -> KeyedHash {
        let ComposeCommand {
            workspace_id,
            channel_id,
            contact_id,
            contact_email,
            contact_phone,
            contact_name,
            subject,
            content,
            deliver_within,
            template,
            agent,
            strict: _,
            idempotency_key: _,
        } = command;
        let AgentFields { id, name } = agent.clone().unwrap_or_default();
        let template = template.as_ref().map(whole);
        self.hash(
            [
                workspace_id,
                channel_id,
                contact_id,
                contact_email,
                contact_phone,
                contact_name,
                subject,
                content,
                deliver_within,
                &template,
                &id,
                &name,
            ]
            .map(|text| said(text.as_ref())),
        )
    }

    fn hash<const N: usize>(&self, parts: [Option<&str>; N]) -> KeyedHash {
        let mut mac = self.mac.clone();
        for part in parts {
            // Length first, so that no two lists of parts give the same bytes; absence has a length of its own.
            mac.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
            mac.update(part.unwrap_or_default().as_bytes());
        }
        KeyedHash(mac.finalize().into_bytes().into())
    }
}

/// A template as one text: no two that differ give the same.
fn whole(template: &TemplateFields) -> String {
    let TemplateFields { name, content_sid, language, variables } = template;
    let pairs = variables.as_ref().map(crate::values::TemplateVariables::pairs).unwrap_or_default();
    format!("{name:?} {content_sid:?} {language:?} {pairs:?}")
}
