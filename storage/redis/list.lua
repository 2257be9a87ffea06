-- vedfolnir_list: the live sessions of a user. An entry whose record is gone, moved or of a stale epoch is left out,
-- not pruned: a function that may not write also answers while Redis refuses writes. Entries go with `vedfolnir_end`,
-- at the user's next login once past their absolute end, and with the index itself.
--
-- Keys   1 index of the user · 2 epoch of the user
-- Flags  no-writes
-- Result { listed, server time in ms, then per session: digest and handle (32 bytes), absolute expiry in ms }

local function list(keys)
    if #keys ~= 2 then
        refuse('list takes 2 keys, not ' .. #keys)
    end
    local entries = redis.call('ZRANGE', keys[1], 0, -1, 'WITHSCORES')
    local epoch = parse_number(redis.call('GET', keys[2]) or '0', 'stored epoch')
    -- The name of an index ends in `user:` and 22 characters.
    local shard = string.sub(keys[1], 1, -28)
    local result = { 'listed', server_time() }
    for i = 1, #entries, 2 do
        local member = entries[i]
        local header = redis.call('GETRANGE', record_key(shard, digest_of(member)), 0, record_header - 1)
        local live = #header == record_header and not is_note(header)
        if live and handle_of(header) == string.sub(member, 17) and epoch_of(header) >= epoch then
            result[#result + 1] = member
            result[#result + 1] = entries[i + 1]
        end
    end
    return result
end

redis.register_function({ function_name = 'vedfolnir_list', callback = list, flags = { 'no-writes' } })
