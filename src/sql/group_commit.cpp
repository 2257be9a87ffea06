#include "runtime/fail_point.hpp"
#include "sql/database_parts.hpp"

#include <exception>

namespace vedfolnir::sql {
namespace {

/// Calls of one commit: enough that its sync counts for little, few enough that nobody waits long for the others.
constexpr std::size_t members_max = 32;

}  // namespace

/// One member's part of a transaction. False: the transaction did not survive its failure; where it had others, they have
/// lost what they wrote.
bool Database::Impl::run_member(Connection& db, Member& member, bool several,
                                std::optional<Diagnosis>& failed) {
    if (member.call->limit.passed()) {
        member.fail({Error{Errc::audit_unavailable,
                           "the deadline passed while others wrote; nothing was written"}});
        return true;
    }
    try {
        db.bound(&member.call->limit);
        if (several) db.statement("SAVEPOINT member");
        member.work(db);
        if (member.call->limit.passed() || !member.call->claim()) {
            throw Failure(Errc::audit_unavailable,
                          "the deadline passed before the commit; nothing was written");
        }
        if (several) db.statement("RELEASE member");
        return true;
    } catch (const std::exception& failure) {
        failed = db.diagnose(failure);
        member.fail(*failed);
    }
    if (!several || failed->connection_is_lost) return false;
    try {
        db.bound(nullptr);
        // SQLite ends the whole transaction itself where a statement was interrupted or found no space.
        if (!db.in_transaction()) return false;
        db.statement("ROLLBACK TO member");
        db.statement("RELEASE member");
        return true;
    } catch (const std::exception& failure) {
        failed = db.diagnose(failure);
        return false;
    }
}

/// Everybody who waits by now shares the commit. What was not written has no outcome yet, or its own failure as such.
std::optional<Diagnosis> Database::Impl::commit_together(Connection& db, Members& members) {
    std::optional<Diagnosis> failed;
    db.begin(Role::writer, members.front()->call->limit);
    const auto others = waiting.take(members_max - 1);
    members.insert(members.end(), others.begin(), others.end());
    const bool several = members.size() > 1;
    for (const auto& member : members) {
        if (!run_member(db, *member, several, failed)) return failed;
    }
    failed.reset();
    runtime::fail_point("sql.written");
    try {
        db.commit();
    } catch (const std::exception& failure) {
        failed = db.diagnose(failure);
    }
    if (!failed) runtime::fail_point("sql.committed");
    for (const auto& member : members) {
        if (member->outcome) continue;
        if (failed)
            member->fail(*failed);
        else
            member->outcome.emplace();
    }
    return failed;
}

/// The first of `members` leads: its limit bounds the wait for the turn.
void Database::Impl::write_together(Members& members) {
    Member& first = *members.front();
    const auto turn = take_turn(first.call->limit);
    auto held = take(Role::writer, first.call->limit);
    std::optional<Diagnosis> failed;
    try {
        failed = commit_together(*held.connection, members);
    } catch (const std::exception& failure) {
        failed = held.connection->diagnose(failure);
        first.fail(*failed);
    }
    give_back(Role::writer, std::move(held), failed);
}

/// A member whose part failed ends alone; those whose rows went with it are written again, each in its own transaction.
Result<void> Database::Impl::write_with_others(const std::shared_ptr<Member>& first) {
    if (first->outcome) return *first->outcome;  // whoever led the commit wrote it
    waiting.remove(first);
    Members members{first};
    try {
        write_together(members);
    } catch (const std::exception& failure) {
        first->fail(dialect->diagnose(failure, nullptr));
    }
    for (const auto& member : members) {
        if (!member->outcome)
            member->outcome = execute(Use::write_alone, member->work, *member->call);
    }
    return *first->outcome;
}

}  // namespace vedfolnir::sql
