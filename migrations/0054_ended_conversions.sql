-- What has ended in a campaign, newest first, by an expression that no other index has. That of
-- conversions_ended_by_campaign is also the one of conversions_of_campaign: the planner took that one for paid
-- conversions, because nearly all are, and skipped every newer one that is held. Keeps writers of the mirror out
-- while it is built, some seconds for each million conversions; readers go on.
CREATE INDEX conversions_that_ended
    ON mirror.conversions (campaign, status, (converted_at - 0) DESC, address DESC)
    WHERE status <> 'pending';
