-- The conversions of a campaign by status, for whoever decides about those that are held. Each conversion is in
-- one of the two indexes.
CREATE INDEX conversions_pending_by_campaign ON mirror.conversions (campaign, matures_at, address)
    WHERE status = 'pending';
CREATE INDEX conversions_ended_by_campaign
    ON mirror.conversions (campaign, status, converted_at DESC, address DESC)
    WHERE status <> 'pending';
