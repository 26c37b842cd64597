-- What contacts sent goes after its time, found by its age: the whole of a message where its text does not say everything, and what
-- stands in no conversation. See docs/data.md.

CREATE INDEX messages_with_raw ON messages (next_attempt_at) WHERE raw IS NOT NULL;
CREATE INDEX unplaced_messages_by_age ON unplaced_messages (received_at);
