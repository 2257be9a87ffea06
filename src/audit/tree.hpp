// The Merkle tree of RFC 6962 section 2.1 / RFC 9162 section 2.1: roots, frontiers, proofs. docs/internals/audit_proof.md.
#pragma once

#include "crypto/primitives.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vedfolnir::audit {

using Hash = crypto::Digest;

[[nodiscard]] Hash leaf_hash(std::string_view bytes);
[[nodiscard]] Hash node_hash(const Hash& left, const Hash& right);

/// What appending to a tree needs: the roots of its perfect subtrees, largest first. O(log n) in size.
class Frontier {
public:
    void append(const Hash& leaf);
    [[nodiscard]] Hash root() const;
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    /// Base64url of the subtree roots.
    [[nodiscard]] std::string text() const;
    /// Empty unless `text` holds exactly one root for each 1 bit of `size`.
    [[nodiscard]] static std::optional<Frontier> parse(std::uint64_t size, std::string_view text);

    friend bool operator==(const Frontier&, const Frontier&) = default;

private:
    std::uint64_t size_ = 0;
    std::vector<Hash> roots_;
};

/// Leaves `begin` to `end - 1`.
struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    friend bool operator==(const Range&, const Range&) = default;
};

/// The subtrees whose roots prove leaf `index` of a tree of `size` leaves, in the proof's order. `index` < `size`.
[[nodiscard]] std::vector<Range> inclusion_ranges(std::uint64_t index, std::uint64_t size);
/// The subtrees whose roots prove that the first `first` leaves of `second` leaves are a tree of their own.
/// 0 < `first` <= `second`.
[[nodiscard]] std::vector<Range> consistency_ranges(std::uint64_t first, std::uint64_t second);

/// Makes a proof from leaf hashes that stream past in order, in memory for O(log n) hashes.
class Prover {
public:
    explicit Prover(std::vector<Range> ranges);
    /// Leaf 0, 1, 2, …
    void add(const Hash& leaf);
    /// Empty if leaves are missing.
    [[nodiscard]] std::optional<std::vector<Hash>> path() const;

private:
    struct Part {
        Range range;
        std::size_t place;  ///< In the proof.
        Frontier tree;
    };
    std::vector<Part> parts_;  ///< By position; they are disjoint.
    std::size_t current_ = 0;
    std::uint64_t next_ = 0;
};

/// RFC 9162 section 2.1.3.2. Every element counts: a longer or shorter path is refused.
[[nodiscard]] bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                                    std::span<const Hash> path, const Hash& root);
/// RFC 9162 section 2.1.4.2; also two trees of the same size, by an empty path. An empty first tree is refused: it proves nothing.
[[nodiscard]] bool verify_consistency(std::uint64_t first, std::uint64_t second,
                                      const Hash& first_root, const Hash& second_root,
                                      std::span<const Hash> path);

}  // namespace vedfolnir::audit
