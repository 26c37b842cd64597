-- The first schema. Times are milliseconds since the Unix epoch (UTC), ids are 16-byte UUIDs. See docs/data.md.

CREATE TABLE tenants (
  id BLOB PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workspaces (
  id BLOB PRIMARY KEY NOT NULL,
  tenant_id BLOB NOT NULL REFERENCES tenants (id),
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
  id BLOB PRIMARY KEY NOT NULL,
  tenant_id BLOB NOT NULL REFERENCES tenants (id),
  name TEXT NOT NULL,
  digest BLOB NOT NULL UNIQUE,
  scopes TEXT NOT NULL,
  workspace_id BLOB,
  expires_at INTEGER,
  revoked_at INTEGER,
  created_at INTEGER NOT NULL,
  FOREIGN KEY (tenant_id, workspace_id) REFERENCES workspaces (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE channels (
  id BLOB PRIMARY KEY NOT NULL,
  tenant_id BLOB NOT NULL,
  workspace_id BLOB NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  transport TEXT NOT NULL,
  state TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  on_unclear TEXT NOT NULL,
  fault_code TEXT,
  fault_text TEXT,
  fault_since INTEGER,
  probe_at INTEGER,
  probing_message_id BLOB,
  message_id_domain TEXT,
  settings TEXT NOT NULL,
  secrets BLOB,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  FOREIGN KEY (tenant_id, workspace_id) REFERENCES workspaces (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX channels_by_workspace ON channels (tenant_id, workspace_id);

CREATE TABLE contacts (
  id BLOB PRIMARY KEY NOT NULL,
  tenant_id BLOB NOT NULL REFERENCES tenants (id),
  name TEXT,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE contact_addresses (
  tenant_id BLOB NOT NULL,
  kind TEXT NOT NULL,
  canonical TEXT NOT NULL,
  display TEXT NOT NULL,
  contact_id BLOB NOT NULL REFERENCES contacts (id),
  is_primary INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, kind, canonical)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_addresses_by_contact ON contact_addresses (contact_id);

CREATE TABLE conversations (
  id BLOB PRIMARY KEY NOT NULL,
  tenant_id BLOB NOT NULL,
  workspace_id BLOB NOT NULL,
  channel_id BLOB NOT NULL REFERENCES channels (id),
  contact_id BLOB NOT NULL REFERENCES contacts (id),
  status TEXT NOT NULL,
  human_managed INTEGER NOT NULL,
  attention_reason TEXT,
  attention_since INTEGER,
  attention_message_id BLOB,
  subject TEXT,
  last_message_preview TEXT NOT NULL,
  last_message_at INTEGER NOT NULL,
  recipient_kind TEXT NOT NULL,
  recipient_canonical TEXT NOT NULL,
  recipient_display TEXT NOT NULL,
  recipient_name TEXT,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX conversations_with_attention ON conversations (attention_since) WHERE attention_reason IS NOT NULL;

CREATE TABLE messages (
  id BLOB PRIMARY KEY NOT NULL,
  conversation_id BLOB NOT NULL REFERENCES conversations (id),
  direction TEXT NOT NULL,
  author_key_id BLOB,
  author_agent_id TEXT,
  author_agent_name TEXT,
  content TEXT NOT NULL,
  status TEXT NOT NULL,
  provider_message_id TEXT,
  error_code TEXT,
  error_text TEXT,
  error_provider_code TEXT,
  error_retryable INTEGER,
  attempts INTEGER NOT NULL,
  unclear INTEGER NOT NULL,
  lease_until INTEGER,
  next_attempt_at INTEGER NOT NULL,
  deliver_by INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  sent_at INTEGER,
  delivered_at INTEGER,
  read_at INTEGER
) STRICT;
CREATE INDEX messages_by_conversation ON messages (conversation_id, created_at, id);
CREATE INDEX messages_by_status ON messages (status, conversation_id);

CREATE TABLE attempts (
  message_id BLOB NOT NULL REFERENCES messages (id),
  number INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  outcome TEXT,
  code TEXT,
  provider_code TEXT,
  text TEXT,
  PRIMARY KEY (message_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE wakeups (
  conversation_id BLOB PRIMARY KEY NOT NULL REFERENCES conversations (id),
  workspace_id BLOB NOT NULL,
  generation INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  claimed_until INTEGER NOT NULL,
  tries INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX wakeups_claimable ON wakeups (max(due_at, claimed_until));

CREATE TABLE idempotency_records (
  tenant_id BLOB NOT NULL,
  key BLOB NOT NULL,
  body BLOB NOT NULL,
  conversation_id BLOB NOT NULL,
  notices TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_records_by_end ON idempotency_records (expires_at);

CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  conversation_id BLOB NOT NULL,
  message_id BLOB NOT NULL,
  attempt INTEGER,
  kind TEXT NOT NULL,
  code TEXT,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_message ON events (message_id);
