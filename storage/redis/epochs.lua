-- vedfolnir_epochs: raises minimum epochs of users of one shard, as SQL knows them. All of a shard are told in pages, in
-- order; how far they came stands beside the mark, so that whatever Redis loses of them in between is noticed.
--
-- Keys   1 mark · 2.. epoch of each user
-- Args   1 pass (names who tells: any text) · 2 page, from 1 · 3 `last` or `more` · 4.. epoch of each user
-- Flags  none: refused when Redis is out of memory
-- Result { word, server time in ms }
--   told
--   broken   the page before this one is not there, or another pass began since; nothing was changed

local epochs_max = 1000

local function tell_epochs(keys, args)
    local count = #keys - 1
    if count < 0 or count > epochs_max or #args ~= 3 + count then
        refuse('epochs takes the mark and an epoch for each of at most ' .. epochs_max .. ' users')
    end
    local page = parse_number(args[2], 'page')
    if page < 1 or (args[3] ~= 'last' and args[3] ~= 'more') then
        refuse('epochs takes a page from 1 on, and `last` or `more`')
    end
    local epochs = {}
    for i = 1, count do
        epochs[i] = parse_number(args[3 + i], 'epoch')
    end
    local stands = redis.call('HGET', keys[1], 'epochs')
    local here = args[1] .. ':' .. digits(page)
    if stands ~= 'all' and page > 1 and stands ~= here and stands ~= args[1] .. ':' .. digits(page - 1) then
        return { 'broken', server_time() }
    end
    for i = 1, count do
        raise_epoch(keys[1 + i], epochs[i])
    end
    if args[3] == 'last' then
        redis.call('HSET', keys[1], 'epochs', 'all')
    elseif stands ~= 'all' then
        redis.call('HSET', keys[1], 'epochs', here)
    end
    return { 'told', server_time() }
end

redis.register_function({ function_name = 'vedfolnir_epochs', callback = tell_epochs })
