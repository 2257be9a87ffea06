-- Purpose: epochs of users in the order of their tags, whenever they were raised.
-- Parameters: after (a user tag, or the beginning of one), page (rows at most).
SELECT user_tag, epoch, raised_ms
FROM user_epochs
WHERE user_tag > :after
ORDER BY user_tag
LIMIT :page
