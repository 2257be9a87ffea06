// A word to the other workers of this host, through the counters they share. Header-only: a few lines of code.
#pragma once

#include "cache/stripe_table.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

namespace vedfolnir::cache {

/// Said by one worker, heard once by each of the others. It has three counters, which sessions may hit as well: heard is
/// what moved them all, so that it is rarely heard for nothing, and never missed. One thread at a time.
class Announcement {
public:
    explicit Announcement(std::shared_ptr<StripeTable> table)
        : table_(std::move(table)), seen_(counts()) {}

    void say() noexcept {
        const auto all = keys();
        for (std::size_t i = 0; i < all.size(); ++i) {
            table_->raise(all[i]);
            ++seen_[i];  // not as it stands: somebody else may just have said it, too
        }
    }
    /// True once after somebody else said it; also after the table was exchanged for another.
    [[nodiscard]] bool heard() noexcept {
        const Counts now = counts();
        for (std::size_t i = 0; i < now.size(); ++i) {
            if (now[i] == seen_[i]) return false;
        }
        seen_ = now;
        return true;
    }

private:
    using Counts = std::array<std::uint64_t, 3>;

    static std::array<StoreKey, 3> keys() noexcept {
        std::array<StoreKey, 3> all{};
        for (std::size_t i = 0; i < all.size(); ++i)
            all[i].digest.fill(static_cast<std::uint8_t>(0x55 + 0x22 * i));
        return all;
    }
    [[nodiscard]] Counts counts() const noexcept {
        Counts read{};
        const auto all = keys();
        for (std::size_t i = 0; i < read.size(); ++i) read[i] = table_->read(all[i]);
        return read;
    }

    std::shared_ptr<StripeTable> table_;
    Counts seen_;
};

}  // namespace vedfolnir::cache
