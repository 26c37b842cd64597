-- Whether the approved templates of a channel are known: that its provider told of none is something else than that it was not asked.
-- See docs/data.md.

ALTER TABLE channels ADD COLUMN templates_known INTEGER NOT NULL DEFAULT 0;
UPDATE channels SET templates_known = TRUE
WHERE templates_asked_at IS NOT NULL AND EXISTS (SELECT 1 FROM channel_templates t WHERE t.channel_id = channels.id);
