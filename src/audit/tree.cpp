#include "audit/tree.hpp"

#include "model/base64url.hpp"
#include "model/bytes.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace vedfolnir::audit {
namespace {

/// The largest power of two below `n`; `n` > 1.
std::uint64_t split(std::uint64_t n) { return std::bit_floor(n - 1); }

}  // namespace

Hash leaf_hash(std::string_view bytes) {
    return crypto::sha256(std::string_view("\0", 1), model::as_bytes(bytes));
}

Hash node_hash(const Hash& left, const Hash& right) {
    std::array<std::uint8_t, 65> bytes{1};
    std::ranges::copy(left, bytes.begin() + 1);
    std::ranges::copy(right, bytes.begin() + 33);
    return crypto::sha256({}, bytes);
}

void Frontier::append(const Hash& leaf) {
    Hash root = leaf;
    // Each trailing 1 bit of the size is a subtree as large as what has grown so far.
    for (auto bits = size_; (bits & 1U) != 0; bits >>= 1U) {
        root = node_hash(roots_.back(), root);
        roots_.pop_back();
    }
    roots_.push_back(root);
    ++size_;
}

Hash Frontier::root() const {
    if (roots_.empty()) return crypto::sha256({}, {});
    Hash root = roots_.back();
    for (auto left = std::next(roots_.rbegin()); left != roots_.rend(); ++left)
        root = node_hash(*left, root);
    return root;
}

std::string Frontier::text() const {
    std::string bytes;
    for (const auto& root : roots_)
        bytes.append(reinterpret_cast<const char*>(root.data()), root.size());
    return model::base64url_encode(model::as_bytes(bytes));
}

std::optional<Frontier> Frontier::parse(std::uint64_t size, std::string_view text) {
    std::vector<std::uint8_t> bytes(sizeof(Hash) * static_cast<std::size_t>(std::popcount(size)));
    if (!model::base64url_decode(text, bytes)) return std::nullopt;
    Frontier frontier;
    frontier.size_ = size;
    frontier.roots_.resize(bytes.size() / sizeof(Hash));
    for (std::size_t i = 0; i < frontier.roots_.size(); ++i)
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(i * sizeof(Hash)), sizeof(Hash),
                    frontier.roots_[i].begin());
    return frontier;
}

std::vector<Range> inclusion_ranges(std::uint64_t index, std::uint64_t size) {
    std::vector<Range> ranges;
    Range tree{0, size};
    // From the root down; a proof goes from the leaf up.
    while (tree.end - tree.begin > 1) {
        const auto middle = tree.begin + split(tree.end - tree.begin);
        if (index < middle) {
            ranges.push_back({middle, tree.end});
            tree.end = middle;
        } else {
            ranges.push_back({tree.begin, middle});
            tree.begin = middle;
        }
    }
    std::ranges::reverse(ranges);
    return ranges;
}

std::vector<Range> consistency_ranges(std::uint64_t first, std::uint64_t second) {
    std::vector<Range> ranges;
    Range tree{0, second};
    bool whole = true;  // the first tree, as far as it lies in `tree`, begins where everything does
    while (first != tree.end) {
        const auto middle = tree.begin + split(tree.end - tree.begin);
        if (first <= middle) {
            ranges.push_back({middle, tree.end});
            tree.end = middle;
        } else {
            ranges.push_back({tree.begin, middle});
            tree.begin = middle;
            whole = false;
        }
    }
    if (!whole) ranges.push_back(tree);
    std::ranges::reverse(ranges);
    return ranges;
}

Prover::Prover(std::vector<Range> ranges) {
    for (std::size_t place = 0; place < ranges.size(); ++place)
        parts_.push_back({ranges[place], place, {}});
    std::ranges::sort(parts_, {}, [](const Part& part) { return part.range.begin; });
}

void Prover::add(const Hash& leaf) {
    const auto at = next_++;
    while (current_ < parts_.size() && parts_[current_].range.end <= at) ++current_;
    if (current_ < parts_.size() && parts_[current_].range.begin <= at)
        parts_[current_].tree.append(leaf);
}

std::optional<std::vector<Hash>> Prover::path() const {
    std::vector<Hash> path(parts_.size());
    for (const auto& part : parts_) {
        if (part.tree.size() != part.range.end - part.range.begin) return std::nullopt;
        path[part.place] = part.tree.root();
    }
    return path;
}

bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Hash> path, const Hash& root) {
    if (index >= size) return false;
    auto node = index;
    auto last = size - 1;
    Hash hash = leaf;
    for (const auto& sibling : path) {
        if (last == 0) return false;
        if ((node & 1U) != 0 || node == last) {
            hash = node_hash(sibling, hash);
            while ((node & 1U) == 0 && node != 0) {
                node >>= 1U;
                last >>= 1U;
            }
        } else {
            hash = node_hash(hash, sibling);
        }
        node >>= 1U;
        last >>= 1U;
    }
    return last == 0 && hash == root;
}

bool verify_consistency(std::uint64_t first, std::uint64_t second, const Hash& first_root,
                        const Hash& second_root, std::span<const Hash> path) {
    if (first == 0 || first > second) return false;
    if (first == second) return path.empty() && first_root == second_root;
    if (path.empty()) return false;
    auto node = first - 1;
    auto last = second - 1;
    while ((node & 1U) != 0) {
        node >>= 1U;
        last >>= 1U;
    }
    // A perfect first tree is a subtree of the second: its root is not repeated in the path.
    const bool perfect = std::has_single_bit(first);
    Hash old_hash = perfect ? first_root : path.front();
    Hash new_hash = old_hash;
    for (const auto& sibling : perfect ? path : path.subspan(1)) {
        if (last == 0) return false;
        if ((node & 1U) != 0 || node == last) {
            old_hash = node_hash(sibling, old_hash);
            new_hash = node_hash(sibling, new_hash);
            while ((node & 1U) == 0 && node != 0) {
                node >>= 1U;
                last >>= 1U;
            }
        } else {
            new_hash = node_hash(new_hash, sibling);
        }
        node >>= 1U;
        last >>= 1U;
    }
    return last == 0 && old_hash == first_root && new_hash == second_root;
}

}  // namespace vedfolnir::audit
