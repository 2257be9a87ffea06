-- vedfolnir_restore: puts back a record that this store lost, or that was written elsewhere while it was away. Inserts, or
-- replaces what is older by (generation, hybrid logical clock). Without keys it only answers that changes are taken.
--
-- Keys   1 record; for an authenticated record also 2 epoch, 3 index of the user, 4 expiry, 5 dirty, 6 mark; or none
-- Args   1 record · 2 time to live, ms · 3 store key digest (16 bytes) · 4 the shard's last revocation that the caller knew
--        5 how far clocks may differ, ms · 6 '1' where the database has this very record as its copy
-- Flags  none: refused when Redis is out of memory
-- Result { word, server time in ms, stored bytes where named }
--
-- A record that has its copy is due to be copied again when a touch of it would be: what was changed must not wait behind it.
--
-- vedfolnir_restore_many: the same for several authenticated records of one shard that have their copies, at less than half
-- the cost of each.
--
-- Keys   1 expiry · 2 dirty · 3 mark · then of each record: record, epoch, index of the user
-- Args   1 how far clocks may differ, ms · then of each record: record, time to live in ms, digest, last revocation known
-- Flags  none
-- Result { 'done', server time in ms, then of each record: word, stored bytes or '' }
--   ready     no key was given
--   restored  written, with the later `last_seen` of both and min(time to live, absolute expiry - now)
--   newer     the same or something newer stands there; + the stored record, with the later `last_seen` of both
--   ended     a note stands there, the user's epoch is above the record's, or the absolute end has come
--   outdated  the mark is beyond what the caller knew: an ending may concern the record
--   skewed    the record's clock is further ahead of the server's than it may be
--   tied      another record of this generation and clock stood there; it was deleted, nothing was written

-- Below, at or above 0: how `record` stands to `stored`. As numbers: texts would compare by the server's locale.
local function age_of(record, stored)
    for _, field in ipairs({ generation_number, clock_ms_of, clock_count_of }) do
        local difference = field(record) - field(stored)
        if difference ~= 0 then
            return difference
        end
    end
    return 0
end

-- What stays is at least as new; only the activity that it missed is added.
local function keep(key, record, stored, ttl)
    if seen_of(record) > seen_of(stored) then
        redis.call('SETRANGE', key, 12, write_number(seen_of(record)))
        redis.call('PEXPIRE', key, digits(math.max(ttl, redis.call('PTTL', key))))
    end
    return redis.call('GET', key)
end

-- What replaces it keeps the later activity, and the later idle end, of both: else the order of arrival would count.
local function with_activity_of(stored, record, ttl, key)
    if seen_of(stored) > seen_of(record) then
        record = string.sub(record, 1, 12) .. write_number(seen_of(stored)) .. string.sub(record, 21)
        ttl = math.max(ttl, redis.call('PTTL', key))
    end
    return record, ttl
end

local function drop(item)
    redis.call('DEL', item.key)
    if item.index and user_of(item.stored) ~= anonymous then
        local member = member_of(item.digest, item.stored)
        redis.call('ZREM', item.index, member)
        redis.call('ZREM', item.expiry, member)
        redis.call('ZREM', item.dirty, item.digest)
    end
end

-- An index lives as long as its last session: the first one sets its end, the others only put it off.
local function enter_index(index, absolute, member)
    redis.call('ZADD', index, digits(absolute), member)
    if redis.call('PEXPIREAT', index, digits(absolute), 'NX') == 0 then
        redis.call('PEXPIREAT', index, digits(absolute), 'GT')
    end
end

-- Reads, and refuses what is not as it has to be, before anything is written. `item`: record, digest, ttl, and the keys.
local function look_at(item)
    local record = item.record
    item.ended = item.ttl == 0 or (item.index and (absolute_of(record) == 0 or is_stale(record, item.epoch)))
    item.stored = redis.call('GET', item.key)
    if item.stored and is_note(item.stored) then
        item.ended = true
    elseif item.stored then
        check_record(item.stored, 'stored record')
    end
end

