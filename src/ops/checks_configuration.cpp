#include "ops/checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace vedfolnir::ops {
namespace {

constexpr unsigned others_may_read = 0044;
constexpr unsigned others_may_write = 0022;

bool about_keys(const std::string& text) {
    return text.starts_with("VEDFOLNIR_KEY") || text.starts_with("VEDFOLNIR_INDEX_SECRET");
}

std::vector<std::string> chosen(const std::vector<std::string>& texts, bool keys) {
    std::vector<std::string> out;
    std::copy_if(texts.begin(), texts.end(), std::back_inserter(out),
                 [&](const std::string& text) { return about_keys(text) == keys; });
    return out;
}

// Container secrets are mounted readable for everybody inside, on a file system of their own.
bool mounted_secret(const std::string& path) { return path.starts_with("/run/secrets/"); }

}  // namespace

Judged check_configuration(const Facts& facts) {
    const auto errors = chosen(facts.errors, false);
    const auto warnings = chosen(facts.warnings, false);
    if (!errors.empty()) {
        return Finding{
            "configuration", Status::fail, fmt::format("{}", fmt::join(errors, "; ")),
            "correct these settings; vedfolnir config show prints each value with its source"};
    }
    if (!warnings.empty()) {
        return Finding{"configuration", Status::warn, fmt::format("{}", fmt::join(warnings, "; ")),
                       "vedfolnir config show prints each value with its source"};
    }
    return Finding{"configuration", Status::ok, "no contradictions, no unknown names", ""};
}

Judged check_keys(const Facts& facts) {
    const auto errors = chosen(facts.errors, true);
    const auto warnings = chosen(facts.warnings, true);
    const char* make =
        "make a key with vedfolnir keys generate and set it as VEDFOLNIR_KEY or by VEDFOLNIR_KEY_FILE";
    if (!errors.empty())
        return Finding{"keys", Status::fail, fmt::format("{}", fmt::join(errors, "; ")), make};
    if (!warnings.empty()) {
        // Following the other advice there would rename all users.
        const bool names = warnings.front().starts_with("VEDFOLNIR_INDEX_SECRET");
        return Finding{"keys", Status::warn, fmt::format("{}", fmt::join(warnings, "; ")),
                       names ? "leave the oldest key in the ring; only a new installation can set "
                               "VEDFOLNIR_INDEX_SECRET"
                             : make};
    }
    return Finding{"keys", Status::ok, "the key ring is long and varied enough", ""};
}

Judged check_sample(const Facts& facts) {
    if (!facts.redis.used || !facts.database.exists) return std::nullopt;
    const auto& sample = facts.sample;
    if (!sample.failure.empty())
        return Finding{"keys.record", Status::unknown,
                       fmt::format("not checked: {}", sample.failure), ""};
    if (!sample.opens && sample.missing > 0)
        return Finding{
            "keys.record", Status::unknown,
            fmt::format(
                "not checked: Redis has no record of the {} newest sessions that SQL says are live",
                sample.missing),
            "if Redis was emptied, its sessions come back as they are asked for, and all of them by vedfolnir recover"};
    if (!sample.opens)
        return Finding{"keys.record", Status::unknown,
                       "not checked: nobody is logged in, so there is no record to try", ""};
    if (*sample.opens)
        return Finding{"keys.record", Status::ok, "a session's record opens with this key ring",
                       ""};
    return Finding{
        "keys.record", Status::fail,
        fmt::format("the record of session {} does not open with this key ring", sample.handle),
        "compare VEDFOLNIR_KEY or VEDFOLNIR_KEYS_FILE with the application's; a key that was taken "
        "out of the ring has to stay until its sessions are over"};
}

Judged check_trail_key(const Facts& facts) {
    if (!facts.database.trail_opens) return std::nullopt;
    if (*facts.database.trail_opens)
        return Finding{"keys.audit", Status::ok, "the audit trail opens with this key ring", ""};
    return Finding{
        "keys.audit", Status::fail,
        "the audit trail does not open with this key ring: its index secret is another one, so users have other "
        "names, what the trail said of them is unreadable, and what an operator does there is refused",
        "VEDFOLNIR_INDEX_SECRET as it was; where it was never set, the first key has to stay in the ring as the "
        "oldest (VEDFOLNIR_KEYS_FILE)"};
}

