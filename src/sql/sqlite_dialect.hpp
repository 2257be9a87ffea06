// SQLite: one file, one host, one writer at a time.
#pragma once

#include "sql/dialect.hpp"
#include "sql/file_lock.hpp"
#include "sql/location.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace vedfolnir::sql {

/// Why the file of `location` cannot be kept in its folder, and what to do. Empty: it can, or its folder can be made. Only
/// looks. Errors: bad_options (nothing, or no folder, is there), audit_unavailable (not writable for this user).
[[nodiscard]] std::optional<Error> folder_fault(const Location& location);

/// WAL with synchronous=FULL (NORMAL may undo an acknowledged logout on power loss). Writers of all
/// processes take turns by a FileLock; SQLite's own locks remain as the last guard, waited for
/// within the call's limit. Open SQLite's file by nothing but SQLite: closing any descriptor of it
/// drops the locks of the whole process.
class SqliteDialect final : public Dialect {
public:
    explicit SqliteDialect(Location location);

    [[nodiscard]] std::string where() const override {
        return "the session database " + location_.path;
    }
    [[nodiscard]] std::string_view name() const noexcept override { return "sqlite"; }
    [[nodiscard]] std::vector<std::string> begin(Role role, const Limit&) const override {
        return {role == Role::writer ? "BEGIN IMMEDIATE" : "BEGIN"};
    }
    [[nodiscard]] std::string_view row_lock() const noexcept override { return {}; }
    void prepare() override;
    [[nodiscard]] bool moved() const noexcept override;
    [[nodiscard]] std::unique_ptr<soci::session> connect() override;
    void greet(Connection& fresh, Role role) override;
    void bound(soci::session& connection, const Limit* limit) override;
    /// The callbacks of `bound` are enough: no statement waits for anybody else.
    [[nodiscard]] Watchdog::Guard watch(soci::session&, const Limit*) override { return {}; }
    [[nodiscard]] bool begin_turn(Deadline deadline) override;
    void end_turn() noexcept override;
    /// The turn does.
    void lock_schema(Connection&) const override {}
    [[nodiscard]] std::string schema_statement(std::string statement) const override {
        return statement;
    }
    [[nodiscard]] bool in_transaction(soci::session& connection) const override;
    [[nodiscard]] Diagnosis diagnose(const std::exception& failure,
                                     soci::session* connection) const override;

private:
    struct FileId {
        dev_t device;
        ino_t inode;
        friend bool operator==(const FileId&, const FileId&) = default;
    };
    [[nodiscard]] std::optional<FileId> file_id() const noexcept;
    void check_folder() const;
    void check_file() const;
    void create_file() const;

    Location location_;
    std::unique_ptr<FileLock> turns_;  // made by prepare()
    mutable std::mutex mutex_;         // guards opened_
    std::optional<FileId> opened_;
};

}  // namespace vedfolnir::sql
