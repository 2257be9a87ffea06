-- Purpose: what makes commits less durable than they are answered; empty: nothing.
-- Parameters: none.
SELECT CASE WHEN @@GLOBAL.innodb_flush_log_at_trx_commit <> 1
            THEN 'innodb_flush_log_at_trx_commit is not 1' ELSE '' END
