-- vedfolnir_due: looks at entries of a shard's expiry set that fell due. A record that lives on (it was touched since)
-- is listed under the time it falls due now; the others are answered, to be removed by `vedfolnir_forget`, and are looked
-- at again a moment later if they are not.
--
-- Keys   1 fence · 2 expiry
-- Args   1 fence · 2 entries to look at, at most (0: only raise the fence)
-- Flags  allow-oom: it frees, or changes scores
-- Result { word, server time in ms, entries looked at or the fence that may act, when the first fell due, then members }
--   due     members of the expiry set (32 bytes each) whose record is gone or a note
--   fenced  a higher fence was seen; nothing was changed

-- A record without a time to live is a fault that `vedfolnir fsck` repairs; it must not keep the sweep from the rest.
local without_end = 86400000
local look_again = 10000

local function due(keys, args)
    local now = server_time()
    local limit = parse_number(args[2], 'limit')
    local other = fenced_by(keys[1], args[1])
    if other then
        return { 'fenced', now, other }
    end
    if limit == 0 then
        return { 'due', now, 0, 0 }
    end
    local shard = shard_of_key(keys[2], 'expiry')
    local entries = redis.call('ZRANGEBYSCORE', keys[2], '-inf', digits(now), 'WITHSCORES', 'LIMIT', 0, digits(limit))
    local result = { 'due', now, #entries / 2, entries[2] or 0 }
    for i = 1, #entries, 2 do
        local member = entries[i]
        local key = record_key(shard, digest_of(member))
        local left = redis.call('PTTL', key)
        if left == -2 or is_note(redis.call('GETRANGE', key, 0, 1)) then
            result[#result + 1] = member
            left = look_again
        elseif left == -1 then
            left = without_end
        end
        -- 0 is what is left of a record's last millisecond.
        redis.call('ZADD', keys[2], digits(now + math.max(left, 1)), member)
    end
    return result
end

redis.register_function({ function_name = 'vedfolnir_due', callback = due, flags = { 'allow-oom' } })
