-- Purpose: a job that runs for the first time.
-- Parameters: job, fence.
INSERT INTO jobs (job, fence, holder, started_ms, finished_ms, succeeded_ms, next_due_ms, outcome, detail,
                  removed, removed_last, lag_ms, runs, failures)
VALUES (:job, :fence, '', 0, 0, 0, 0, '', '', 0, 0, 0, 0, 0)
