// Everything under our prefix, looked at and put right: for `vedfolnir fsck`.
#pragma once

#include "redis/connection.hpp"
#include "redis/keys.hpp"
#include "vedfolnir/async/upkeep.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::redis {

/// What one key is, by its name.
struct Surveyed {
    enum class Kind : std::uint8_t { record, index, expiry, dirty, mark, epoch, other };
    Kind kind = Kind::other;
    std::string name;
    std::uint8_t shard = 0;
    StoreKey key;  ///< Of a record.
    UserTag user;  ///< Of an index or epoch.
};

struct ScanPage {
    std::vector<Surveyed> keys;
    std::uint64_t cursor = 0;  ///< 0: that was all.
};

/// A member of a set with the session that it names.
struct Entry {
    StoreKey key;
    Handle handle;  ///< All zero in a dirty set.
    TimePoint score{};
    std::string member;
};

struct SetState {
    std::vector<Entry> entries;
    bool has_end = false;  ///< A time to live.
};

/// A record of a known user.
struct Owned {
    StoreKey key;
    UserTag user;
    Handle handle;
};

struct Listed {
    bool in_index = false;
    bool in_expiry = false;
    bool stands = false;  ///< The record did, when it was last looked at.
};

/// Its own connection; the user needs `+scan` besides what sessions need. Executor only.
class RedisSurvey {
public:
    RedisSurvey(boost::asio::any_io_executor executor, const RedisOptions& options);

    /// Names it. By the server's order; a key that stands all the time is found at least once.
    [[nodiscard]] async::Task<ScanPage> scan(std::uint64_t cursor, Deadline deadline);
    /// Up to `limit` members of a set from `first` on.
    [[nodiscard]] async::Task<SetState> set(Surveyed key, std::uint32_t first, std::uint32_t limit,
                                            Deadline deadline);
    [[nodiscard]] async::Task<bool> has_end(std::string name, Deadline deadline);

    [[nodiscard]] async::Task<bool> expire(std::string name, Millis ttl, Deadline deadline);
    [[nodiscard]] async::Task<bool> remove(std::string name, Deadline deadline);
    [[nodiscard]] async::Task<bool> remove_member(std::string set, std::string member,
                                                  Deadline deadline);

    /// Where records of known users are listed.
    [[nodiscard]] async::Task<std::vector<Listed>> listed(std::vector<Owned> records,
                                                          Deadline deadline);
    /// The index lives at least as long.
    [[nodiscard]] async::Task<bool> list_in_index(Owned record, TimePoint until, Deadline deadline);
    [[nodiscard]] async::Task<bool> list_in_expiry(Owned record, TimePoint due, Deadline deadline);

private:
    [[nodiscard]] async::Task<std::int64_t> integer(Pipeline pipeline, Deadline deadline);
    [[nodiscard]] Surveyed named(std::string name) const;

    Keyspace keys_;
    Connection connection_;
};

}  // namespace vedfolnir::redis
