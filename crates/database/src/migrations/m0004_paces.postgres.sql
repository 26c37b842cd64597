-- How fast messages may follow one another: on a channel, and to one recipient. See docs/data.md.

ALTER TABLE channels ADD COLUMN max_per_second BIGINT;
UPDATE channels SET max_per_second = 80 WHERE transport = 'whatsapp-cloud';

ALTER TABLE messages ADD COLUMN recipient_turn BIGINT;
ALTER TABLE messages ADD COLUMN channel_turn BIGINT;

CREATE TABLE paces (
  channel_id UUID NOT NULL REFERENCES channels (id),
  canonical TEXT NOT NULL,
  free_at BIGINT NOT NULL,
  next_turn BIGINT NOT NULL,
  moved BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (channel_id, canonical)
);
