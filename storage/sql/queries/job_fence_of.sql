-- Purpose: the highest fence under which a job acted.
-- Parameters: job.
SELECT fence FROM jobs WHERE job = :job
