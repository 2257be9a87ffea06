#include "sql/listings.hpp"

#include "runtime/archive_rules.hpp"
#include "sql/audit_rows.hpp"
#include "sql/rows.hpp"

#include <algorithm>
#include <limits>

namespace vedfolnir::sql {
namespace {

constexpr auto any_future = std::numeric_limits<std::int64_t>::max();
constexpr auto any_past = std::numeric_limits<std::int64_t>::min();

/// One query text for each way in, so that each has its index; what else was asked for filters.
struct Question {
    std::string_view name;
    Params params;
};

Question session_question(const async::SessionQuery& query) {
    Question question{query.only_live ? "sessions_live" : "sessions_all", {}};
    if (!query.user_id.empty()) {
        question.name = query.only_live ? "sessions_live_by_user" : "sessions_all_by_user";
        question.params.emplace_back("user_id", query.user_id);
    }
    if (query.only_live) {
        question.params.emplace_back("now", millis(query.now));
        question.params.emplace_back("begun_after", millis(query.now - runtime::unconfirmed_grace));
    }
    return question;
}

std::vector<async::SessionRow> one_session(Connection& db, const async::SessionQuery& query) {
    std::vector<async::SessionRow> found;
    const auto rows =
        query.handle
            ? db.query("session_by_handle", session_columns, {{"handle", query.handle->text()}})
            : db.query("session_by_key", session_columns, {{"store_key", query.key->text()}});
    for (const auto& row : rows) {
        auto session = read_session(row);
        if (query.key && session.row.key != *query.key) continue;
        if (query.only_live && !runtime::is_live(session.row, session.begun, query.now)) continue;
        if (!query.user_id.empty() && session.row.user_id != query.user_id) continue;
        found.push_back(std::move(session.row));
    }
    if (query.after || query.limit == 0) found.clear();
    return found;
}

Question event_question(const async::AuditQuery& query, const audit::Sealer& sealer) {
    const auto subject =
        query.user_id.empty() ? std::string() : hex(sealer.subject_of(query.user_id).bytes);
    if (query.handle) {
        return {"audit_by_handle", {{"handle", query.handle->text()}, {"subject", subject}}};
    }
    if (!subject.empty()) return {"audit_by_subject", {{"subject", subject}}};
    if (!query.type.empty() && !query.type.ends_with(".*"))
        return {"audit_by_type", {{"type", query.type}}};
    return {query.since ? "audit_since" : "audit_newest", {}};
}

std::vector<async::AuditEvent> event_page(Connection& db, const audit::Sealer& sealer,
                                          EventOpener& opener, const async::AuditQuery& query,
                                          std::uint64_t before_id, std::uint32_t limit) {
    auto question = event_question(query, sealer);
    if (question.name != "audit_by_type") {
        auto types = runtime::type_range(query.type);
        question.params.emplace_back("type_low", std::move(types.low));
        question.params.emplace_back("type_high", std::move(types.high));
    }
    question.params.emplace_back("since", query.since ? millis(*query.since) : any_past);
    question.params.emplace_back("until", query.until ? millis(*query.until) : any_future);
    question.params.emplace_back("before_id", before_id == 0 ? any_future : number(before_id));
    question.params.emplace_back("page", std::int64_t{limit});
    std::vector<async::AuditEvent> found;
    for (const auto& row : db.query(question.name, event_columns, std::move(question.params))) {
        found.push_back(opener.open(row));
    }
    return found;
}

std::vector<async::UserEpoch> read_epochs(const Rows& rows) {
    std::vector<async::UserEpoch> epochs;
    epochs.reserve(rows.size());
    for (const auto& row : rows)
        epochs.push_back(
            {read_tag(row, 0), static_cast<std::uint64_t>(row.integer(1)), moment(row.integer(2))});
    return epochs;
}

}  // namespace

std::vector<async::SessionRow> list_sessions(Connection& db, const async::SessionQuery& query) {
    if (query.handle || query.key) return one_session(db, query);
    auto question = session_question(query);
    std::int64_t after_created = any_future;
    std::string after_handle;
    if (query.after) {
        const auto last =
            db.query("session_by_handle", session_columns, {{"handle", query.after->text()}});
        if (last.empty()) return {};
        after_created = millis(read_session(last.front()).row.created);
        after_handle = query.after->text();
    }
    question.params.emplace_back("after_created", after_created);
    question.params.emplace_back("after_handle", std::move(after_handle));
    question.params.emplace_back("page", std::int64_t{query.limit});
    std::vector<async::SessionRow> found;
    for (const auto& row : db.query(question.name, session_columns, std::move(question.params))) {
        found.push_back(read_session(row).row);
    }
    return found;
}

std::vector<async::AuditEvent> list_events(Connection& db, const audit::Sealer& sealer,
                                           const async::AuditQuery& query) {
    EventOpener opener(db, sealer);
    if (query.detail_member.empty())
        return event_page(db, sealer, opener, query, query.before_id, query.limit);
    // Details are sealed, so they are opened and looked through, newest first; the call's deadline bounds it.
    std::vector<async::AuditEvent> found;
    auto before = query.before_id;
    while (true) {
        auto page = event_page(db, sealer, opener, query, before, runtime::archive_page_max);
        for (auto& event : page) {
            before = event.id;
            if (event.detail.find(query.detail_member) == std::string::npos) continue;
            if (found.size() >= query.limit) return found;
            found.push_back(std::move(event));
        }
        if (page.size() < runtime::archive_page_max) return found;
    }
}

std::vector<std::uint64_t> list_sequences(Connection& db) {
    std::vector<std::uint64_t> sequences(256, 0);
    for (const auto& row : db.query("shard_sequences", 2)) {
        sequences.at(static_cast<std::size_t>(row.integer(0))) =
            static_cast<std::uint64_t>(row.integer(1));
    }
    return sequences;
}

std::vector<async::Revocation> list_revocations(Connection& db, std::uint8_t shard,
                                                std::uint64_t after, std::uint32_t limit) {
    std::vector<async::Revocation> found;
    for (const auto& row : db.query("revocations_after", revocation_columns,
                                    {{"shard", std::int64_t{shard}},
                                     {"after", number(after)},
                                     {"page", std::int64_t{limit}}})) {
        found.push_back(read_revocation(row));
    }
    return found;
}

std::vector<async::UserEpoch> list_epochs(Connection& db, TimePoint since, std::uint32_t limit) {
    return read_epochs(db.query("user_epochs_since", 3,
                                {{"since", millis(since)}, {"page", std::int64_t{limit}}}));
}

std::vector<async::UserEpoch> list_epochs_from(Connection& db, std::uint8_t shard,
                                               const std::optional<UserTag>& after,
                                               std::uint32_t limit) {
    std::string behind = after ? hex(after->bytes) : tags_of_shard(shard).first;
    return read_epochs(db.query("user_epochs_from", 3,
                                {{"after", std::move(behind)}, {"page", std::int64_t{limit}}}));
}

std::uint64_t user_epoch(Connection& db, const UserTag& user) {
    const auto rows = db.query("user_epoch", 1, {{"user_tag", hex(user.bytes)}});
    return rows.empty() ? 0 : static_cast<std::uint64_t>(rows.front().integer(0));
}

}  // namespace vedfolnir::sql
