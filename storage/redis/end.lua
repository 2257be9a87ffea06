-- vedfolnir_end: applies endings of one shard in one step. Always deletes; the mark is a separate question.
-- A note that stands in place of a named record stays: it leads nowhere, and tells a late request what happened.
--
-- Keys   1 mark · 2 expiry · 3 dirty; for a user also 4 index, 5 epoch
-- Args   1 incarnation of the store · 2 previous sequence · 3 sequence (0: leave the mark alone)
--        4 minimum epoch (0: leave it) · 5 `whole`, `named` or `noted` · 6 digest to keep, or empty
--        7.. digests of the records to delete (16 bytes each)
--        With `noted`, before the digests: 7 note to leave in place of each record · 8 its time to live, ms
-- `whole` with an epoch removes what is below it: a login of that epoch came after the ending, however late this arrives.
-- Flags  allow-oom: an ending must work when Redis is out of memory
-- Result { word, server time in ms, records removed, mark afterwards }
--   ended     the mark stands at the sequence or above it (or no sequence was given)
--   gap       the mark is below the previous sequence and was left: replay this shard in order

-- A record that opens as ours and belongs to `epoch` or a later one.
local function is_of_epoch(header, epoch)
    if #header < record_header or string.byte(header, 1) ~= 1 then
        return false
    end
    -- pcall: a number beyond 2^53 is no epoch of ours, and no reason not to delete.
    local read, current = pcall(epoch_of, header)
    return read and current >= epoch
end

-- Deletes the record of `digest` with its entries, or puts a note (with `ttl`) in its place; leaves it if it is of epoch
-- `spared` or later. Whether it was there, and whether no entry of it is left to look for.
local function remove_record(shard, expiry, dirty, digest, note, spared)
    local key = record_key(shard, digest)
    -- pcall: a foreign type under our name must not keep an ending from deleting it.
    local header = redis.pcall('GETRANGE', key, 0, record_header - 1)
    if type(header) ~= 'string' then
        header = ''
    end
    if spared and is_of_epoch(header, spared) then
        return false, true
    end
    redis.call('ZREM', dirty, digest)
    if is_note(header) then
        return false, false
    end
    local removed = redis.call('DEL', key) == 1
    if removed and note then
        redis.call('SET', key, note.bytes, 'PX', note.ttl)
    end
    if #header < record_header then
        return removed, false
    end
    if user_of(header) ~= anonymous then
        local member = member_of(digest, header)
        redis.call('ZREM', index_key(shard, user_of(header)), member)
        redis.call('ZREM', expiry, member)
    end
    return removed, true
end

-- The note to leave and where the digests begin among the arguments.
local function note_of(args)
    if args[5] ~= 'noted' then
        return nil, 7
    end
    local ttl = parse_number(args[8], 'time to live of the note')
    if not is_note(args[7]) or ttl < 1 then
        refuse('note is not a note, or has no time to live')
    end
    return { bytes = args[7], ttl = digits(ttl) }, 9
end

-- The digests to delete, each `named` or, for a whole user, `listed` in the index.
local function targets_of(args, index, first)
    local targets = {}
    if args[5] == 'whole' then
        for _, member in ipairs(redis.call('ZRANGE', index, 0, -1)) do
            targets[digest_of(member)] = 'listed'
        end
    end
    for i = first, #args do
        check_digest(args[i], 'digest ' .. (i - first + 1))
        targets[args[i]] = 'named'
    end
    if #args[6] > 0 then
        check_digest(args[6], 'digest to keep')
        targets[args[6]] = nil
    end
    return targets
end

-- Index and expiry entries whose record had gone before, so that only the digest is known.
local function prune_by_digest(index, expiry, digests)
    for _, member in ipairs(redis.call('ZRANGE', index, 0, -1)) do
        if digests[digest_of(member)] then
            redis.call('ZREM', index, member)
            redis.call('ZREM', expiry, member)
        end
    end
end

-- The mark rises only from the previous sequence: raised blindly after a failover, it would hide what was lost.
local function raise_mark(key, incarnation, previous, sequence)
    local mark = parse_number(redis.call('HGET', key, 'seq') or '0', 'stored mark')
    if sequence == 0 or mark >= sequence then
        return 'ended', mark
    end
    if mark < previous then
        return 'gap', mark
    end
    redis.call('HSET', key, 'seq', digits(sequence), 'incarnation', incarnation)
    return 'ended', sequence
end

local function end_sessions(keys, args)
    local previous = parse_number(args[2], 'previous sequence')
    local sequence = parse_number(args[3], 'sequence')
    local epoch = parse_number(args[4], 'epoch')
    local index, epoch_key = keys[4], keys[5]
    if #keys ~= 3 and #keys ~= 5 then
        refuse('end takes 3 keys, or 5 for a user, not ' .. #keys)
    end
    if args[5] ~= 'named' and args[5] ~= 'noted' and (args[5] ~= 'whole' or not index) then
        refuse('argument 5 is `named`, `noted`, or `whole` for a user')
    end
    if epoch > 0 and not epoch_key then
        refuse('an epoch needs a user')
    end
    local note, first = note_of(args)
    local shard = shard_of_key(keys[1], 'mark')
    local removed, unknown = 0, {}
    for digest, how in pairs(targets_of(args, index, first)) do
        local spared = how == 'listed' and epoch > 0 and epoch
        local existed, pruned = remove_record(shard, keys[2], keys[3], digest, note, spared)
        removed = removed + (existed and 1 or 0)
        unknown[digest] = not pruned or nil
    end
    if index and next(unknown) then
        prune_by_digest(index, keys[2], unknown)
    end
    if epoch > 0 then
        raise_epoch(epoch_key, epoch)
    end
    local word, mark = raise_mark(keys[1], args[1], previous, sequence)
    return { word, server_time(), removed, mark }
end

redis.register_function({ function_name = 'vedfolnir_end', callback = end_sessions, flags = { 'allow-oom' } })
