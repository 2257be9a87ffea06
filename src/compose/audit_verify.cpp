// AuditDesk::verify: heads first, then every entry, and at last what was seen is remembered.
#include "audit/json_fields.hpp"
#include "compose/audit_desk.hpp"
#include "compose/audit_keys.hpp"
#include "compose/files.hpp"
#include "model/hex.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <tuple>

namespace vedfolnir::compose {
namespace {

namespace json = boost::json;

constexpr std::uint32_t entries_page = 2000;
constexpr std::string_view seen_format = "vedfolnir-audit-seen-1";
constexpr std::string_view database_name = "the database";
constexpr std::string_view seen_name = "the last verification";

struct Seen {
    audit::Checkpoint tree;
    std::optional<audit::SignedHead> head;
};

/// What the last good verification saw. Empty if there was none.
Result<std::optional<Seen>> read_seen(const std::string& path) {
    std::error_code failed;
    if (!std::filesystem::exists(path, failed)) return std::optional<Seen>();
    auto text = config::read_file(path);
    if (!text) return std::move(text).error();
    const auto damaged = [&](const Error& why) {
        return Error{
            Errc::bad_value,
            fmt::format("{}: {}; it is what the last verification saw: restore it, or remove "
                        "it to begin anew",
                        path, why.detail)};
    };
    const auto object = audit::parse_format(*text, seen_format);
    if (!object) return damaged(object.error());
    audit::JsonFields fields(*object);
    Seen seen;
    seen.tree = {fields.natural("partition"), fields.natural("size"), fields.hash("root"),
                 std::string(seen_name), 0};
    if (!fields.good()) return damaged(fields.error());
    if (const auto* head = object->if_contains("head"); head != nullptr && !head->is_null()) {
        auto parsed = audit::parse_head(json::serialize(*head));
        if (!parsed) return damaged(parsed.error());
        seen.head = std::move(*parsed);
    }
    return std::optional(std::move(seen));
}

audit::Finding found_at(audit::Fault fault, std::uint64_t partition, std::uint64_t index,
                        std::string text) {
    return {fault, partition, index, index, std::move(text)};
}

/// Partitions follow each other without a gap, and no entry stands outside them.
void check_partitions(const sql::TrailState& state, VerifyReport& report) {
    using audit::Fault;
    auto& findings = report.findings;
    std::uint64_t next_id = 1;
    std::uint64_t lowest = 0;
    for (const auto& partition : state.partitions) {
        if (partition.first_id != next_id) {
            findings.push_back(
                found_at(Fault::state_changed, partition.partition, 0,
                         fmt::format("partition {} begins with id {} and should with {}",
                                     partition.partition, partition.first_id, next_id)));
        }
        next_id = partition.first_id + partition.size;
        if (!partition.dropped && lowest == 0) lowest = partition.first_id;
    }
    if (state.partitions.empty() || !state.partitions.back().open) {
        findings.push_back(
            found_at(Fault::state_changed, 0, 0, "the row of audit_trail is missing"));
        return;
    }
    if (!state.ids) return;
    const auto& open = state.partitions.back();
    const auto lowest_found = state.ids->first;
    const bool of_dropped = std::ranges::any_of(state.partitions, [&](const auto& partition) {
        return partition.dropped && lowest_found >= static_cast<std::int64_t>(partition.first_id) &&
               lowest_found < static_cast<std::int64_t>(partition.first_id + partition.size);
    });
    if (of_dropped) {
        report.notes.emplace_back(
            "entries of a dropped partition are still there: the next retention removes them");
    } else if (lowest_found < static_cast<std::int64_t>(lowest)) {
        findings.push_back(
            found_at(Fault::added, state.partitions.front().partition, 0,
                     fmt::format("entry {} stands before all that are kept", state.ids->first)));
    }
    if (state.ids->second >= static_cast<std::int64_t>(next_id)) {
        findings.push_back(found_at(Fault::added, open.partition, open.size,
                                    fmt::format("entry {} stands behind the last one, {}",
                                                state.ids->second, next_id - 1)));
    }
}

/// What the frontier of a partition whose entries are gone can still be held against.
void check_dropped(const sql::PartitionState& partition,
                   const std::vector<audit::Checkpoint>& checkpoints, VerifyReport& report) {
    const auto kept = audit::Frontier::parse(partition.size, partition.frontier);
    bool vouched = false;
    for (const auto& checkpoint : checkpoints) {
        if (checkpoint.partition != partition.partition) continue;
        if (checkpoint.size == partition.size && kept && kept->root() == checkpoint.root) {
            vouched = true;
        } else if (checkpoint.size >= partition.size || !kept) {
            report.findings.push_back(found_at(
                audit::Fault::state_changed, partition.partition, 0,
                fmt::format("what was kept of the dropped partition {} is not what {} signed",
                            partition.partition, checkpoint.name)));
            return;
        }
    }
    if (!vouched)
        report.notes.push_back(fmt::format(
            "no head vouches for the dropped partition {} in its full size", partition.partition));
}

}  // namespace

std::string AuditDesk::seen_path() const { return state_dir_ + "/audit-seen.json"; }

Result<std::vector<audit::HeadSource>> AuditDesk::copies(const VerifyOrder& order,
                                                         VerifyReport& report) {
    std::vector<audit::HeadSource> sources;
    for (const auto& path : order.heads_files) {
        auto heads = read_heads(path, true);
        if (!heads) return std::move(heads).error();
        sources.push_back({path, std::move(*heads)});
    }
    const auto& configured = settings_.options.audit.heads_file;
    if (order.heads_files.empty() && !configured.empty()) {
        auto heads = read_heads(configured, false);
        if (!heads) return std::move(heads).error();
        sources.push_back({configured, std::move(*heads)});
    }
    if (sources.empty())
        report.notes.emplace_back("no copy of the heads was compared (--heads FILE)");
    return sources;
}

Result<void> AuditDesk::remember(const sql::TrailState& state,
                                 const std::vector<audit::SignedHead>& heads) {
    const auto& open = state.partitions.back();
    const auto tree = audit::Frontier::parse(open.size, open.frontier);
    json::object seen{{"format", seen_format},
                      {"partition", open.partition},
                      {"size", open.size},
                      {"root", model::hex_encode(tree->root())},
                      {"head", nullptr}};
    if (!heads.empty()) seen["head"] = json::parse(audit::head_text(heads.back()));
    return replace_file(seen_path(), json::serialize(seen) + "\n");
}

Result<VerifyReport> AuditDesk::verify(const VerifyOrder& order, const Progress& progress) {
    VerifyReport report;
    auto sources = copies(order, report);
    if (!sources) return std::move(sources).error();
    const auto seen = read_seen(seen_path());
    if (!seen) return seen.error();
    if (*seen && (*seen)->head) sources->push_back({std::string(seen_name), {*(*seen)->head}});
    // Heads before the state: whatever is written meanwhile, the state is not older than they are.
    auto heads = all_heads(0);
    if (!heads) return std::move(heads).error();
    auto state = read<sql::TrailState>(sql::read_state);
    if (!state) return std::move(state).error();
    report.heads = heads->size();

    std::vector<audit::Checkpoint> checkpoints;
    const auto key = verify_key(order.public_key_file);
    if (!key) return key.error();
    const bool any_head = std::ranges::any_of(
        *sources, [](const audit::HeadSource& source) { return !source.heads.empty(); });
    if (*key) {
        auto checked = audit::check_heads({std::string(database_name), *heads}, *sources, **key);
        report.findings = std::move(checked.findings);
        checkpoints = std::move(checked.checkpoints);
    } else if (!heads->empty() || any_head) {
        return Error{Errc::key_unavailable,
                     "there are signed heads, but no key to check them with: name the public key "
                     "(--public-key FILE) or VEDFOLNIR_AUDIT_KEY_FILE"};
    }
    if (heads->empty()) report.notes.emplace_back("no head was ever signed");
    if (*seen && (*seen)->tree.size > 0) {
        auto tree = (*seen)->tree;
        tree.source = sources->size() + 1;
        checkpoints.push_back(std::move(tree));
    }
    check_partitions(*state, report);
    if (auto walked = walk(*state, checkpoints, report, progress); !walked)
        return std::move(walked).error();

    std::ranges::stable_sort(report.findings, {}, [](const audit::Finding& finding) {
        // What was found in an entry itself speaks before what a head lets suspect.
        const bool of_head = finding.fault == audit::Fault::head_forged ||
                             finding.fault == audit::Fault::head_missing;
        return std::tuple(of_head, finding.partition, finding.first, finding.last);
    });
    if (!report.findings.empty()) {
        const auto& first = report.findings.front();
        const auto in =
            std::ranges::find(state->partitions, first.partition, &sql::PartitionState::partition);
        if (in != state->partitions.end()) report.first_bad_id = in->first_id + first.first;
    } else if (auto kept = remember(*state, *heads); !kept) {
        return std::move(kept).error();
    }
    return report;
}

Result<void> AuditDesk::walk(const sql::TrailState& state,
                             const std::vector<audit::Checkpoint>& checkpoints,
                             VerifyReport& report, const Progress& progress) {
    std::uint64_t total = 0;
    for (const auto& partition : state.partitions)
        if (!partition.dropped) total += partition.size;
    for (const auto& partition : state.partitions) {
        if (partition.dropped) {
            check_dropped(partition, checkpoints, report);
            continue;
        }
        ++report.partitions;
        const auto found_before = report.findings.size();
        auto walked = walk_partition(partition, checkpoints, total, report, progress);
        if (!walked) return walked;
        if (report.findings.size() == found_before) continue;
        const auto gone = is_dropped(partition.partition);
        if (!gone) return gone.error();
        if (!*gone) continue;
        report.findings.resize(found_before);
        check_dropped(partition, checkpoints, report);
    }
    for (const auto& checkpoint : checkpoints) {
        const bool known = std::ranges::any_of(state.partitions, [&](const auto& partition) {
            return partition.partition == checkpoint.partition;
        });
        if (known) continue;
        report.findings.push_back(found_at(audit::Fault::missing, checkpoint.partition, 0,
                                           fmt::format("{} is of partition {}, which is not there",
                                                       checkpoint.name, checkpoint.partition)));
    }
    return {};
}

Result<bool> AuditDesk::is_dropped(std::uint64_t partition) {
    const auto state = read<sql::TrailState>(sql::read_state);
    if (!state) return state.error();
    return std::ranges::any_of(state->partitions, [&](const auto& other) {
        return other.partition == partition && other.dropped;
    });
}

Result<void> AuditDesk::walk_partition(const sql::PartitionState& partition,
                                       const std::vector<audit::Checkpoint>& checkpoints,
                                       std::uint64_t total, VerifyReport& report,
                                       const Progress& progress) {
    audit::PartitionVerifier verifier(partition.partition, partition.first_id, checkpoints);
    auto after = partition.first_id - 1;
    const auto until = after + partition.size;
    while (after < until) {
        auto page = read<std::vector<audit::StoredEntry>>(
            [=](sql::Connection& db) { return sql::list_stored(db, after, until, entries_page); });
        if (!page) return std::move(page).error();
        if (page->empty()) break;
        for (const auto& stored : *page) {
            if (auto finding = verifier.add(stored)) {
                report.findings.push_back(std::move(*finding));
                return {};
            }
            ++report.entries;
        }
        after += page->size();
        progress(report.entries, total);
    }
    if (auto finding = verifier.finish(partition.size, partition.frontier))
        report.findings.push_back(std::move(*finding));
    return {};
}

}  // namespace vedfolnir::compose
