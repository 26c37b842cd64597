-- The first schema. Times are milliseconds since the Unix epoch (UTC), ids are UUIDs. See docs/data.md.

CREATE TABLE tenants (
  id UUID PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE workspaces (
  id UUID PRIMARY KEY NOT NULL,
  tenant_id UUID NOT NULL REFERENCES tenants (id),
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (tenant_id, id)
);

CREATE TABLE api_keys (
  id UUID PRIMARY KEY NOT NULL,
  tenant_id UUID NOT NULL REFERENCES tenants (id),
  name TEXT NOT NULL,
  digest BYTEA NOT NULL UNIQUE,
  scopes TEXT NOT NULL,
  workspace_id UUID,
  expires_at BIGINT,
  revoked_at BIGINT,
  created_at BIGINT NOT NULL,
  FOREIGN KEY (tenant_id, workspace_id) REFERENCES workspaces (tenant_id, id)
);

CREATE TABLE channels (
  id UUID PRIMARY KEY NOT NULL,
  tenant_id UUID NOT NULL,
  workspace_id UUID NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  transport TEXT NOT NULL,
  state TEXT NOT NULL,
  enabled BOOLEAN NOT NULL,
  on_unclear TEXT NOT NULL,
  fault_code TEXT,
  fault_text TEXT,
  fault_since BIGINT,
  probe_at BIGINT,
  probing_message_id UUID,
  message_id_domain TEXT,
  settings TEXT NOT NULL,
  secrets BYTEA,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  FOREIGN KEY (tenant_id, workspace_id) REFERENCES workspaces (tenant_id, id)
);
CREATE INDEX channels_by_workspace ON channels (tenant_id, workspace_id);

CREATE TABLE contacts (
  id UUID PRIMARY KEY NOT NULL,
  tenant_id UUID NOT NULL REFERENCES tenants (id),
  name TEXT,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE contact_addresses (
  tenant_id UUID NOT NULL,
  kind TEXT NOT NULL,
  canonical TEXT NOT NULL,
  display TEXT NOT NULL,
  contact_id UUID NOT NULL REFERENCES contacts (id),
  is_primary BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, kind, canonical)
);
CREATE INDEX contact_addresses_by_contact ON contact_addresses (contact_id);

CREATE TABLE conversations (
  id UUID PRIMARY KEY NOT NULL,
  tenant_id UUID NOT NULL,
  workspace_id UUID NOT NULL,
  channel_id UUID NOT NULL REFERENCES channels (id),
  contact_id UUID NOT NULL REFERENCES contacts (id),
  status TEXT NOT NULL,
  human_managed BOOLEAN NOT NULL,
  attention_reason TEXT,
  attention_since BIGINT,
  attention_message_id UUID,
  subject TEXT,
  last_message_preview TEXT NOT NULL,
  last_message_at BIGINT NOT NULL,
  recipient_kind TEXT NOT NULL,
  recipient_canonical TEXT NOT NULL,
  recipient_display TEXT NOT NULL,
  recipient_name TEXT,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX conversations_with_attention ON conversations (attention_since) WHERE attention_reason IS NOT NULL;

CREATE TABLE messages (
  id UUID PRIMARY KEY NOT NULL,
  conversation_id UUID NOT NULL REFERENCES conversations (id),
  direction TEXT NOT NULL,
  author_key_id UUID,
  author_agent_id TEXT,
  author_agent_name TEXT,
  content TEXT NOT NULL,
  status TEXT NOT NULL,
  provider_message_id TEXT,
  error_code TEXT,
  error_text TEXT,
  error_provider_code TEXT,
  error_retryable BOOLEAN,
  attempts BIGINT NOT NULL,
  unclear BIGINT NOT NULL,
  lease_until BIGINT,
  next_attempt_at BIGINT NOT NULL,
  deliver_by BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  sent_at BIGINT,
  delivered_at BIGINT,
  read_at BIGINT
);
CREATE INDEX messages_by_conversation ON messages (conversation_id, created_at, id);
CREATE INDEX messages_by_status ON messages (status, conversation_id);

CREATE TABLE attempts (
  message_id UUID NOT NULL REFERENCES messages (id),
  number BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  outcome TEXT,
  code TEXT,
  provider_code TEXT,
  text TEXT,
  PRIMARY KEY (message_id, number)
);

CREATE TABLE wakeups (
  conversation_id UUID PRIMARY KEY NOT NULL REFERENCES conversations (id),
  workspace_id UUID NOT NULL,
  generation BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  claimed_until BIGINT NOT NULL,
  tries BIGINT NOT NULL
);
CREATE INDEX wakeups_claimable ON wakeups (greatest(due_at, claimed_until));

CREATE TABLE idempotency_records (
  tenant_id UUID NOT NULL,
  key BYTEA NOT NULL,
  body BYTEA NOT NULL,
  conversation_id UUID NOT NULL,
  notices TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_records_by_end ON idempotency_records (expires_at);

CREATE TABLE events (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  conversation_id UUID NOT NULL,
  message_id UUID NOT NULL,
  attempt BIGINT,
  kind TEXT NOT NULL,
  code TEXT,
  at BIGINT NOT NULL
);
CREATE INDEX events_by_message ON events (message_id);
