// One run of `vedfolnir fsck`: what stands in Redis and in SQL, looked at batch by batch.
#pragma once

#include "compose/fsck.hpp"
#include "crypto/key_ring.hpp"
#include "model/record.hpp"
#include "redis/redis_store.hpp"
#include "redis/survey.hpp"
#include "redis/upkeep.hpp"
#include "runtime/runtime.hpp"
#include "sql/sql.hpp"
#include "sql/survey.hpp"
#include "sql/upkeep.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::compose {

/// Coroutines run on the executor of the runtime, one after the other. Errors: as fsck().
class Fsck {
public:
    /// Options, orders and the runtime outlive it.
    Fsck(const ManagerOptions& options, const FsckOptions& wanted, crypto::KeyRing ring,
         const sql::SharedSealer& sealer, const std::shared_ptr<sql::Database>& database,
         const runtime::Runtime& runtime);

    /// Records first: a record that goes leaves entries, which the sets show then.
    [[nodiscard]] async::Task<ops::FsckReport> run(Deadline deadline);
    /// The shards whose marks are behind SQL.
    [[nodiscard]] async::Task<std::vector<std::string>> behind(Deadline deadline);
    /// In numbers.
    [[nodiscard]] async::Task<std::uint32_t> tell(std::string detail, Deadline deadline);

private:
    template <class T>
    using Task = async::Task<T>;
    using Defect = ops::Defect;

    /// A record of a known user that opens.
    struct Opened {
        redis::Owned record;
        TimePoint absolute;
        TimePoint due;
    };

    static constexpr std::uint32_t page = 200;
    /// What is younger may be under way: a login, a copy, an ending.
    static constexpr Seconds under_way{60};

    [[nodiscard]] Deadline soon() const;
    void found(Defect defect, std::string where, bool repaired);
    void tell_progress(std::uint64_t seen, std::string_view of_what) const;
    /// True if it was repaired; without the permission to, nothing is done.
    [[nodiscard]] Task<bool> repair(Task<bool> work);

    /// The whole keyspace once: records, or what lists them.
    [[nodiscard]] Task<bool> walk(bool sets);
    [[nodiscard]] Task<bool> check_records(std::vector<redis::Surveyed> batch);
    /// The header of one that opens.
    [[nodiscard]] Task<std::optional<model::RecordHeader>> check_record(redis::Surveyed record,
                                                                        std::string bytes,
                                                                        Millis ttl);
    /// A key ring that opens hardly anything is not the application's: then nothing is removed.
    [[nodiscard]] Task<bool> remove_unreadable();
    /// Records of known users stand in two lists, and SQL does not say that they ended.
    [[nodiscard]] Task<bool> check_listed(std::vector<Opened> records);
    [[nodiscard]] Task<bool> end_record(redis::Owned record);
    [[nodiscard]] Task<bool> list_record(Opened record, redis::Listed listed);
    [[nodiscard]] Task<bool> check_set(redis::Surveyed set);
    [[nodiscard]] Task<bool> end_index(redis::Surveyed set, TimePoint longest);
    /// How many entries a repair took out.
    [[nodiscard]] Task<std::uint32_t> check_entries(const redis::Surveyed& set,
                                                    const std::vector<redis::Entry>& entries);
    [[nodiscard]] std::optional<Defect> judge_entry(const redis::Surveyed& set,
                                                    const redis::Entry& entry,
                                                    const std::optional<std::string>& bytes) const;

    [[nodiscard]] Task<bool> rows();
    [[nodiscard]] Task<bool> check_rows(const std::vector<async::SessionRow>& rows);
    /// Open rows without a record, except those of which there is a copy: it comes back when it is asked for.
    [[nodiscard]] Task<bool> close(std::vector<async::Gone> gone);
    [[nodiscard]] Task<bool> copies();
    [[nodiscard]] bool unreadable(const sql::Copy& copy) const;

    const ManagerOptions& options_;
    const FsckOptions& wanted_;
    crypto::KeyRing ring_;
    redis::RedisSurvey redis_;
    redis::RedisUpkeep upkeep_;
    std::shared_ptr<redis::RedisStore> store_;
    std::shared_ptr<async::Archive> archive_;
    sql::SqlUpkeep sql_;
    sql::SqlSurvey copies_;
    Deadline deadline_{};
    TimePoint now_{};
    std::vector<std::string> unreadable_;
    std::uint64_t readable_ = 0;
    ops::FsckReport report_;
};

}  // namespace vedfolnir::compose
