#include "compose/audit_desk.hpp"

#include "compose/audit_keys.hpp"
#include "compose/state_dir.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace vedfolnir::compose {
namespace {

constexpr std::uint32_t heads_page = 1000;
constexpr std::uint32_t leaves_page = 5000;
/// The heads of years, where they were never copied before.
constexpr std::chrono::minutes copy_max{10};

Error no_signing_key(const std::string& path) {
    return {
        Errc::key_unavailable,
        fmt::format("there is no audit key in {}; make one with: vedfolnir keys audit --generate, "
                    "or name it in VEDFOLNIR_AUDIT_KEY_FILE",
                    path)};
}

Error was_dropped(std::uint64_t partition) {
    return {
        Errc::bad_value,
        fmt::format("the entries of partition {} were dropped; the proofs made before still hold",
                    partition)};
}

Error not_of(const audit::SignedHead& head) {
    return {Errc::bad_value,
            fmt::format("the entries are not those of head {}; vedfolnir audit verify says which",
                        head.head.number)};
}

}  // namespace

Result<std::unique_ptr<AuditDesk>> AuditDesk::open(const config::Settings& settings) {
    auto state_dir = state_dir_of(settings.options.state_dir);
    if (!state_dir) return std::move(state_dir).error();
    sql::DatabaseSettings database_settings;
    database_settings.statement_timeout = settings.options.sql.statement_timeout;
    auto database = sql::make_database(settings.options.sql, *state_dir, database_settings);
    if (!database) return std::move(database).error();
    return std::unique_ptr<AuditDesk>(
        new AuditDesk(settings, std::move(*state_dir), std::move(*database)));
}

AuditDesk::AuditDesk(config::Settings settings, std::string state_dir,
                     std::shared_ptr<sql::Database> database)
    : settings_(std::move(settings)),
      state_dir_(std::move(state_dir)),
      database_(std::move(database)) {}

AuditDesk::~AuditDesk() {
    database_->close();
    runtime_.stop();
}

Millis AuditDesk::call_budget() const { return 2 * settings_.options.sql.statement_timeout; }

Deadline AuditDesk::call_deadline() const { return deadline_in(call_budget()); }

Result<std::optional<crypto::VerifyKey>> AuditDesk::verify_key(const std::string& file) {
    if (!file.empty()) {
        auto key = public_key_of(file);
        if (!key) return std::move(key).error();
        return std::optional(std::move(*key));
    }
    auto key = audit_key(settings_, state_dir_);
    if (!key) return std::move(key).error();
    if (!*key) return std::optional<crypto::VerifyKey>();
    return std::optional((*key)->verify_key());
}

Result<std::vector<audit::SignedHead>> AuditDesk::all_heads(std::uint64_t after) {
    std::vector<audit::SignedHead> heads;
    while (true) {
        auto page = read<std::vector<audit::SignedHead>>(
            [after](sql::Connection& db) { return sql::list_heads(db, after, heads_page); });
        if (!page) return page;
        heads.insert(heads.end(), page->begin(), page->end());
        if (page->size() < heads_page) return heads;
        after = page->back().head.number;
    }
}

Result<audit::SignedHead> AuditDesk::head(std::uint64_t number) {
    auto page = read<std::vector<audit::SignedHead>>(
        [number](sql::Connection& db) { return sql::list_heads(db, number - 1, 1); });
    if (!page) return std::move(page).error();
    if (number > 0 && !page->empty() && page->front().head.number == number)
        return std::move(page->front());
    return Error{Errc::bad_value, fmt::format("there is no head {}", number)};
}

Result<sql::PartitionState> AuditDesk::partition(std::uint64_t number) {
    auto state = read<sql::TrailState>(sql::read_state);
    if (!state) return std::move(state).error();
    const auto found =
        std::ranges::find(state->partitions, number, &sql::PartitionState::partition);
    if (found == state->partitions.end())
        return Error{Errc::bad_value, fmt::format("there is no partition {}", number)};
    if (found->dropped) return was_dropped(number);
    return std::move(*found);
}

Result<std::vector<audit::Hash>> AuditDesk::path(const sql::PartitionState& partition,
                                                 std::vector<audit::Range> ranges,
                                                 std::uint64_t size) {
    audit::Prover prover(std::move(ranges));
    auto after = partition.first_id - 1;
    const auto until = partition.first_id + size - 1;
    while (after < until) {
        auto page = read<std::vector<audit::Hash>>(
            [=](sql::Connection& db) { return sql::list_leaves(db, after, until, leaves_page); });
        if (!page) return page;
        if (page->empty()) break;
        for (const auto& leaf : *page) prover.add(leaf);
        after += page->size();
    }
    // What retention removed meanwhile would be missing in it.
    if (auto there = this->partition(partition.partition); !there) return std::move(there).error();
    auto path = prover.path();
    if (path) return std::move(*path);
    return Error{Errc::bad_value, "entries are missing; vedfolnir audit verify says which"};
}

