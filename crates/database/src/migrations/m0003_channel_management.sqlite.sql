-- Channels as their owners manage them: limits, each secret sealed by itself, approved templates. See docs/data.md.

ALTER TABLE channels ADD COLUMN max_per_day INTEGER;
ALTER TABLE channels ADD COLUMN max_per_contact_per_hour INTEGER;
ALTER TABLE channels ADD COLUMN allowed_countries TEXT;
ALTER TABLE channels ADD COLUMN templates_asked_at INTEGER;
ALTER TABLE channels DROP COLUMN secrets;

CREATE TABLE channel_secrets (
  channel_id BLOB NOT NULL REFERENCES channels (id),
  name TEXT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (channel_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE channel_templates (
  channel_id BLOB NOT NULL REFERENCES channels (id),
  name TEXT,
  language TEXT,
  content_sid TEXT,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  variables TEXT NOT NULL,
  fetched_at INTEGER NOT NULL
) STRICT;
CREATE INDEX channel_templates_by_channel ON channel_templates (channel_id, name, language);
