#include "sql/statistics.hpp"

#include "runtime/archive_rules.hpp"
#include "sql/batch.hpp"
#include "sql/failure.hpp"
#include "sql/rows.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

namespace vedfolnir::sql {
namespace {

using model::Dimension;

/// In place of a class of length.
constexpr std::int64_t that_began = -1;

/// What purged sessions add to the table.
class Tally {
public:
    /// A row of sessions_purge_list.
    void add(const Row& row) {
        const TimePoint created = moment(row.integer(0));
        const TimePoint ended = moment(row.integer(1));
        const Millis length = std::max(Millis{0}, Millis(ended - created));
        const auto bucket = static_cast<std::int64_t>(model::length_class_of(length));
        const std::array<std::pair<Dimension, std::string>, 5> names{
            std::pair{Dimension::all, std::string()},
            {Dimension::user, row.text(2)},
            {Dimension::device, row.text(3)},
            {Dimension::platform, row.text(4)},
            {Dimension::place, row.text(5)}};
        for (const auto& [dimension, name] : names) {
            const auto kept = model::coarse_name(dimension, name);
            add(dimension, created, kept, that_began, Millis{0});
            add(dimension, ended, kept, bucket, length);
        }
        add(Dimension::reason, ended, row.text(6), bucket, length);
    }

    [[nodiscard]] bool empty() const { return sums_.empty(); }

    [[nodiscard]] std::string json() const {
        Batch batch;
        for (const auto& [key, sum] : sums_) {
            const auto& [dimension, day, name, bucket] = key;
            batch.next_row();
            batch.add("dimension", model::to_string(dimension));
            batch.add("day_ms", millis(day));
            batch.add_json("name", boost::json::serialize(boost::json::value(name)));
            batch.add("bucket", bucket);
            batch.add("sessions", number(sum.sessions));
            batch.add("duration_ms", sum.duration.count());
        }
        return batch.json();
    }

private:
    using Key = std::tuple<Dimension, TimePoint, std::string, std::int64_t>;
    struct Sum {
        std::uint64_t sessions = 0;
        Millis duration{0};
    };

    void add(Dimension dimension, TimePoint at, const std::string& name, std::int64_t bucket,
             Millis length) {
        Sum& sum = sums_[Key(dimension, model::day_of(at), name, bucket)];
        ++sum.sessions;
        sum.duration += length;
    }

    std::map<Key, Sum> sums_;
};

model::Counted counted_of(const Row& row) {
    model::Counted counted;
    counted.day = moment(row.integer(0));
    counted.name = row.text(1);
    const auto bucket = row.integer(2);
    const auto sessions = static_cast<std::uint64_t>(row.integer(3));
    if (bucket == that_began)
        counted.begun = sessions;
    else
        counted.ended.add(static_cast<std::size_t>(bucket), sessions, Millis(row.integer(4)));
    return counted;
}

Params params_of(const StatisticsQuery& query) {
    return {{"dimension", std::string(model::to_string(query.by))},
            {"any_name", std::int64_t{query.name.empty()}},
            {"name", query.name},
            {"since", millis(query.since)},
            {"until", millis(query.until)},
            {"each_day", std::int64_t{query.each_day}}};
}

/// Throws Failure: too_large.
void must_fit(const model::Sums& sums, const StatisticsQuery& query) {
    if (sums.size() <= query.names_max) return;
    const auto text =
        fmt::format("more than {} figures to add up; ask for fewer days", query.names_max);
    throw Failure(Error{Errc::too_large, text, text});
}

}  // namespace

std::uint32_t purge_sessions(Connection& db, TimePoint before, std::uint32_t limit) {
    const Params chosen{{"operation", hex(new_operation())}};
    const Params params{{"before", millis(before)}, {"page", std::int64_t{limit}}, chosen.front()};
    if (db.execute("sessions_purge_choose", params) == 0) return 0;
    Tally tally;
    for (const auto& row : db.query("sessions_purge_list", 7, chosen)) tally.add(row);
    if (!tally.empty()) db.execute("statistics_add", {{"batch", tally.json()}});
    return static_cast<std::uint32_t>(db.execute("sessions_purge_remove", chosen));
}

std::uint32_t purge_statistics(Connection& db, TimePoint before, std::uint32_t limit) {
    db.execute("statistics_erased_purge", {{"before", millis(before)}});
    return static_cast<std::uint32_t>(db.execute(
        "statistics_purge", {{"before", millis(before)}, {"page", std::int64_t{limit}}}));
}

void forget_in_statistics(Connection& db, const UserTag& user, TimePoint until) {
    const auto tag = hex(user.bytes);
    db.execute("statistics_forget", {{"user_tag", tag}});
    const Params params{{"user_tag", tag}, {"until", millis(until)}};
    if (db.execute("statistics_erased_raise", params) == 0)
        db.execute("statistics_erased_add", params);
}

std::vector<model::Counted> read_statistics(Connection& db, const StatisticsQuery& query) {
    model::Sums sums;
    const auto add = [&](model::Counted counted) {
        sums.add(std::move(counted));
        must_fit(sums, query);
    };
    auto params = params_of(query);
    db.each("statistics_folded", 5, params, [&](const Row& row) { add(counted_of(row)); });
    params.emplace_back("now", millis(query.now));
    // Whole addresses and User-Agents: far more than there are networks and kinds.
    db.each("statistics_kept", 6, params, [&](const Row& row) {
        auto counted = counted_of(row);
        counted.name = model::coarse_name(query.by, counted.name);
        counted.user_id = row.text(5);
        add(std::move(counted));
    });
    return std::move(sums).sorted();
}

LiveSessions read_live_sessions(Connection& db, TimePoint now) {
    const Params params{{"now", millis(now)},
                        {"begun_after", millis(now - runtime::unconfirmed_grace)}};
    LiveSessions live;
    for (const auto& row : db.query("statistics_live", 3, params))
        live.ages.add(static_cast<std::size_t>(row.integer(0)),
                      static_cast<std::uint64_t>(row.integer(1)), Millis(row.integer(2)));
    const auto users = db.query("statistics_live_users", 2, params);
    live.users = static_cast<std::uint64_t>(users.at(0).integer(0));
    live.users_with_several = static_cast<std::uint64_t>(users.at(0).integer(1));
    return live;
}

}  // namespace vedfolnir::sql
