-- Purpose: what makes commits less durable than they are answered; empty: nothing.
-- Parameters: none.
SELECT ''
