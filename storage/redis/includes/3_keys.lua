-- Names derived from other names. All keys of a shard share one hash tag, hence one slot: what a function cannot be
-- given as a key (records behind an index, the index behind a record) lies on the same node as what it was given.

-- `P{ss}:` of a record key `P{ss}:<22 characters>`.
local function shard_of_record_key(key) return string.sub(key, 1, -23) end
-- `P{ss}:` of a key `P{ss}:<name>`.
local function shard_of_key(key, name) return string.sub(key, 1, -#name - 1) end

local function record_key(shard, digest) return shard .. base64url(digest) end
local function index_key(shard, user) return shard .. 'user:' .. base64url(user) end

-- How a session is listed in the user's index and in the expiry set.
local function member_of(digest, record) return digest .. handle_of(record) end
local function digest_of(member) return string.sub(member, 1, 16) end
