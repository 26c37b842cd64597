-- Providers of SMS and WhatsApp: receipts, what contacts write, templates, the window. See docs/data.md.

ALTER TABLE channels ADD COLUMN outside_window TEXT;
ALTER TABLE channels ADD COLUMN paused_at INTEGER;

ALTER TABLE messages ADD COLUMN kind TEXT NOT NULL DEFAULT 'text';
ALTER TABLE messages ADD COLUMN raw TEXT;
ALTER TABLE messages ADD COLUMN template TEXT;
ALTER TABLE messages ADD COLUMN sent_as TEXT;
ALTER TABLE messages ADD COLUMN held_within INTEGER;

ALTER TABLE attempts ADD COLUMN provider_message_id TEXT;
ALTER TABLE attempts ADD COLUMN reached TEXT;
CREATE INDEX attempts_by_provider_message ON attempts (provider_message_id) WHERE provider_message_id IS NOT NULL;

-- What a provider calls the recipient of a conversation, where that is not the address: what the contact writes comes from it.
CREATE TABLE recipient_aliases (
  channel_id BLOB NOT NULL REFERENCES channels (id),
  alias TEXT NOT NULL,
  canonical TEXT NOT NULL,
  PRIMARY KEY (channel_id, alias)
) STRICT, WITHOUT ROWID;

-- Until when a contact may be written to freely is counted from what it wrote last.
CREATE TABLE windows (
  channel_id BLOB NOT NULL REFERENCES channels (id),
  canonical TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  PRIMARY KEY (channel_id, canonical)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipts (
  channel_id BLOB NOT NULL REFERENCES channels (id),
  provider_message_id TEXT NOT NULL,
  status TEXT NOT NULL,
  message_id BLOB,
  at INTEGER,
  failure_code TEXT,
  failure_provider_code TEXT,
  failure_text TEXT,
  failure_retryable INTEGER,
  applied INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  kept_at INTEGER NOT NULL,
  PRIMARY KEY (channel_id, provider_message_id, status)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_waiting_by_message ON receipts (message_id) WHERE NOT applied;
CREATE INDEX receipts_waiting_by_age ON receipts (kept_at) WHERE NOT applied;

CREATE INDEX conversations_by_phone ON conversations (channel_id, recipient_canonical, last_message_at) WHERE recipient_kind = 'phone';
CREATE INDEX messages_inbound ON messages (provider_message_id) WHERE direction = 'inbound';

-- What asks a contact to write: one at a time on a channel.
CREATE TABLE openers (
  channel_id BLOB NOT NULL REFERENCES channels (id),
  canonical TEXT NOT NULL,
  message_id BLOB NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (channel_id, canonical)
) STRICT, WITHOUT ROWID;