Judged check_secret_files(const Facts& facts) {
    if (facts.secret_files.empty()) return std::nullopt;
    for (const auto& file : facts.secret_files) {
        const auto chmod = fmt::format("chmod 600 {}", file.path);
        if (!file.mode) {
            return Finding{"secret_files", Status::unknown,
                           fmt::format("{} names {}, whose permissions cannot be read",
                                       file.variable, file.path),
                           ""};
        }
        if ((*file.mode & others_may_write) != 0) {
            return Finding{
                "secret_files", Status::fail,
                fmt::format("others may write {}, which {} names", file.path, file.variable),
                chmod};
        }
        if ((*file.mode & others_may_read) != 0 && !mounted_secret(file.path)) {
            return Finding{
                "secret_files", Status::warn,
                fmt::format("others may read {}, which {} names", file.path, file.variable), chmod};
        }
    }
    return Finding{"secret_files", Status::ok, "files with secrets are private", ""};
}

Judged check_database(const Facts& facts) {
    const auto& database = facts.database;
    if (!database.applies) return std::nullopt;
    if (database.usable == true && !database.weakness.empty()) {
        return Finding{
            "database", Status::warn,
            fmt::format("{} can be written, its schema is current; but {}", database.path,
                        database.weakness),
            "a logout that was acknowledged can come back after a crash: let the server write each commit to disk"};
    }
    if (database.usable == true) {
        return Finding{"database", Status::ok,
                       fmt::format("{} can be written, its schema is current", database.path), ""};
    }
    if (database.usable == false) {
        return Finding{
            "database", Status::fail,
            fmt::format("the SQL database cannot be used: {}", database.failure),
            database.is_file
                ? "check SESSION_DATABASE_URL and VEDFOLNIR_STATE_DIR, and the owner, mode and disk space of the file "
                  "and its folder"
                : "check SESSION_DATABASE_URL, and the server, its users and their rights"};
    }
    if (!database.failure.empty()) {
        return Finding{"database", Status::unknown,
                       fmt::format("not checked: {}", database.failure), ""};
    }
    if (!database.exists) {
        return Finding{
            "database", Status::warn,
            fmt::format("{} does not exist yet; the first login creates it", database.path),
            "if there have been logins, SESSION_DATABASE_URL or VEDFOLNIR_STATE_DIR is not the application's"};
    }
    return Finding{"database", Status::unknown, "not checked", ""};
}

Judged check_database_file(const Facts& facts) {
    const auto& database = facts.database;
    if (!database.applies || !database.exists || !database.is_file) return std::nullopt;
    if (!database.mode) {
        return Finding{"database.file", Status::unknown,
                       fmt::format("the permissions of {} cannot be read", database.path), ""};
    }
    if ((*database.mode & others_may_write) != 0) {
        return Finding{
            "database.file", Status::fail,
            fmt::format("others may write {}: they can undo logouts and change the audit",
                        database.path),
            fmt::format("chmod 600 {}", database.path)};
    }
    if ((*database.mode & others_may_read) != 0) {
        return Finding{"database.file", Status::warn,
                       fmt::format("others may read {}: it names users and devices", database.path),
                       fmt::format("chmod 600 {}", database.path)};
    }
    return Finding{"database.file", Status::ok, "the database file is private", ""};
}

