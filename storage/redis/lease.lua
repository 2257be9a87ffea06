-- vedfolnir_lease: takes, renews or gives up the lease of the background jobs.
--
-- Keys   1 lease
-- Args   1 holder · 2 time to live, ms (0: give it up) · 3 least fence
-- Flags  allow-oom: cleaning up must go on when Redis is out of memory
-- Result { word, server time in ms, fence, ms left, holder }
--   granted   the holder has it; a new holder's fence is above every earlier one and at least the least fence
--   held      somebody else has it
--   released  the holder has given it up
--   free      nobody has it (asked to give it up, and the holder did not have it)
-- Fences follow the server's clock, so that they also grow where Redis forgot the last one.

local function lease(keys, args)
    local holder, ttl, least = args[1], parse_number(args[2], 'time to live'), parse_number(args[3], 'least fence')
    if #holder == 0 or #holder > 128 then
        refuse('holder has ' .. #holder .. ' bytes, not 1 to 128')
    end
    local now = server_time()
    local current = redis.call('HGET', keys[1], 'holder') or ''
    local fence = parse_number(redis.call('HGET', keys[1], 'fence') or '0', 'stored fence')
    if current ~= '' and current ~= holder then
        return { 'held', now, fence, redis.call('PTTL', keys[1]), current }
    end
    if ttl == 0 and current == '' then
        return { 'free', now, fence, 0, '' }
    end
    if ttl == 0 then
        -- The fence stays, for the next holder to be above it.
        redis.call('HSET', keys[1], 'holder', '')
        redis.call('PEXPIRE', keys[1], digits(fence_life))
        return { 'released', now, fence, 0, '' }
    end
    if current == '' or fence < least then
        fence = math.max(now, fence + 1, least)
        redis.call('HSET', keys[1], 'holder', holder, 'fence', digits(fence))
    end
    redis.call('PEXPIRE', keys[1], digits(ttl))
    return { 'granted', now, fence, ttl, holder }
end

redis.register_function({ function_name = 'vedfolnir_lease', callback = lease, flags = { 'allow-oom' } })
