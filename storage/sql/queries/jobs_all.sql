-- Purpose: what each job did and when it is due.
-- Parameters: none.
SELECT job, fence, holder, started_ms, finished_ms, succeeded_ms, next_due_ms, outcome, detail, removed,
       removed_last, runs, failures, lag_ms
FROM jobs
ORDER BY job
