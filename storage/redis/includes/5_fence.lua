-- Background jobs act under a fence: the number of the lease they hold. A shard that has seen a higher one refuses, so
-- that a process that was paused and wakes up cannot act on. Kept for a day: no lease lives as long.

local fence_life = 86400000

-- Empty if `text` may act in this shard; else the fence that may.
local function fenced_by(key, text)
    local fence = parse_number(text, 'fence')
    local seen = redis.call('GET', key)
    if seen and parse_number(seen, 'stored fence') > fence then
        return seen
    end
    redis.call('SET', key, digits(fence), 'PX', digits(fence_life))
    return nil
end
