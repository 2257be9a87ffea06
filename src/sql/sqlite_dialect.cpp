#include "sql/sqlite_dialect.hpp"

#include "sql/connection.hpp"
#include "sql/failure.hpp"

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace vedfolnir::sql {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// How many of SQLite's instructions run between two looks at the limit: well under a millisecond.
constexpr int instructions_per_check = 4000;
/// Of a writer, at most; several times what a batch of a background job changes.
constexpr int writer_cache_kib = 32 * 1024;

sqlite_api::sqlite3* native(soci::session& connection) {
    return static_cast<soci::sqlite3_session_backend*>(connection.get_backend())->conn_;
}

int on_progress(void* limit) { return static_cast<const Limit*>(limit)->passed() ? 1 : 0; }

/// Other programs (a backup, the sqlite3 shell) know nothing of our turns; their locks are waited
/// for here.
int on_busy(void* limit, int) {
    if (static_cast<const Limit*>(limit)->passed()) return 0;
    std::this_thread::sleep_for(1ms);  // tidy: sleep-cpp
    return 1;
}

std::string reason(int error) { return std::error_code(error, std::generic_category()).message(); }

std::string who() { return "uid " + std::to_string(geteuid()); }

/// SQLite says FULL for ENOSPC only; a quota or file size limit is a failed write to it, and its
/// record of errno is overwritten before we can read it.
bool is_out_of_space(int extended_code) {
    return extended_code == SQLITE_FULL || extended_code == SQLITE_IOERR_WRITE ||
           extended_code == SQLITE_IOERR_SHMSIZE;
}

/// The state folder is made where it is missing, with what leads to it; a folder that somebody named is not.
fs::path folder_to_judge(const Location& location) {
    std::error_code failed;
    fs::path folder = fs::path(location.path).parent_path();
    while (location.private_home && !fs::exists(folder, failed) && folder.has_relative_path())
        folder = folder.parent_path();
    return folder;
}

}  // namespace

std::optional<Error> folder_fault(const Location& location) {
    std::error_code failed;
    const fs::path folder = folder_to_judge(location);
    const std::string setting =
        location.private_home ? "VEDFOLNIR_STATE_DIR" : "SESSION_DATABASE_URL";
    if (!fs::exists(folder, failed)) {
        return Error{Errc::bad_options,
                     "the folder " + folder.string() + " of the session database " + location.path +
                         " does not exist; create it, or correct SESSION_DATABASE_URL "
                         "(an absolute path takes four slashes: sqlite:////path)"};
    }
    if (!fs::is_directory(folder, failed)) {
        return Error{Errc::bad_options,
                     setting + ": " + folder.string() +
                         " is not a folder; move it away, or name another place"};
    }
    if (access(folder.c_str(), W_OK | X_OK) == 0) return std::nullopt;
    return Error{
        Errc::audit_unavailable,
        setting + ": the folder " + folder.string() + " is not writable for " + who() + " (" +
            reason(errno) +
            "), who keeps the session database there and its log beside it; chown or chmod "
            "the folder, or name another place"};
}

SqliteDialect::SqliteDialect(Location location) : location_(std::move(location)) {}

std::optional<SqliteDialect::FileId> SqliteDialect::file_id() const noexcept {
    struct stat status {};
    if (stat(location_.path.c_str(), &status) != 0) return std::nullopt;
    return FileId{status.st_dev, status.st_ino};
}

void SqliteDialect::check_folder() const {
    if (auto fault = folder_fault(location_)) throw Failure(std::move(*fault));
    const auto folder = fs::path(location_.path).parent_path();
    std::error_code failed;
    if (location_.private_home && !fs::exists(folder, failed)) {
        fs::create_directories(folder.parent_path(), failed);
        if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
            throw Failure(Errc::bad_options, "cannot create the state directory " +
                                                 folder.string() + ": " + reason(errno) +
                                                 "; create it, owned by " + who() +
                                                 ", or set VEDFOLNIR_STATE_DIR");
        }
    }
}

void SqliteDialect::check_file() const {
    struct stat status {};
    if (stat(location_.path.c_str(), &status) != 0) return;
    if (!S_ISREG(status.st_mode)) {
        throw Failure(Errc::bad_options,
                      location_.path + " is not a file; correct SESSION_DATABASE_URL");
    }
    if (access(location_.path.c_str(), R_OK | W_OK) != 0) {
        throw Failure(Errc::audit_unavailable, "the session database " + location_.path +
                                                   " is not readable and writable for " + who() +
                                                   " (" + reason(errno) +
                                                   "); chown or chmod the file");
    }
    // It names users and what they did. By path: a descriptor of ours would drop SQLite's locks
    // when closed.
    if (status.st_uid == geteuid() && (status.st_mode & 077) != 0)
        chmod(location_.path.c_str(), 0600);
}

