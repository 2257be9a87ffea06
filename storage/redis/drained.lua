-- vedfolnir_drained: takes records off a shard's dirty set once they were copied to SQL. One that changed again
-- meanwhile has another score, and stays.
--
-- Keys   1 fence · 2 dirty
-- Args   1 fence, then per record: store key digest (16 bytes), its score when it was read
-- Flags  allow-oom: it only ever frees memory
-- Result { word, server time in ms, entries removed or the fence that may act }
--   drained
--   fenced   a higher fence was seen; nothing was changed

local function drained(keys, args)
    local now = server_time()
    local other = fenced_by(keys[1], args[1])
    if other then
        return { 'fenced', now, other }
    end
    local removed = 0
    for i = 2, #args, 2 do
        check_digest(args[i], 'digest ' .. i / 2)
        -- As numbers: the server may write a score as 1.7672e+12.
        local score = redis.call('ZSCORE', keys[2], args[i])
        if score and tonumber(score) == parse_number(args[i + 1], 'score') then
            removed = removed + redis.call('ZREM', keys[2], args[i])
        end
    end
    return { 'drained', now, removed }
end

redis.register_function({ function_name = 'vedfolnir_drained', callback = drained, flags = { 'allow-oom' } })
