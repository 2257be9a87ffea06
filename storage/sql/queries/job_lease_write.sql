-- Purpose: takes, renews or gives up the lease; the caller has read it in the same transaction.
-- Parameters: holder, fence, until_ms.
UPDATE job_lease SET holder = :holder, fence = :fence, until_ms = :until_ms WHERE lease = 'jobs'
