// Finds the first entry of a trail that is not what it was. Streams: memory for O(log n) hashes and the heads.
#pragma once

#include "audit/entry.hpp"
#include "audit/head.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vedfolnir::audit {

/// A row of the trail, as it was found.
struct StoredEntry {
    Entry entry;  ///< Without its commitment: that is made from `personal` when it is checked.
    std::string personal;
    Hash leaf{};
    bool readable = true;  ///< False: a column holds what no writer puts there.
};

enum class Fault : std::uint8_t {
    changed,    ///< An entry is not the one that was written at this place.
    missing,    ///< An entry that was written is not there.
    added,      ///< An entry that nobody wrote is there.
    rewritten,  ///< Between two checkpoints something was changed and everything after it recomputed.
    state_changed,  ///< The entries are good, but not what the database keeps about their tree.
    head_forged,    ///< A head is not signed by the key, or does not follow the one before.
    head_missing,   ///< A head that was signed is not there.
};

[[nodiscard]] std::string_view to_string(Fault fault) noexcept;

/// The first bad index lies in `first` to `last`; where both are the same, that is it.
struct Finding {
    Fault fault{};
    std::uint64_t partition = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::string text;
};

/// A root that somebody outside the trail vouches for: a signed head, or what this verifier saw the last time.
struct Checkpoint {
    std::uint64_t partition = 0;
    std::uint64_t size = 0;
    Hash root{};
    std::string name;  ///< For messages: "head 7 of heads.jsonl".
    std::size_t source =
        0;  ///< Who vouches: a fork agrees with its own heads, not with those of another place.
};

/// Checks one partition. Call `add` for each entry in the order of ids until a finding comes, else `finish`.
class PartitionVerifier {
public:
    /// `checkpoints` of other partitions are ignored.
    PartitionVerifier(std::uint64_t partition, std::uint64_t first_id,
                      std::span<const Checkpoint> checkpoints);

    [[nodiscard]] std::optional<Finding> add(const StoredEntry& stored);
    /// The same for an entry whose canonical bytes were kept.
    [[nodiscard]] std::optional<Finding> add(std::string_view canonical, std::string_view personal,
                                             const Hash& leaf);
    /// `size` and `frontier`: what the database keeps about the tree.
    [[nodiscard]] std::optional<Finding> finish(std::uint64_t size,
                                                std::string_view frontier) const;

    [[nodiscard]] const Frontier& tree() const noexcept { return tree_; }

private:
    [[nodiscard]] Finding finding(Fault fault, std::string text) const;
    [[nodiscard]] std::optional<Finding> check_place(const Position& position, bool readable) const;
    [[nodiscard]] std::optional<Finding> append(std::uint64_t id, const Hash& made,
                                                const Hash& stored);
    [[nodiscard]] std::optional<Finding> compare_with_checkpoints();

    std::uint64_t partition_;
    std::uint64_t first_id_;
    std::vector<Checkpoint> checkpoints_;  ///< By size.
    std::size_t next_checkpoint_ = 0;
    std::map<std::size_t, std::uint64_t>
        confirmed_;  ///< By source, size of its last checkpoint that agreed.
    Frontier tree_;
};

/// Heads of one place, by number.
struct HeadSource {
    std::string name;
    std::vector<SignedHead> heads;
};

struct HeadsReport {
    std::vector<Finding> findings;
    std::vector<Checkpoint> checkpoints;  ///< Of the heads whose signature is good.
};

/// `stored` must be complete: 1, 2, 3, … Copies may begin and end anywhere, but what they hold must be in `stored`.
/// Checkpoints of `stored` have the source 0, those of the copies 1, 2, …
[[nodiscard]] HeadsReport check_heads(const HeadSource& stored, std::span<const HeadSource> copies,
                                      const crypto::VerifyKey& key);

}  // namespace vedfolnir::audit