Judged check_fallback(const Facts& facts) {
    if (!facts.redis.used || !facts.fallback.applies || !facts.database.exists) return std::nullopt;
    const auto& state = facts.fallback.state;
    if (!state)
        return Finding{"fallback", Status::unknown, "not checked: the SQL database is not usable",
                       ""};
    const auto by = state->actor.empty() ? std::string() : fmt::format(" by {}", state->actor);
    if (state->mode == FallbackMode::on) {
        return Finding{"fallback", Status::warn,
                       fmt::format("switched on{}: Redis is left alone, SQL does its work", by),
                       "vedfolnir fallback auto, once Redis is well"};
    }
    if (state->mode == FallbackMode::off) {
        return Finding{"fallback", Status::warn,
                       fmt::format("switched off{}: without Redis there are no sessions", by),
                       "vedfolnir fallback auto lets SQL stand in"};
    }
    if (state->ahead > 0) {
        return Finding{
            "fallback", Status::warn,
            fmt::format("SQL stood in for Redis; records that Redis was not told yet: {}",
                        state->ahead),
            "an application process that reaches Redis tells it within seconds; where the number stays, see "
            "the checks of Redis and the application's log"};
    }
    return Finding{"fallback", Status::ok,
                   "SQL stands in where Redis fails; nothing waits for Redis", ""};
}

Judged check_audit(const Facts& facts) {
    const auto& audit = facts.audit;
    if (!audit.applies) return std::nullopt;
    if (!audit.failure.empty())
        return Finding{"audit", Status::fail, audit.failure,
                       "check VEDFOLNIR_AUDIT_KEY_FILE and the owner and mode of that file"};
    if (!audit.has_key && audit.archived) {
        return Finding{"audit", Status::fail,
                       "there is no audit key, so no month can be archived, and none is dropped",
                       "vedfolnir keys audit --generate"};
    }
    if (!audit.has_key) {
        return Finding{
            "audit", Status::warn,
            "there is no audit key: the trail is hashed, but not signed, so whoever may write to the "
            "database can rewrite its past unseen",
            "vedfolnir keys audit --generate, and see docs/operate/audit.md"};
    }
    if (!audit.copied) {
        return Finding{
            "audit", Status::warn,
            "signed heads of the audit trail stand in its own database only: a past that is cut off "
            "together with them is not noticed",
            "name a file on another machine's disk in VEDFOLNIR_AUDIT_HEADS_FILE"};
    }
    if (!audit.signing) {
        return Finding{
            "audit", Status::ok,
            "background work does not sign the audit trail (VEDFOLNIR_AUDIT_SIGN_SECONDS=0): vedfolnir "
            "audit head --sign has to run by a timer",
            ""};
    }
    return Finding{"audit", Status::ok,
                   "background work signs the audit trail and copies its heads", ""};
}

Judged check_journal(const Facts& facts) {
    const auto& journal = facts.journal;
    if (!journal.applies) return std::nullopt;
    if (!journal.failure.empty())
        return Finding{"journal", Status::unknown,
                       fmt::format("it cannot be read: {}", journal.failure), ""};
    if (!journal.damage.empty() || !journal.aside.empty()) {
        return Finding{
            "journal", Status::fail,
            fmt::format("not everything that waited for SQL can be replayed: {}",
                        journal.damage.empty() ? fmt::format("{}", fmt::join(journal.aside, ", "))
                                               : journal.damage),
            "look into the files kept aside in the journal's folder, end the sessions they name again, then "
            "move them away"};
    }
    if (journal.entries > 0) {
        return Finding{
            "journal", Status::warn,
            fmt::format("entries that wait for SQL: {}, the oldest for {} s", journal.entries,
                        journal.age.value_or(Seconds{0}).count()),
            "see what keeps SQL from answering (check `database`); the application's processes replay "
            "them once it does"};
    }
    return Finding{"journal", Status::ok, "nothing waits for SQL", ""};
}

Judged check_state_dir(const Facts& facts) {
    const auto& journal = facts.journal;
    if (journal.applies && !journal.unwritable.empty()) {
        return Finding{
            "state_dir", Status::fail, journal.unwritable,
            "without this folder nothing waits for SQL while it is away: give it to the application's user, "
            "or name another one in VEDFOLNIR_STATE_DIR"};
    }
    if (!journal.applies || journal.passing_file_system.empty()) return std::nullopt;
    return Finding{
        "state_dir", Status::warn,
        fmt::format("{} lies on {}: what waits there for SQL is lost with its host or container",
                    journal.path, journal.passing_file_system),
        "put VEDFOLNIR_STATE_DIR on a disk or volume that stays"};
}

}  // namespace vedfolnir::ops
