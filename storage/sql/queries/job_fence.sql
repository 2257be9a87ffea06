-- Purpose: a job acts under its fence; changes nothing where a higher one has acted (or the job never ran).
-- Parameters: job, fence.
UPDATE jobs SET fence = :fence WHERE job = :job AND fence <= :fence
