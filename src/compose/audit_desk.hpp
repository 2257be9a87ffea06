// What an operator does with the audit trail's proof: verify, prove, sign. One database, its keys, and files beside it.
#pragma once

#include "audit/proof.hpp"
#include "audit/verifier.hpp"
#include "compose/audit_archiver.hpp"
#include "compose/audit_signer.hpp"
#include "config/settings.hpp"
#include "runtime/run_sync.hpp"
#include "runtime/runtime.hpp"
#include "sql/audit_retention.hpp"
#include "sql/audit_trail.hpp"
#include "sql/sql.hpp"
#include "vedfolnir/async/archive.hpp"
#include "vedfolnir/session_manager.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vedfolnir::compose {

/// Told from time to time while something long runs: entries done, and of how many.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct VerifyOrder {
    std::vector<std::string> heads_files;  ///< Copies that must exist.
    std::string public_key_file;           ///< Empty: the public half of the configured key.
};

struct VerifyReport {
    std::uint64_t entries = 0;
    std::size_t partitions = 0;
    std::size_t heads = 0;
    std::vector<audit::Finding>
        findings;  ///< The first bad entry first; empty: all is as it was written.
    std::optional<std::uint64_t> first_bad_id;
    std::vector<std::string> notes;  ///< What this verification could not cover.
};

struct HeadReport {
    std::optional<audit::SignedHead> last;
    std::size_t made = 0;
    std::size_t copied = 0;
};

/// One entry as it is exported: as found, with its commitment, and opened.
struct ExportedEntry {
    audit::StoredEntry stored;
    async::AuditEvent event;
};

/// Takes one entry after the other. An error ends the export with it.
using ExportSink = std::function<Result<void>(const ExportedEntry&)>;

/// Calls block, each statement under the configured timeout. Not thread-safe.
class AuditDesk {
public:
    /// Opens nothing yet. Errors: bad_options, key_unavailable.
    [[nodiscard]] static Result<std::unique_ptr<AuditDesk>> open(const config::Settings& settings);
    ~AuditDesk();
    AuditDesk(const AuditDesk&) = delete;
    AuditDesk& operator=(const AuditDesk&) = delete;

    /// Reads everything, and remembers what it saw if that was good. Errors: those of reading, key_unavailable (heads but no
    /// key to check them with), bad_value (a copy that is none).
    [[nodiscard]] Result<VerifyReport> verify(const VerifyOrder& order, const Progress& progress);

    /// The same for archives, without the database and what was seen before. Errors: as above; bad_value (it is none).
    [[nodiscard]] Result<VerifyReport> verify_archives(const std::vector<std::string>& files,
                                                       const VerifyOrder& order,
                                                       const Progress& progress);

    /// Writes archives of closed months into `folder`, or the configured one. Errors: as AuditArchiver::run; key_unavailable.
    [[nodiscard]] Result<ArchiveReport> archive(const std::string& folder, const std::string& actor,
                                                const Progress& progress);

    /// That entry `id` is in the trail, by the newest head that covers it. Errors: bad_value (no such entry, or no head
    /// covers it yet).
    [[nodiscard]] Result<audit::InclusionProof> prove(std::uint64_t id);
    /// That `second` grew out of `first`, both of one partition. Errors: bad_value.
    [[nodiscard]] Result<audit::ConsistencyProof> prove(const audit::SignedHead& first,
                                                        const audit::SignedHead& second);
    [[nodiscard]] Result<audit::SignedHead> head(std::uint64_t number);

    /// The newest head; with `sign`, after signing what no head covers yet; with `copy_to`, after appending there what
    /// it does not hold yet. Errors: key_unavailable, audit_unavailable, conflict (the copy holds another head).
    [[nodiscard]] Result<HeadReport> heads(bool sign, const std::string& copy_to);

