-- What follows from the chain alone gets a schema of its own, so that a second one can be filled
-- beside it and take its place at once (`vouch-indexer rebuild`). Connections look names up in
-- `public` and then in `mirror`, so queries need no prefix.

CREATE SCHEMA mirror;

ALTER TABLE transactions SET SCHEMA mirror;
ALTER TABLE calls SET SCHEMA mirror;
ALTER TABLE events SET SCHEMA mirror;
ALTER TABLE accounts SET SCHEMA mirror;
ALTER TABLE accounts_before SET SCHEMA mirror;
ALTER TABLE campaigns SET SCHEMA mirror;
ALTER TABLE referrals SET SCHEMA mirror;
ALTER TABLE conversions SET SCHEMA mirror;
ALTER TABLE maturing SET SCHEMA mirror;
ALTER TABLE referral_totals SET SCHEMA mirror;
ALTER TABLE referrer_daily SET SCHEMA mirror;
ALTER TABLE coverage SET SCHEMA mirror;
ALTER TABLE indexer_state SET SCHEMA mirror;
ALTER VIEW finality SET SCHEMA mirror;
