-- How fast messages may follow one another: on a channel, and to one recipient. See docs/data.md.

ALTER TABLE channels ADD COLUMN max_per_second INTEGER;
UPDATE channels SET max_per_second = 80 WHERE transport = 'whatsapp-cloud';

ALTER TABLE messages ADD COLUMN recipient_turn INTEGER;
ALTER TABLE messages ADD COLUMN channel_turn INTEGER;

CREATE TABLE paces (
  channel_id BLOB NOT NULL REFERENCES channels (id),
  canonical TEXT NOT NULL,
  free_at INTEGER NOT NULL,
  next_turn INTEGER NOT NULL,
  moved INTEGER NOT NULL,
  used INTEGER NOT NULL,
  PRIMARY KEY (channel_id, canonical)
) STRICT, WITHOUT ROWID;
