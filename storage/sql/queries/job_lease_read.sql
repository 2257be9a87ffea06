-- Purpose: who holds the lease of the background jobs.
-- Parameters: none.
SELECT holder, fence, until_ms FROM job_lease WHERE lease = 'jobs'