-- `entries` gathers what the sets of the shard are to list. Answers a word, and the stored bytes where they are asked for.
local function put_back(item, now, entries)
    local record, ttl, stored = item.record, item.ttl, item.stored
    if item.ended then
        return 'ended'
    end
    if stored then
        local age = age_of(record, stored)
        if age < 0 or (age == 0 and operation_of(record) == operation_of(stored)) then
            return 'newer', keep(item.key, record, stored, ttl)
        end
        if age == 0 or string.sub(stored, 21, 52) ~= string.sub(record, 21, 52) then
            drop(item)
            return 'tied'
        end
        record, ttl = with_activity_of(stored, record, ttl, item.key)
    end
    redis.call('SET', item.key, record, 'PX', digits(ttl))
    if item.index then
        local member = member_of(item.digest, record)
        enter_index(item.index, absolute_of(record), member)
        local listed = #entries.expiry
        entries.expiry[listed + 1], entries.expiry[listed + 2] = digits(now + ttl), member
        local due = item.copied and now + math.floor(ttl / 4) or now
        entries.dirty[listed + 1], entries.dirty[listed + 2] = digits(due), item.digest
    end
    return 'restored'
end

-- `copied`: whether all have their copies. Then what is listed already stays due when it was.
local function enter_sets(expiry, dirty, entries, copied)
    if #entries.expiry == 0 then
        return
    end
    redis.call('ZADD', expiry, unpack(entries.expiry))
    if copied then
        redis.call('ZADD', dirty, 'NX', unpack(entries.dirty))
    else
        redis.call('ZADD', dirty, unpack(entries.dirty))
    end
end

local function stored_mark(key)
    return parse_number(redis.call('HGET', key, 'seq') or '0', 'stored mark')
end

local function restore(keys, args)
    local now = server_time()
    if #keys == 0 then
        return { 'ready', now }
    end
    local record, digest = args[1], args[3]
    check_record(record, 'record')
    check_digest(digest, 'digest')
    local named = user_of(record) ~= anonymous
    if #keys ~= (named and 6 or 1) then
        refuse('restore takes 1 key for an anonymous record and 6 for an authenticated one, not ' .. #keys)
    end
    local skew = parse_number(args[5], 'skew')
    if named and stored_mark(keys[6]) > parse_number(args[4], 'sequence') then
        return { 'outdated', now }
    end
    if clock_ms_of(record) > now + skew then
        return { 'skewed', now }
    end
    local item = {
        record = record, digest = digest, ttl = capped_ttl(record, args[2], now), copied = args[6] == '1',
        key = keys[1], epoch = keys[2], index = keys[3], expiry = keys[4], dirty = keys[5] }
    look_at(item)
    local entries = { expiry = {}, dirty = {} }
    local word, bytes = put_back(item, now, entries)
    enter_sets(item.expiry, item.dirty, entries, item.copied)
    if word == 'restored' then
        -- Ends with a read: the writer's own connection tracks the key from here on (client-side caching).
        redis.call('STRLEN', keys[1])
    end
    return { word, now, bytes }
end

local records_max = 256

local function restore_many(keys, args)
    local now = server_time()
    local count = (#args - 1) / 4
    if count < 1 or count > records_max or #keys ~= 3 + 3 * count then
        refuse('restore_many takes 3 keys and 3 for each of 1 to ' .. records_max .. ' records, and 1 argument and 4 for each')
    end
    local skew = parse_number(args[1], 'skew')
    local mark = stored_mark(keys[3])
    local items = {}
    for i = 1, count do
        local record, digest = args[4 * i - 2], args[4 * i]
        check_record(record, 'record')
        check_digest(digest, 'digest')
        if user_of(record) == anonymous then
            refuse('restore_many takes authenticated records only')
        end
        local item = {
            record = record, digest = digest, ttl = capped_ttl(record, args[4 * i - 1], now), copied = true,
            key = keys[3 * i + 1], epoch = keys[3 * i + 2], index = keys[3 * i + 3],
            expiry = keys[1], dirty = keys[2] }
        if mark > parse_number(args[4 * i + 1], 'sequence') then
            item.word = 'outdated'
        elseif clock_ms_of(record) > now + skew then
            item.word = 'skewed'
        else
            look_at(item)
        end
        items[i] = item
    end
    local result = { 'done', now }
    local entries = { expiry = {}, dirty = {} }
    for _, item in ipairs(items) do
        local word, bytes = item.word, nil
        if not word then
            word, bytes = put_back(item, now, entries)
        end
        result[#result + 1] = word
        result[#result + 1] = bytes or ''
    end
    enter_sets(keys[1], keys[2], entries, true)
    return result
end

redis.register_function({ function_name = 'vedfolnir_restore', callback = restore })
redis.register_function({ function_name = 'vedfolnir_restore_many', callback = restore_many })
