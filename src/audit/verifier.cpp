#include "audit/verifier.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vedfolnir::audit {
namespace {

/// Where a partition is known to be good up to, by the heads before this one.
class KnownGood {
public:
    void note(const TreeHead& head) { sizes_[head.partition] = head.size; }
    [[nodiscard]] Finding finding(Fault fault, const TreeHead& head, std::string text) const {
        const auto found = sizes_.find(head.partition);
        const auto first = found == sizes_.end() ? 0 : std::min(found->second, head.size);
        return {fault, head.partition, first, std::max(first, head.size > 0 ? head.size - 1 : 0),
                std::move(text)};
    }

private:
    std::map<std::uint64_t, std::uint64_t> sizes_;
};

std::string name_of(const HeadSource& source, const TreeHead& head) {
    return fmt::format("head {} of {}", head.number, source.name);
}

/// What is wrong with how a head follows the one before (null: it is the first). Empty: nothing.
std::string link_fault(const TreeHead& head, const TreeHead* before) {
    if (head.previous != (before == nullptr ? Hash{} : head_hash(*before)))
        return "does not name the head before it";
    if (before == nullptr) return {};
    const auto& last = *before;
    if (head.partition < last.partition ||
        (head.partition == last.partition && head.size < last.size))
        return "is of a smaller tree than the head before it";
    return {};
}

void check_stored(const HeadSource& stored, const crypto::VerifyKey& key, KnownGood& good,
                  HeadsReport& report) {
    const TreeHead* before = nullptr;
    bool linked = true;  // after a bad head nothing can be said of how the next one follows
    std::uint64_t expected = 1;
    for (const auto& signed_head : stored.heads) {
        const auto& head = signed_head.head;
        const bool is_signed = is_signed_by(signed_head, key);
        const auto fault = !is_signed ? fmt::format("is not signed by the key {}", key.id())
                           : linked   ? link_fault(head, before)
                                      : std::string();
        if (head.number != expected) {
            report.findings.push_back(
                good.finding(Fault::head_missing, head,
                             fmt::format("head {} is missing in {}", expected, stored.name)));
        } else if (!fault.empty()) {
            report.findings.push_back(good.finding(
                Fault::head_forged, head, fmt::format("{} {}", name_of(stored, head), fault)));
        } else {
            good.note(head);
        }
        if (is_signed)
            report.checkpoints.push_back(
                {head.partition, head.size, head.root, name_of(stored, head), 0});
        linked = head.number == expected && fault.empty();
        expected = head.number + 1;
        before = &head;
    }
}

void check_copy(const HeadSource& copy, std::size_t source, const HeadSource& stored,
                const crypto::VerifyKey& key, const KnownGood& good, HeadsReport& report) {
    for (const auto& signed_head : copy.heads) {
        const auto& head = signed_head.head;
        const auto name = name_of(copy, head);
        if (!is_signed_by(signed_head, key)) {
            report.findings.push_back(
                good.finding(Fault::head_forged, head,
                             fmt::format("{} is not signed by the key {}", name, key.id())));
            continue;
        }
        report.checkpoints.push_back({head.partition, head.size, head.root, name, source});
        const auto found =
            std::ranges::lower_bound(stored.heads, head.number, {},
                                     [](const SignedHead& other) { return other.head.number; });
        if (found == stored.heads.end() || found->head.number != head.number) {
            report.findings.push_back(good.finding(
                Fault::head_missing, head, fmt::format("{} is not in {}", name, stored.name)));
        } else if (found->head != head) {
            report.findings.push_back(
                good.finding(Fault::head_forged, head,
                             fmt::format("{} is another one in {}: one of them was replaced, or "
                                         "the trail was forked",
                                         name, stored.name)));
        }
    }
}

}  // namespace

std::string_view to_string(Fault fault) noexcept {
    switch (fault) {
    case Fault::changed:
        return "changed";
    case Fault::missing:
        return "missing";
    case Fault::added:
        return "added";
    case Fault::rewritten:
        return "rewritten";
    case Fault::state_changed:
        return "state_changed";
    case Fault::head_forged:
        return "head_forged";
    case Fault::head_missing:
        return "head_missing";
    }
    return "unknown";
}

PartitionVerifier::PartitionVerifier(std::uint64_t partition, std::uint64_t first_id,
                                     std::span<const Checkpoint> checkpoints)
    : partition_(partition), first_id_(first_id) {
    std::ranges::copy_if(
        checkpoints, std::back_inserter(checkpoints_),
        [&](const Checkpoint& checkpoint) { return checkpoint.partition == partition; });
    std::ranges::stable_sort(checkpoints_, {}, &Checkpoint::size);
    while (next_checkpoint_ < checkpoints_.size() && checkpoints_[next_checkpoint_].size == 0)
        ++next_checkpoint_;
}