void SqliteDialect::create_file() const {
    // Only ever with O_EXCL: nobody can have it open, so closing the descriptor drops no lock of
    // SQLite.
    const int created = open(location_.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (created >= 0) {
        close(created);
    } else if (errno != EEXIST) {
        throw Failure(Errc::audit_unavailable, "cannot create the session database " +
                                                   location_.path + ": " + reason(errno) +
                                                   "; make the folder writable for " + who());
    }
}

void SqliteDialect::prepare() {
    check_folder();
    check_file();
    if (!turns_) turns_ = std::make_unique<FileLock>(location_.path);
    create_file();
    const std::lock_guard lock(mutex_);
    opened_ = file_id();
}

bool SqliteDialect::moved() const noexcept {
    const auto now = file_id();
    const std::lock_guard lock(mutex_);
    return now != opened_;
}

std::unique_ptr<soci::session> SqliteDialect::connect() {
    auto connection =
        std::make_unique<soci::session>(soci::sqlite3, "dbname=\"" + location_.path + "\"");
    sqlite_api::sqlite3_extended_result_codes(native(*connection), 1);
    return connection;
}

void SqliteDialect::greet(Connection& fresh, Role role) {
    fresh.statement("PRAGMA trusted_schema = OFF");
    if (role == Role::reader) {
        fresh.statement("PRAGMA query_only = ON");
        return;
    }
    fresh.statement("PRAGMA synchronous = FULL");
    // What a batch changes stays in memory until its commit, and so do the pages as they were before each statement: else
    // SQLite writes both to files in between.
    fresh.statement("PRAGMA cache_size = " + std::to_string(-writer_cache_kib));
    fresh.statement("PRAGMA temp_store = MEMORY");
    const auto mode = fresh.statement("PRAGMA journal_mode = WAL", 1).value_or("none");
    if (mode != "wal") {
        throw Failure(Errc::bad_options,
                      where() +
                          " lies where SQLite cannot keep a write-ahead log (journal mode \"" +
                          mode + "\"); use a local file system, not a network share");
    }
}

void SqliteDialect::bound(soci::session& connection, const Limit* limit) {
    auto* db = native(connection);
    auto* argument = const_cast<Limit*>(limit);  // SQLite's callbacks take void*; ours only read it
    if (limit == nullptr) {
        sqlite_api::sqlite3_progress_handler(db, 0, nullptr, nullptr);
        sqlite_api::sqlite3_busy_handler(db, nullptr, nullptr);
        return;
    }
    sqlite_api::sqlite3_progress_handler(db, instructions_per_check, on_progress, argument);
    sqlite_api::sqlite3_busy_handler(db, on_busy, argument);
}

bool SqliteDialect::begin_turn(Deadline deadline) { return turns_->acquire(deadline); }

void SqliteDialect::end_turn() noexcept { turns_->release(); }

bool SqliteDialect::in_transaction(soci::session& connection) const {
    return sqlite_api::sqlite3_get_autocommit(native(connection)) == 0;
}

Diagnosis SqliteDialect::diagnose(const std::exception& failure, soci::session* connection) const {
    if (const auto* ours = dynamic_cast<const Failure*>(&failure)) return {ours->error(), false};
    // SOCI's category is "unknown" for nearly everything: SQLite's own codes tell the cases apart.
    int code = SQLITE_CANTOPEN;
    if (connection != nullptr) {
        code = sqlite_api::sqlite3_extended_errcode(native(*connection));
    } else if (const auto* native_error = dynamic_cast<const soci::sqlite3_soci_error*>(&failure)) {
        code = native_error->result();
    }
    const std::string file = where();
    const std::string text = " (" + std::string(failure.what()) + ")";
    if (is_out_of_space(code)) {
        return {Error{Errc::audit_unavailable,
                      "no space is left for " + file +
                          "; nothing was written: free space on its volume, or raise the quota or "
                          "file size limit" +
                          text},
                true};
    }
    switch (code & 0xff) {
    case SQLITE_INTERRUPT:
        return {Error{Errc::audit_unavailable, "a statement on " + file + " ran into its deadline"},
                false};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return {Error{Errc::audit_unavailable,
                      file +
                          " stayed locked by another program until the deadline; "
                          "look for a shell or backup that holds it" +
                          text},
                false};
    case SQLITE_CONSTRAINT:
        return {Error{Errc::conflict, "a row of this key exists already in " + file + text}, false};
    case SQLITE_NOTADB:
        return {Error{Errc::bad_options, location_.path +
                                             " is not an SQLite database; move it away, or name "
                                             "another file in SESSION_DATABASE_URL" +
                                             text},
                true};
    case SQLITE_CORRUPT:
        return {
            Error{Errc::audit_unavailable, file + " is damaged; restore it from a backup" + text},
            true};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return {Error{Errc::audit_unavailable,
                      file + " cannot be opened or written by " + who() +
                          "; check the permissions of the file and its folder" + text},
                true};
    default:
        return {Error{Errc::audit_unavailable, file + " failed" + text}, true};
    }
}

}  // namespace vedfolnir::sql
