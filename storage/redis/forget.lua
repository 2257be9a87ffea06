-- vedfolnir_forget: removes what the sets of a shard still say of sessions whose record is gone. Looks again first: a
-- record that stands there (restored meanwhile) keeps its entries.
--
-- Keys   1 fence · 2 expiry · 3 dirty · then indexes of users
-- Args   1 fence, then per session: member of the expiry set (32 bytes), position of its user's index among the keys
--        (0: not known; the index loses it at the user's next login)
-- Flags  allow-oom: it only ever frees memory
-- Result { word, server time in ms, sessions removed or the fence that may act }
--   forgotten
--   fenced     a higher fence was seen; nothing was changed

local function forget(keys, args)
    local now = server_time()
    local other = fenced_by(keys[1], args[1])
    if other then
        return { 'fenced', now, other }
    end
    local shard = shard_of_key(keys[2], 'expiry')
    local removed = 0
    for i = 2, #args, 2 do
        local member, index = args[i], parse_number(args[i + 1], 'position of an index')
        if #member ~= 32 or index == 1 or index == 2 or index == 3 or index > #keys then
            refuse('entry ' .. i / 2 .. ' is not a member of the expiry set with an index')
        end
        local key = record_key(shard, digest_of(member))
        if redis.call('PTTL', key) == -2 or is_note(redis.call('GETRANGE', key, 0, 1)) then
            removed = removed + redis.call('ZREM', keys[2], member)
            redis.call('ZREM', keys[3], digest_of(member))
            if index > 0 then
                redis.call('ZREM', keys[index], member)
            end
        end
    end
    return { 'forgotten', now, removed }
end

redis.register_function({ function_name = 'vedfolnir_forget', callback = forget, flags = { 'allow-oom' } })