Finding PartitionVerifier::finding(Fault fault, std::string text) const {
    return {fault, partition_, tree_.size(), tree_.size(), std::move(text)};
}

std::optional<Finding> PartitionVerifier::compare_with_checkpoints() {
    for (; next_checkpoint_ < checkpoints_.size() &&
           checkpoints_[next_checkpoint_].size == tree_.size();
         ++next_checkpoint_) {
        const auto& checkpoint = checkpoints_[next_checkpoint_];
        auto& confirmed = confirmed_[checkpoint.source];
        if (checkpoint.root == tree_.root()) {
            confirmed = checkpoint.size;
            continue;
        }
        return Finding{Fault::rewritten, partition_, confirmed, tree_.size() - 1,
                       fmt::format("its first {} entries are not those of {}, though they match "
                                   "their hashes: entries and hashes were replaced together",
                                   checkpoint.size, checkpoint.name)};
    }
    return std::nullopt;
}

std::optional<Finding> PartitionVerifier::check_place(const Position& position,
                                                      bool readable) const {
    const auto index = tree_.size();
    if (position.id > first_id_ + index)
        return finding(Fault::missing, fmt::format("entry {} is not there", first_id_ + index));
    if (position.id < first_id_ + index)
        return finding(Fault::added,
                       fmt::format("entry {} stands where it never was", position.id));
    if (!readable || position.partition != partition_ || position.index != index)
        return finding(Fault::changed, fmt::format("entry {} is not as written", position.id));
    return std::nullopt;
}

std::optional<Finding> PartitionVerifier::append(std::uint64_t id, const Hash& made,
                                                 const Hash& stored) {
    if (made != stored)
        return finding(Fault::changed, fmt::format("entry {} does not match its hash", id));
    tree_.append(made);
    return compare_with_checkpoints();
}

std::optional<Finding> PartitionVerifier::add(const StoredEntry& stored) {
    const auto& position = stored.entry.position;
    if (auto misplaced = check_place(position, stored.readable)) return misplaced;
    auto entry = stored.entry;
    entry.commitment = commitment_to(stored.personal);
    return append(position.id, leaf_hash(canonical_bytes(entry)), stored.leaf);
}

std::optional<Finding> PartitionVerifier::add(std::string_view canonical, std::string_view personal,
                                              const Hash& leaf) {
    const auto entry = parse_entry(canonical);
    if (!entry)
        return finding(Fault::changed,
                       fmt::format("entry {} is not as written", first_id_ + tree_.size()));
    const auto& position = entry->position;
    const bool committed = entry->commitment == commitment_to(personal);
    if (auto misplaced = check_place(position, committed)) return misplaced;
    return append(position.id, leaf_hash(canonical), leaf);
}

std::optional<Finding> PartitionVerifier::finish(std::uint64_t size,
                                                 std::string_view frontier) const {
    if (tree_.size() < size)
        return finding(Fault::missing, fmt::format("entries {} to {} are not there",
                                                   first_id_ + tree_.size(), first_id_ + size - 1));
    if (next_checkpoint_ < checkpoints_.size()) {
        const auto& checkpoint = checkpoints_.back();
        return finding(Fault::missing, fmt::format("{} knows {} entries, there are {}",
                                                   checkpoint.name, checkpoint.size, tree_.size()));
    }
    const auto kept = Frontier::parse(size, frontier);
    if (!kept || *kept != tree_) {
        auto wrong = finding(Fault::state_changed,
                             "the entries agree with their hashes, but not with the tree that the "
                             "database keeps: entries and hashes were replaced together");
        wrong.first = 0;
        for (const auto& [source, agreed] : confirmed_) wrong.first = std::max(wrong.first, agreed);
        wrong.last = std::max(wrong.first, tree_.size() > 0 ? tree_.size() - 1 : 0);
        return wrong;
    }
    return std::nullopt;
}

HeadsReport check_heads(const HeadSource& stored, std::span<const HeadSource> copies,
                        const crypto::VerifyKey& key) {
    HeadsReport report;
    KnownGood good;
    check_stored(stored, key, good, report);
    for (std::size_t i = 0; i < copies.size(); ++i)
        check_copy(copies[i], i + 1, stored, key, good, report);
    return report;
}

}  // namespace vedfolnir::audit
