-- Each part of old clicks is found by the index over their time, whatever the statistics say. Rows are
-- deleted faster than statistics are taken, and a plan that reads the table would read it for each part.
ALTER FUNCTION delete_default_clicks(date, integer) SET enable_seqscan = off;
ALTER FUNCTION delete_default_clicks(date, integer) SET enable_bitmapscan = off;
