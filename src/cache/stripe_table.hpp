// Counters that all workers of one user on one machine share: a write raises one, and a near-cache hit compares it.
#pragma once

#include "cache/counter_memory.hpp"
#include "cache/stripe_file.hpp"
#include "vedfolnir/result.hpp"
#include "vedfolnir/types.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace vedfolnir::cache {

/// Save, touch and end raise the stripe of their key after the store has applied them and before they answer. Whoever
/// fills a near cache reads the stripe before sending the GET and keeps the value; a hit counts only while the stripe
/// still has that value. So POST, redirect, GET on another worker never shows the old record.
///
/// A value says which table it comes from: counters start at a number that is random per table. Whatever was kept
/// under one table misses under every other, also after `reopen` and `go_private`; nothing has to be emptied.
///
/// Each process asks `healthy` at least every second, also one that only writes, and calls `reopen` on a no: otherwise
/// it goes on raising where nobody looks.
///
/// There is no lock in the table and nothing to repair: a worker may be killed anywhere. The file that names the table
/// is looked at again every second, because whoever starts after it was removed makes a table of its own. Until each
/// process has noticed (two seconds at most) such workers are two groups that see each other's writes by push only.
///
/// Thread safety: all functions. After a fork the child shares the table; `reopen` and `go_private` of an object whose
/// parent was just in them answer an error.
class StripeTable {
    struct Passkey {};

public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::seconds check_interval{1};

    /// The table of all processes of this user that name the same folder and the same store on this machine (one
    /// container is one machine). `directory`: private, made when it is missing. `identity`: which store and prefix,
    /// without secrets; other identities get other tables. Takes up to two seconds when many start at once.
    /// Errors: bad_options (folder or file are not private or damaged; the text says what to do), unsupported (the
    /// system lacks something), deadline_exceeded, random_unavailable. Go on with `private_table` then.
    [[nodiscard]] static Result<std::shared_ptr<StripeTable>> open(std::string directory,
                                                                   std::string_view identity);

    /// Counters of this process alone. With a folder and an identity, `reopen` may share them later.
    [[nodiscard]] static std::shared_ptr<StripeTable> private_table(std::string directory = {},
                                                                    std::string_view identity = {});

    StripeTable(Passkey, std::string directory, std::string_view identity);
    StripeTable(const StripeTable&) = delete;
    StripeTable& operator=(const StripeTable&) = delete;
    ~StripeTable() = default;

    [[nodiscard]] std::uint64_t read(const StoreKey& key) const noexcept {
        return read(key.digest);
    }
    /// The count afterwards.
    std::uint64_t raise(const StoreKey& key) noexcept { return raise(key.digest); }

    /// The same for all sessions of a user at once: an ending of them all raises the user's stripe, and a hit compares
    /// it besides the key's.
    [[nodiscard]] std::uint64_t read(const UserTag& user) const noexcept {
        return read(user.bytes);
    }
    std::uint64_t raise(const UserTag& user) noexcept { return raise(user.bytes); }

    /// Whether other processes can be in it. False: own writes only; others' come by push and by age.
    [[nodiscard]] bool shared() const noexcept { return shared_.load(std::memory_order_acquire); }

    /// Whether a hit may rely on the table. Once a second one caller looks whether the file still names this table
    /// (tens of microseconds); for the others it is two loads. Stays false until `reopen` or `go_private`.
    [[nodiscard]] bool healthy(Clock::time_point now = Clock::now()) noexcept;

    /// Shares the table that the file names now, or makes one; nothing changes if it is this one. Readers need not
    /// stop. Waits at most `patience` for others who make one. Errors: as `open`, and then nothing has changed;
    /// bad_options without a folder.
    [[nodiscard]] Result<void> reopen(Millis patience = Millis{2000});

    /// Leaves the shared table for counters of this process alone. Readers need not stop. Errors: unsupported.
    [[nodiscard]] Result<void> go_private();

    /// Another container used this folder for this store in the last two hours: its workers share nothing with these.
    /// Known since `open` or `reopen`; for a note to the operator.
    [[nodiscard]] bool others_elsewhere() const noexcept { return others_elsewhere_.load(); }

private:
    using Digest = std::array<std::uint8_t, 16>;

    /// Keys and tags are one-way hashes, so any bits do. The last ones are not those that name a shard.
    [[nodiscard]] std::atomic_ref<std::uint64_t> counter(const Digest& digest) const noexcept {
        std::uint16_t stripe = 0;
        static_assert(stripe_count == 1U << 8 * sizeof stripe);
        std::memcpy(&stripe, digest.data() + digest.size() - sizeof stripe, sizeof stripe);
        return std::atomic_ref(counters_[stripe]);
    }
    [[nodiscard]] std::uint64_t read(const Digest& digest) const noexcept {
        return counter(digest).load(std::memory_order_acquire);
    }
    std::uint64_t raise(const Digest& digest) noexcept { return counter(digest).fetch_add(1) + 1; }

    [[nodiscard]] bool check(Clock::time_point now) noexcept;
    [[nodiscard]] bool is_still_named() const;
    void looked_at(Clock::time_point now) noexcept;

    static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);

    const std::string directory_;
    const std::string identity_;
    CounterMemory memory_;
    std::uint64_t* const counters_;
    std::atomic<bool> shared_{false};
    std::atomic<bool> good_{true};
    std::atomic<Clock::rep> checked_{0};  ///< When the last completed check began.
    std::atomic<bool> others_elsewhere_{false};

    /// Only ever tried: a child may have been forked while another thread of its parent held it.
    std::mutex mutex_;
    std::optional<StripeFile> file_;  ///< Set while shared; guarded by mutex_, as the two below.
    SegmentName name_;
    Clock::time_point touched_{};
};

}  // namespace vedfolnir::cache
