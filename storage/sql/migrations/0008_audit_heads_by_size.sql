-- Purpose: finds the head that covers a partition in a size without reading all heads: one is signed every minute.

CREATE INDEX audit_heads_by_size ON audit_heads (partition_id, size, number);
