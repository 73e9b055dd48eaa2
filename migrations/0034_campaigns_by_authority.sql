-- The campaigns of an authority, for whoever runs them.
CREATE INDEX campaigns_by_authority ON mirror.campaigns (authority, created_at DESC, address DESC);
