-- What has ended in a campaign, newest first, by an expression that no other index has. It was that of
-- conversions_of_campaign, too: the planner took that one for paid conversions, because nearly all are, and skipped
-- every newer one that is held. Keeps writers of the mirror out while it is built, some seconds for each million
-- conversions; readers go on until the old index is dropped, at once after running reads end.
CREATE INDEX conversions_that_ended
    ON mirror.conversions (campaign, status, (converted_at - 0) DESC, address DESC)
    WHERE status <> 'pending';
DROP INDEX mirror.conversions_ended_by_campaign;
