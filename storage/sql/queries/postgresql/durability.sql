-- Purpose: what makes commits less durable than they are answered; empty: nothing.
-- Parameters: none.
SELECT CASE WHEN current_setting('fsync') = 'off' THEN 'fsync is off'
            WHEN current_setting('full_page_writes') = 'off' THEN 'full_page_writes is off'
            ELSE '' END
