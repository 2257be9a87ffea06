-- vedfolnir_info: which library this is, and what time it is.
--
-- Flags  no-writes
-- Result { info, server time in ms, version of the library }

local library_version = 8

local function info()
    return { 'info', server_time(), library_version }
end

redis.register_function({ function_name = 'vedfolnir_info', callback = info, flags = { 'no-writes' } })
