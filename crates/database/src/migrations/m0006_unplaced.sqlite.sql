-- What came to a channel and stands in no conversation: whole, for whoever finds out whose it is. See docs/data.md.

CREATE TABLE unplaced_messages (
  channel_id BLOB NOT NULL REFERENCES channels (id),
  provider_message_id TEXT NOT NULL,
  sender TEXT NOT NULL,
  sender_name TEXT,
  kind TEXT NOT NULL,
  content TEXT NOT NULL,
  raw TEXT,
  written_at INTEGER,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (channel_id, provider_message_id)
) STRICT, WITHOUT ROWID;
