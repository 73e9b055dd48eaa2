-- The conversions of a campaign, newest first. The time is an expression, so that no other index has this
-- order: with the plain column, the planner may walk through the newer conversions of all other campaigns
-- instead. Keeps writers of the mirror out while it is built, some seconds for each million conversions;
-- readers go on.
CREATE INDEX conversions_of_campaign ON mirror.conversions (campaign, (converted_at + 0) DESC, address DESC);
DROP INDEX mirror.conversions_by_campaign;
