-- The conversions of a campaign by status, for the campaign that decides about those that are held, and for its own
-- books about the others. Each conversion is in one of the two indexes. The second one has nearly all of them, about
-- 150 MB for a million, and each end of a conversion writes to it.
--
-- The times are expressions so that no other index has this order. With the plain column, the planner takes
-- conversions_pending or conversions_by_time, and skips all conversions of other campaigns on its way.
CREATE INDEX conversions_pending_by_campaign
    ON mirror.conversions (campaign, (matures_at + 0), address, settled)
    WHERE status = 'pending';
CREATE INDEX conversions_ended_by_campaign
    ON mirror.conversions (campaign, status, (converted_at + 0) DESC, address DESC)
    WHERE status <> 'pending';
