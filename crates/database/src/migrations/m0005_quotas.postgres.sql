-- How many messages were composed through channels with quotas: by the channel in a day, and by contact in an hour. See docs/data.md.

CREATE TABLE quota_uses (
  channel_id UUID NOT NULL REFERENCES channels (id),
  canonical TEXT NOT NULL,
  period_start BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (channel_id, canonical, period_start)
);
CREATE INDEX quota_uses_by_age ON quota_uses (period_start);
