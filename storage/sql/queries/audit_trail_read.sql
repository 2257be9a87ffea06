-- Purpose: the open partition. Whoever adds to the trail locks its row until the commit.
SELECT partition_id, first_id, size, frontier FROM audit_trail WHERE trail = 1
