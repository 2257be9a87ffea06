#include "compose/report.hpp"

#include "compose/audit_keys.hpp"
#include "compose/state_dir.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "sql/rows.hpp"
#include "sql/sql.hpp"

#include <functional>
#include <utility>

namespace vedfolnir::compose {
namespace {

/// It reads many rows, and nothing waits for it.
constexpr Millis report_timeout{60'000};

Result<std::string> tag_of(const config::Settings& settings, const std::string& user_id) {
    if (user_id.empty()) return std::string();
    auto options = settings.options;
    if (auto completed = complete(options); !completed) return std::move(completed).error();
    const auto sealer = make_sealer(options.keys);
    if (!sealer) return sealer.error();
    return sql::hex((*sealer)->subject_of(user_id).bytes);
}

Report read_report(sql::Connection& db, const ReportOrder& order, const std::string& tag,
                   TimePoint now) {
    Report report;
    report.now = now;
    sql::StatisticsQuery query{order.by, order.each_day, order.since, order.until, now, tag};
    report.counted = sql::read_statistics(db, query);
    query.by = model::Dimension::all;
    query.each_day = false;
    query.name.clear();
    for (auto& all : sql::read_statistics(db, query)) report.total = std::move(all);
    report.live = sql::read_live_sessions(db, now);
    return report;
}

}  // namespace

Result<Report> make_report(const config::Settings& settings, const ReportOrder& order) {
    const auto tag = tag_of(settings, order.user_id);
    if (!tag) return tag.error();
    const auto state_dir = state_dir_of(settings.options.state_dir);
    if (!state_dir) return state_dir.error();
    auto options = settings.options.sql;
    options.statement_timeout = report_timeout;
    const auto database = sql::make_database(options, *state_dir, {.readers = 1, .clock = {}});
    if (!database) return database.error();
    runtime::Runtime runtime;
    const auto deadline = deadline_in(report_timeout);
    std::function<Report(sql::Connection&)> work = [order, tag = *tag,
                                                    now = (*database)->now()](sql::Connection& db) {
        return read_report(db, order, tag, now);
    };
    auto report =
        runtime::run_sync(runtime, (*database)->read<Report>(std::move(work), deadline), deadline);
    (*database)->close();
    runtime.stop();
    return report;
}

}  // namespace vedfolnir::compose