    /// Entries of these partitions stay, whatever their age. Errors: those of writing, key_unavailable.
    [[nodiscard]] Result<sql::HoldReceipt> hold(const std::vector<std::uint64_t>& partitions,
                                                const std::string& reason,
                                                const std::string& actor);
    /// Ends holds; those that there were. Errors: as above.
    [[nodiscard]] Result<std::vector<std::uint64_t>> release(
        const std::vector<std::uint64_t>& partitions, const std::string& actor);
    /// Partition and reason.
    [[nodiscard]] Result<std::map<std::uint64_t, std::string>> holds();

    /// Makes unreadable for ever what the trail says of a user. Errors: those of writing, key_unavailable.
    [[nodiscard]] Result<sql::ErasureReceipt> erase(const std::string& user_id,
                                                    const std::string& actor);

    /// Hands out what matches `filter` (its trace, limit and before_id do not count), oldest first, up to what is there
    /// now; how many entries that were. Errors: those of reading and of `sink`, key_unavailable, internal (an entry that
    /// nobody wrote).
    [[nodiscard]] Result<std::uint64_t> export_entries(const AuditFilter& filter,
                                                       const ExportSink& sink,
                                                       const Progress& progress);

    /// Where heads are copied to by these settings; empty: nowhere.
    [[nodiscard]] const std::string& heads_file() const noexcept {
        return settings_.options.audit.heads_file;
    }

    /// The public half of the configured key, or of `file`. Empty: there is none.
    [[nodiscard]] Result<std::optional<crypto::VerifyKey>> verify_key(const std::string& file);

private:
    AuditDesk(config::Settings settings, std::string state_dir,
              std::shared_ptr<sql::Database> database);

    template <class T>
    [[nodiscard]] Result<T> read(std::function<T(sql::Connection&)> work) {
        const auto deadline = call_deadline();
        return runtime::run_sync(runtime_, database_->read<T>(std::move(work), deadline), deadline);
    }
    template <class T>
    [[nodiscard]] Result<T> write(std::function<T(sql::Connection&)> work) {
        const auto deadline = call_deadline();
        return runtime::run_sync(runtime_, database_->write<T>(std::move(work), deadline),
                                 deadline);
    }
    [[nodiscard]] Millis call_budget() const;
    [[nodiscard]] Deadline call_deadline() const;
    [[nodiscard]] Result<audit::SharedSealer> sealer() const;

    [[nodiscard]] Result<std::vector<audit::SignedHead>> all_heads(std::uint64_t after);
    [[nodiscard]] std::string seen_path() const;
    [[nodiscard]] Result<void> remember(const sql::TrailState& state,
                                        const std::vector<audit::SignedHead>& heads);
    [[nodiscard]] Result<std::vector<audit::HeadSource>> copies(const VerifyOrder& order,
                                                                VerifyReport& report);
    [[nodiscard]] Result<void> verify_archive(const std::string& file,
                                              const std::vector<audit::HeadSource>& copies,
                                              const crypto::VerifyKey& key, VerifyReport& report,
                                              const Progress& progress);
    [[nodiscard]] Result<void> walk(const sql::TrailState& state,
                                    const std::vector<audit::Checkpoint>& checkpoints,
                                    VerifyReport& report, const Progress& progress);
    [[nodiscard]] Result<void> walk_partition(const sql::PartitionState& partition,
                                              const std::vector<audit::Checkpoint>& checkpoints,
                                              std::uint64_t total, VerifyReport& report,
                                              const Progress& progress);
    /// Retention may have dropped it since the state was read.
    [[nodiscard]] Result<bool> is_dropped(std::uint64_t partition);
    [[nodiscard]] Result<std::vector<audit::Hash>> path(const sql::PartitionState& partition,
                                                        std::vector<audit::Range> ranges,
                                                        std::uint64_t size);
    [[nodiscard]] Result<sql::PartitionState> partition(std::uint64_t number);
    /// Why there is no event of that id.
    [[nodiscard]] Error no_event(std::uint64_t id);

    config::Settings settings_;
    std::string state_dir_;
    runtime::Runtime runtime_;
    std::shared_ptr<sql::Database> database_;
    std::unique_ptr<AuditArchiver> archiver_;
    std::unique_ptr<AuditSigner> signer_;
};

}  // namespace vedfolnir::compose
