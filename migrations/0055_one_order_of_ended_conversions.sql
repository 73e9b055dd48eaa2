-- conversions_that_ended takes its place. In a transaction of its own, so that nobody waits for the build of that
-- one while this waits for running reads.
DROP INDEX mirror.conversions_ended_by_campaign;
