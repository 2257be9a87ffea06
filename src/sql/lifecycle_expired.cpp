#include "runtime/archive_rules.hpp"
#include "sql/batch.hpp"
#include "sql/lifecycle.hpp"
#include "sql/rows.hpp"

#include <map>
#include <set>
#include <utility>

namespace vedfolnir::sql {
namespace {

NewEvent expired_event_of(const Handle& handle, TimePoint ended, std::string user_id) {
    auto event = runtime::expired_event();
    event.at = ended;
    event.handle = handle;
    event.user_id = std::move(user_id);
    return {std::move(event)};
}

std::string gone_rows(const std::vector<async::Gone>& gone) {
    Batch batch;
    for (const async::Gone& session : gone) {
        batch.next_row();
        batch.add("handle", session.handle.text());
        batch.add("store_key", session.key.text());
    }
    return batch.json();
}

}  // namespace

std::uint32_t close_expired(Connection& db, const Auditor& auditor, TimePoint now,
                            std::uint32_t limit) {
    // Names what this call closes, also where another one works beside it.
    const auto operation = hex(new_operation());
    if (db.execute("sessions_close_expired",
                   {{"now", millis(now)},
                    {"page", std::int64_t{limit}},
                    {"reason", std::string(to_string(EndReason::expired))},
                    {"operation", operation}}) == 0)
        return 0;
    std::vector<NewEvent> events;
    for (const auto& row : db.query("sessions_closed_by", 3, {{"operation", operation}}))
        events.push_back(
            expired_event_of(read_handle(row, 1), moment(row.integer(0)), row.text(2)));
    write_events(db, auditor, events);
    return static_cast<std::uint32_t>(events.size());
}

std::uint32_t close_gone(Connection& db, const Auditor& auditor, std::vector<async::Gone>& gone,
                         TimePoint now) {
    const auto operation = hex(new_operation());
    const auto batch = gone_rows(gone);
    db.execute("sessions_close_gone", {{"batch", batch},
                                       {"now", millis(now)},
                                       {"reason", std::string(to_string(EndReason::expired))},
                                       {"operation", operation}});
    std::map<Handle, UserTag> users;
    std::set<Handle> open;
    std::vector<NewEvent> events;
    for (const auto& row :
         db.query("sessions_gone", 5, {{"batch", batch}, {"operation", operation}})) {
        const auto handle = read_handle(row, 0);
        users.emplace(handle, read_tag(row, 1));
        if (row.integer(2) != 0) open.insert(handle);
        if (row.cell(3))
            events.push_back(expired_event_of(handle, moment(row.integer(3)), row.text(4)));
    }
    std::erase_if(gone, [&](const async::Gone& session) { return open.contains(session.handle); });
    for (async::Gone& session : gone) {
        const auto known = users.find(session.handle);
        if (known != users.end()) session.user = known->second;
    }
    write_events(db, auditor, events);
    return static_cast<std::uint32_t>(events.size());
}

}  // namespace vedfolnir::sql