Result<audit::InclusionProof> AuditDesk::prove(std::uint64_t id) {
    auto stored = read<std::optional<audit::StoredEntry>>(
        [id](sql::Connection& db) { return sql::find_stored(db, id); });
    if (!stored) return std::move(stored).error();
    if (!*stored) return no_event(id);
    audit::InclusionProof proof;
    proof.entry = (*stored)->entry;
    proof.entry.commitment = audit::commitment_to((*stored)->personal);
    const auto& position = proof.entry.position;
    auto heads = all_heads(0);
    if (!heads) return std::move(heads).error();
    const auto covering = std::find_if(heads->rbegin(), heads->rend(), [&](const auto& head) {
        return head.head.partition == position.partition && head.head.size > position.index;
    });
    if (covering == heads->rend()) {
        return Error{
            Errc::bad_value,
            fmt::format("no signed head covers event {} yet; sign one with: vedfolnir audit "
                        "head --sign",
                        id)};
    }
    proof.head = *covering;
    auto in = partition(position.partition);
    if (!in) return std::move(in).error();
    auto way = path(*in, audit::inclusion_ranges(position.index, proof.head.head.size),
                    proof.head.head.size);
    if (!way) return std::move(way).error();
    proof.path = std::move(*way);
    const auto leaf = audit::leaf_hash(audit::canonical_bytes(proof.entry));
    if (!audit::verify_inclusion(leaf, position.index, proof.head.head.size, proof.path,
                                 proof.head.head.root))
        return not_of(proof.head);
    return proof;
}

Error AuditDesk::no_event(std::uint64_t id) {
    auto state = read<sql::TrailState>(sql::read_state);
    if (!state) return std::move(state).error();
    for (const auto& partition : state->partitions) {
        if (id < partition.first_id || id >= partition.first_id + partition.size) continue;
        if (partition.dropped) return was_dropped(partition.partition);
    }
    return {Errc::bad_value, fmt::format("there is no event {}", id)};
}

Result<audit::ConsistencyProof> AuditDesk::prove(const audit::SignedHead& first,
                                                 const audit::SignedHead& second) {
    if (first.head.partition != second.head.partition || first.head.size == 0 ||
        first.head.size > second.head.size) {
        return Error{
            Errc::bad_value,
            "both heads must be of one partition, the smaller one first; between partitions the "
            "chain of heads proves it, which vedfolnir audit verify checks"};
    }
    auto in = partition(first.head.partition);
    if (!in) return std::move(in).error();
    auto way =
        path(*in, audit::consistency_ranges(first.head.size, second.head.size), second.head.size);
    if (!way) return std::move(way).error();
    if (!audit::verify_consistency(first.head.size, second.head.size, first.head.root,
                                   second.head.root, *way))
        return not_of(second);
    return audit::ConsistencyProof{std::move(*way), first, second};
}

Result<HeadReport> AuditDesk::heads(bool sign, const std::string& copy_to) {
    HeadReport report;
    if (!signer_) signer_ = std::make_unique<AuditSigner>(database_, call_budget());
    if (sign) {
        auto key = audit_key(settings_, state_dir_);
        if (!key) return std::move(key).error();
        if (!*key) return no_signing_key(audit_key_path(settings_.options.audit, state_dir_));
        const auto made = runtime::run_sync(runtime_, signer_->sign(std::move(**key), std::nullopt),
                                            call_deadline());
        if (!made) return made.error();
        report.made = *made;
    }
    auto last = read<std::optional<audit::SignedHead>>(sql::last_head);
    if (!last) return std::move(last).error();
    report.last = std::move(*last);
    if (copy_to.empty()) return report;
    const auto copied = runtime::run_sync(runtime_, signer_->copy(copy_to), deadline_in(copy_max));
    if (!copied) return copied.error();
    report.copied = *copied;
    return report;
}

Result<audit::SharedSealer> AuditDesk::sealer() const {
    auto options = settings_.options;
    if (auto completed = complete(options); !completed) return std::move(completed).error();
    return make_sealer(options.keys);
}

Result<sql::HoldReceipt> AuditDesk::hold(const std::vector<std::uint64_t>& partitions,
                                         const std::string& reason, const std::string& actor) {
    const auto with = sealer();
    if (!with) return with.error();
    return write<sql::HoldReceipt>(
        [sealer = *with, now = database_->now(), partitions, reason, actor](sql::Connection& db) {
            return sql::hold_partitions(db, {*sealer, now}, partitions, reason, actor);
        });
}

Result<std::vector<std::uint64_t>> AuditDesk::release(const std::vector<std::uint64_t>& partitions,
                                                      const std::string& actor) {
    const auto with = sealer();
    if (!with) return with.error();
    return write<std::vector<std::uint64_t>>(
        [sealer = *with, now = database_->now(), partitions, actor](sql::Connection& db) {
            return sql::release_partitions(db, {*sealer, now}, partitions, actor);
        });
}

Result<std::map<std::uint64_t, std::string>> AuditDesk::holds() {
    return read<std::map<std::uint64_t, std::string>>(sql::read_holds);
}

Result<sql::ErasureReceipt> AuditDesk::erase(const std::string& user_id, const std::string& actor) {
    const auto with = sealer();
    if (!with) return with.error();
    return write<sql::ErasureReceipt>(
        [sealer = *with, now = database_->now(), user_id, actor,
         skew = settings_.options.lifetimes.clock_skew_max](sql::Connection& db) {
            return sql::erase_subject(db, {*sealer, now}, sealer->subject_of(user_id), actor, skew);
        });
}

}  // namespace vedfolnir::compose
