-- What the functions may know of a record: its fields at fixed offsets (docs/internals/record.md).

local record_header = 120
-- Sixteen zero bytes. Spelled out: nothing but `redis` may be used while a library loads.
local anonymous = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
local no_operation = anonymous

local function generation_of(record) return string.sub(record, 5, 12) end
local function generation_number(record) return read_number(record, 4, 'generation') end
local function seen_of(record) return read_number(record, 12, 'last_seen') end
local function handle_of(record) return string.sub(record, 21, 36) end
local function user_of(record) return string.sub(record, 37, 52) end
local function absolute_of(record) return read_number(record, 72, 'absolute expiry') end
local function epoch_of(record) return read_number(record, 80, 'epoch') end
-- The hybrid logical clock: 48 bits of milliseconds and 16 bits that count within one.
local function clock_ms_of(record) return read_number('\0\0' .. string.sub(record, 89, 94), 0, 'clock') end
local function clock_count_of(record) return string.byte(record, 95) * 256 + string.byte(record, 96) end
local function operation_of(record) return string.sub(record, 97, 112) end

-- A note marks where a rotated record was; it is never touched, saved into, or counted as a session.
local function is_note(bytes)
    return #bytes >= 2 and string.byte(bytes, 2) >= 128
end

-- Refuses bytes that are not a record of format 1. `name` says whose they are.
local function check_record(bytes, name)
    if type(bytes) ~= 'string' or #bytes < record_header then
        refuse(name .. ' has ' .. (bytes and #bytes or 0) .. ' bytes, a record has at least ' .. record_header)
    end
    if string.byte(bytes, 1) ~= 1 or is_note(bytes) then
        refuse(name .. ' is not a record of format 1')
    end
end

local function check_digest(bytes, name)
    if type(bytes) ~= 'string' or #bytes ~= 16 then
        refuse(name .. ' has ' .. (bytes and #bytes or 0) .. ' bytes, not 16')
    end
end

-- The time to live never reaches past the record's absolute end. 0 when that end has come.
local function capped_ttl(record, text, now)
    local ttl = parse_number(text, 'time to live')
    if ttl < 1 then
        refuse('time to live is 0')
    end
    local absolute = absolute_of(record)
    if absolute > 0 then
        ttl = math.min(ttl, absolute - now)
    end
    return math.max(ttl, 0)
end

-- True if every session of this epoch has ended.
local function is_stale(record, epoch_key)
    local current = redis.call('GET', epoch_key)
    return current and epoch_of(record) < parse_number(current, 'stored epoch')
end

local function raise_epoch(key, epoch)
    local current = redis.call('GET', key)
    if not current or parse_number(current, 'stored epoch') < epoch then
        redis.call('SET', key, digits(epoch))
    end
end
