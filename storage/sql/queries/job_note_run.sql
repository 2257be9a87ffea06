-- Purpose: notes runs of a job.
-- Parameters: the columns; removed, runs and failures are added; succeeded_ms never goes back.
UPDATE jobs
SET holder = :holder, started_ms = :started_ms, finished_ms = :finished_ms,
    succeeded_ms = CASE WHEN succeeded_ms < :succeeded_ms THEN :succeeded_ms ELSE succeeded_ms END,
    next_due_ms = :next_due_ms, outcome = :outcome, detail = :detail, removed = removed + :removed,
    removed_last = :removed_last, lag_ms = :lag_ms, runs = runs + :runs, failures = failures + :failures
WHERE job = :job
