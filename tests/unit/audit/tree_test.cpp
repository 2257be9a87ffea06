// The tree against RFC 6962's definition, written a second time as the recursion that stands there.
#include "audit/tree.hpp"
#include "model/bytes.hpp"
#include "model/hex.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace vedfolnir::audit {
namespace {

using Leaves = std::vector<Hash>;

std::string hex(const Hash& hash) { return model::hex_encode(hash); }

std::uint64_t half(std::uint64_t n) {
    std::uint64_t k = 1;
    while (2 * k < n) k *= 2;
    return k;
}

/// MTH of RFC 6962 section 2.1, over leaf hashes.
Hash root_of(std::span<const Hash> leaves) {
    if (leaves.empty()) return crypto::sha256({}, {});
    if (leaves.size() == 1) return leaves[0];
    const auto k = half(leaves.size());
    return node_hash(root_of(leaves.first(k)), root_of(leaves.subspan(k)));
}

/// PATH of RFC 6962 section 2.1.1.
std::vector<Hash> path_of(std::uint64_t m, std::span<const Hash> leaves) {
    if (leaves.size() == 1) return {};
    const auto k = half(leaves.size());
    auto path = m < k ? path_of(m, leaves.first(k)) : path_of(m - k, leaves.subspan(k));
    path.push_back(root_of(m < k ? leaves.subspan(k) : leaves.first(k)));
    return path;
}

/// SUBPROOF of RFC 6962 section 2.1.2.
std::vector<Hash> subproof(std::uint64_t m, std::span<const Hash> leaves, bool whole) {
    if (m == leaves.size()) return whole ? std::vector<Hash>{} : std::vector{root_of(leaves)};
    const auto k = half(leaves.size());
    auto path =
        m <= k ? subproof(m, leaves.first(k), whole) : subproof(m - k, leaves.subspan(k), false);
    path.push_back(root_of(m <= k ? leaves.subspan(k) : leaves.first(k)));
    return path;
}

Leaves numbered(std::size_t count) {
    Leaves leaves;
    for (std::size_t i = 0; i < count; ++i) leaves.push_back(leaf_hash(std::to_string(i)));
    return leaves;
}

std::vector<Hash> proved(std::vector<Range> ranges, std::span<const Hash> leaves) {
    Prover prover(std::move(ranges));
    for (const auto& leaf : leaves) prover.add(leaf);
    return prover.path().value();
}

/// Each way to break a proof: every element changed, left out, doubled, and one more at either end.
std::vector<std::vector<Hash>> broken(const std::vector<Hash>& path) {
    std::vector<std::vector<Hash>> all;
    const Hash foreign = leaf_hash("foreign");
    for (std::size_t i = 0; i < path.size(); ++i) {
        const auto at = static_cast<std::ptrdiff_t>(i);
        all.push_back(path);
        all.back()[i][i % 32] ^= 1;
        all.push_back(path);
        all.back().erase(all.back().begin() + at);
        all.push_back(path);
        all.back().insert(all.back().begin() + at, path[i]);
    }
    for (const auto at : {std::size_t{0}, path.size()}) {
        all.push_back(path);
        all.back().insert(all.back().begin() + static_cast<std::ptrdiff_t>(at), foreign);
    }
    return all;
}

// ids: R13
TEST(Tree, has_the_roots_of_the_standard_inputs) {
    // The inputs that implementations of RFC 6962 share; the roots follow from its definition.
    const std::vector<std::string> inputs{
        "",
        std::string(1, '\0'),
        "\x10",
        "\x20\x21",
        "\x30\x31",
        "\x40\x41\x42\x43",
        "\x50\x51\x52\x53\x54\x55\x56\x57",
        "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    };
    const std::vector<std::string> roots{
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    Frontier tree;
    EXPECT_EQ(hex(tree.root()), roots[0]);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        tree.append(leaf_hash(inputs[i]));
        EXPECT_EQ(hex(tree.root()), roots[i + 1]) << i + 1 << " leaves";
    }
}

// ids: R13
TEST(Tree, frontier_has_the_root_of_the_definition_and_reads_back) {
    const auto leaves = numbered(200);
    Frontier tree;
    for (std::size_t n = 0; n <= leaves.size(); ++n) {
        ASSERT_EQ(tree.root(), root_of(std::span(leaves).first(n))) << n;
        const auto again = Frontier::parse(n, tree.text());
        ASSERT_TRUE(again && *again == tree) << n;
        ASSERT_FALSE(Frontier::parse(n, tree.text() + "A")) << n;
        if (n < leaves.size()) tree.append(leaves[n]);
    }
    EXPECT_FALSE(Frontier::parse(199, tree.text()));
}

// ids: R13
TEST(Tree, proves_every_leaf_of_every_small_tree_and_nothing_else) {
    const auto leaves = numbered(64);
    for (std::uint64_t n = 1; n <= leaves.size(); ++n) {
        const auto tree = std::span(leaves).first(n);
        const auto root = root_of(tree);
        for (std::uint64_t index = 0; index < n; ++index) {
            const auto path = proved(inclusion_ranges(index, n), tree);
            ASSERT_EQ(path, path_of(index, tree)) << index << " of " << n;
            ASSERT_TRUE(verify_inclusion(leaves[index], index, n, path, root));
            for (const auto& wrong : broken(path))
                ASSERT_FALSE(verify_inclusion(leaves[index], index, n, wrong, root))
                    << index << " of " << n;
            for (std::uint64_t other = 0; other <= n; ++other) {
                if (other == index) continue;
                ASSERT_FALSE(verify_inclusion(leaves[index], other, n, path, root));
            }
            ASSERT_FALSE(verify_inclusion(leaf_hash("foreign"), index, n, path, root));
            ASSERT_FALSE(verify_inclusion(leaves[index], index, n, path, leaf_hash("foreign")));
        }
    }
}

// ids: R13
TEST(Tree, proves_every_pair_of_small_trees_consistent_and_nothing_else) {
    const auto leaves = numbered(64);
    for (std::uint64_t second = 1; second <= leaves.size(); ++second) {
        const auto tree = std::span(leaves).first(second);
        const auto second_root = root_of(tree);
        ASSERT_FALSE(verify_consistency(0, second, root_of({}), second_root, {}));
        for (std::uint64_t first = 1; first <= second; ++first) {
            const auto first_root = root_of(tree.first(first));
            const auto path = proved(consistency_ranges(first, second), tree);
            ASSERT_EQ(path, subproof(first, tree, true)) << first << " in " << second;
            ASSERT_TRUE(verify_consistency(first, second, first_root, second_root, path));
            ASSERT_FALSE(verify_consistency(first, second, leaf_hash("x"), second_root, path));
            ASSERT_FALSE(verify_consistency(first, second, first_root, leaf_hash("x"), path));
            for (const auto& wrong : broken(path))
                ASSERT_FALSE(verify_consistency(first, second, first_root, second_root, wrong))
                    << first << " in " << second;
        }
        ASSERT_FALSE(verify_consistency(second + 1, second, second_root, second_root, {}));
    }
}

// ids: R13
TEST(Tree, random_large_trees_prove_what_they_hold) {
    std::mt19937_64 random(std::random_device{}());
    const auto leaves = numbered(5000);
    for (int round = 0; round < 40; ++round) {
        const auto n = 1 + random() % leaves.size();
        const auto index = random() % n;
        const auto first = 1 + random() % n;
        SCOPED_TRACE(std::to_string(index) + " and " + std::to_string(first) + " of " +
                     std::to_string(n));
        const auto tree = std::span(leaves).first(n);
        const auto root = root_of(tree);
        const auto inclusion = proved(inclusion_ranges(index, n), tree);
        EXPECT_TRUE(verify_inclusion(leaves[index], index, n, inclusion, root));
        EXPECT_FALSE(
            verify_inclusion(leaves[(index + 1) % leaves.size()], index, n, inclusion, root));
        const auto consistency = proved(consistency_ranges(first, n), tree);
        EXPECT_TRUE(verify_consistency(first, n, root_of(tree.first(first)), root, consistency));
        auto forked = Leaves(tree.begin(), tree.end());
        forked[random() % first] = leaf_hash("forged");
        EXPECT_FALSE(verify_consistency(first, n, root_of(std::span(forked).first(first)), root,
                                        consistency));
    }
}

// ids: R13
TEST(Prover, has_no_path_while_leaves_are_missing) {
    Prover prover(inclusion_ranges(0, 3));
    prover.add(leaf_hash("0"));
    prover.add(leaf_hash("1"));
    EXPECT_FALSE(prover.path());
    prover.add(leaf_hash("2"));
    EXPECT_TRUE(prover.path());
}

}  // namespace
}  // namespace vedfolnir::audit
