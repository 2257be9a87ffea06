-- Purpose: the same figures of sessions whose rows are kept. A row past its absolute end ended there, closed or not. A user
--   who was erased has no name. A login that nobody confirmed was never a session, unless it renewed one.
-- Parameters: as statistics_folded; now.
SELECT named.on_day, named.name, named.bucket, COUNT(*), SUM(named.length_ms), MAX(named.user_id)
FROM (SELECT CASE WHEN :each_day = 1 THEN facts.at_ms - facts.at_ms % 86400000 ELSE 0 END AS on_day,
             CASE WHEN :dimension = 'user' THEN facts.user_name
                  WHEN :dimension = 'device' THEN facts.device
                  WHEN :dimension = 'platform' THEN facts.platform
                  WHEN :dimension = 'place' THEN facts.place
                  WHEN :dimension = 'reason' THEN facts.end_reason
                  ELSE '' END AS name,
             CASE WHEN facts.begins = 1 THEN -1
                  WHEN facts.length_ms < 60000 THEN 0
                  WHEN facts.length_ms < 300000 THEN 1
                  WHEN facts.length_ms < 900000 THEN 2
                  WHEN facts.length_ms < 1800000 THEN 3
                  WHEN facts.length_ms < 3600000 THEN 4
                  WHEN facts.length_ms < 7200000 THEN 5
                  WHEN facts.length_ms < 14400000 THEN 6
                  WHEN facts.length_ms < 28800000 THEN 7
                  WHEN facts.length_ms < 86400000 THEN 8
                  WHEN facts.length_ms < 172800000 THEN 9
                  WHEN facts.length_ms < 604800000 THEN 10
                  WHEN facts.length_ms < 2592000000 THEN 11
                  ELSE 12 END AS bucket,
             facts.length_ms,
             CASE WHEN :dimension = 'user' AND facts.user_name <> '' THEN facts.user_id ELSE '' END AS user_id
      FROM (SELECT spans.begins, spans.at_ms, spans.device, spans.platform, spans.place, spans.end_reason, spans.user_id,
                   CASE WHEN spans.at_ms > spans.created_ms THEN spans.at_ms - spans.created_ms ELSE 0 END AS length_ms,
                   CASE WHEN EXISTS (SELECT 1 FROM statistics_erased erased
                                     WHERE erased.user_tag = spans.user_tag AND erased.erased_ms >= spans.created_ms)
                        THEN '' ELSE spans.user_tag END AS user_name
            FROM (SELECT 1 AS begins, created_ms AS at_ms, created_ms, user_tag, user_id, device, platform, place,
                         '' AS end_reason
                  FROM sessions
                  WHERE created_ms >= :since AND created_ms < :until
                    AND (confirmed = 1 OR authenticated_ms <> created_ms)
                  UNION ALL
                  SELECT 0, ended_ms, created_ms, user_tag, user_id, device, platform, place, end_reason
                  FROM sessions
                  WHERE ended_ms >= :since AND ended_ms < :until
                    AND (confirmed = 1 OR authenticated_ms <> created_ms)
                  UNION ALL
                  SELECT 0, absolute_expiry_ms, created_ms, user_tag, user_id, device, platform, place, 'expired'
                  FROM sessions
                  WHERE ended_ms IS NULL AND absolute_expiry_ms <= :now
                    AND absolute_expiry_ms >= :since AND absolute_expiry_ms < :until
                    AND (confirmed = 1 OR authenticated_ms <> created_ms)) spans) facts
      WHERE :dimension <> 'reason' OR facts.begins = 0) named
WHERE :any_name = 1 OR named.name = :name
GROUP BY named.on_day, named.name, named.bucket
