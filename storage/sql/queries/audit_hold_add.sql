-- Purpose: a partition must stay, whatever its age.
-- Parameters: partition_id, reason, now.
INSERT INTO audit_holds (partition_id, reason, at_ms) VALUES (:partition_id, :reason, :now)
