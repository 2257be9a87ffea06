-- Refusals, integers and base64url. All numbers here stay below 2^53, where a Lua number is exact.

-- Ends the function with an error reply; nothing was written before any call of this.
local function refuse(text)
    error({ err = 'VEDFOLNIR ' .. text })
end

-- The big-endian 8-byte integer at `offset` (counted from 0).
local function read_number(bytes, offset, name)
    local a, b, c, d, e, f, g, h = string.byte(bytes, offset + 1, offset + 8)
    if a ~= 0 or b > 31 then
        refuse(name .. ' is 2^53 or more')
    end
    return (((((b * 256 + c) * 256 + d) * 256 + e) * 256 + f) * 256 + g) * 256 + h
end

local function write_number(number)
    local low = number % 4294967296
    local high = (number - low) / 4294967296
    return string.char(
        0, math.floor(high / 65536), math.floor(high / 256) % 256, high % 256,
        math.floor(low / 16777216), math.floor(low / 65536) % 256, math.floor(low / 256) % 256, low % 256)
end

-- A number that arrived as decimal text; missing means 0 only where the caller says so.
local function parse_number(text, name)
    if type(text) ~= 'string' or not string.find(text, '^%d+$') or #text > 15 then
        refuse(name .. ' is not a number of at most 15 digits')
    end
    return tonumber(text)
end

-- Numbers leave as decimal digits, never as 1.7e+12.
local function digits(number)
    return string.format('%.0f', number)
end

local base64url_alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

-- 22 characters for 16 bytes, without padding.
local function base64url(bytes)
    local out = {}
    for i = 1, #bytes, 3 do
        local a, b, c = string.byte(bytes, i, i + 2)
        local bits = a * 65536 + (b or 0) * 256 + (c or 0)
        for j = 0, (c and 3) or (b and 2) or 1 do
            local index = math.floor(bits / 64 ^ (3 - j)) % 64 + 1
            out[#out + 1] = string.sub(base64url_alphabet, index, index)
        end
    end
    return table.concat(out)
end

-- The server's clock in milliseconds since 1970.
local function server_time()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end
