-- vedfolnir_erase: removes a record and its index entries; with a note, leaves the note in its place.
-- A note that already stands there stays as it is.
--
-- Keys   1 record
-- Args   1 note, or empty · 2 time to live of the note, ms (0 without a note) · 3 store key digest (16 bytes)
-- Flags  allow-oom: it only ever frees memory
-- Result { word, server time in ms }
--   erased    a record was there
--   absent    nothing, or a note, stands there; nothing was changed

local function erase(keys, args)
    local note, digest = args[1], args[3]
    check_digest(digest, 'digest')
    local note_ttl = parse_number(args[2], 'time to live of the note')
    if #note > 0 and (not is_note(note) or note_ttl < 1) then
        refuse('note is not a note, or has no time to live')
    end
    local now = server_time()
    local header = redis.call('GETRANGE', keys[1], 0, record_header - 1)
    if #header == 0 or is_note(header) then
        return { 'absent', now }
    end
    if #note > 0 then
        redis.call('SET', keys[1], note, 'PX', digits(note_ttl))
    else
        redis.call('DEL', keys[1])
    end
    if #header == record_header and user_of(header) ~= anonymous then
        local shard = shard_of_record_key(keys[1])
        local member = member_of(digest, header)
        redis.call('ZREM', index_key(shard, user_of(header)), member)
        redis.call('ZREM', shard .. 'expiry', member)
        redis.call('ZREM', shard .. 'dirty', digest)
    end
    return { 'erased', now }
end

redis.register_function({ function_name = 'vedfolnir_erase', callback = erase, flags = { 'allow-oom' } })
