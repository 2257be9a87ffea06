#include "cache/stripe_table.hpp"

#include <cerrno>
#include <new>
#include <sys/random.h>
#include <system_error>
#include <utility>

namespace vedfolnir::cache {
namespace {

using namespace std::chrono_literals;

constexpr auto touch_interval = 1h;

Result<std::uint64_t> random_start() {
    std::uint64_t value = 0;
    if (::getrandom(&value, sizeof value, 0) == sizeof value) return value;
    return Error{Errc::random_unavailable, "getrandom: " + std::generic_category().message(errno)};
}

/// For counters of one process only: they must differ from the ones before, not be hard to guess.
std::uint64_t private_start() {
    if (auto random = random_start()) return *random;
    const auto now = StripeTable::Clock::now().time_since_epoch().count();
    return static_cast<std::uint64_t>(now) * 0x9e3779b97f4a7c15;
}

using Found = std::optional<CounterMemory::Shared>;

/// The table that the file names; empty when there is none (any more).
Result<Found> find(const StripeFile& file) {
    auto read = file.read();
    if (!read) return std::move(read).error();
    const std::optional<SegmentName> name = *read;
    if (!name) return Found();
    auto attached = CounterMemory::attach(*name);
    if (!attached) return std::move(attached).error();
    std::optional<CounterMemory> memory = *std::move(attached);
    if (!memory) return Found();
    return Found({*name, *std::move(memory)});
}

Result<CounterMemory::Shared> make(const StripeFile& file) {
    auto start = random_start();
    if (!start) return std::move(start).error();
    auto made = CounterMemory::create(*start, file.key());
    if (!made) return made;
    if (auto written = file.write(made->name); !written) return std::move(written).error();
    return made;
}

Result<CounterMemory::Shared> find_or_make(const StripeFile& file, Millis patience) {
    auto found = find(file);
    if (!found) return std::move(found).error();
    if (Found table = *std::move(found)) return *std::move(table);
    auto turn = StripeTurn::take(file.directory(), deadline_in(patience));
    if (!turn) return std::move(turn).error();
    // Whoever had the turn before may have made it.
    auto ready = find(file);
    if (!ready) return std::move(ready).error();
    if (Found table = *std::move(ready)) return *std::move(table);
    return make(file);
}

Error busy() {
    return {Errc::unsupported, "shared stripe counters: another thread is changing them right now"};
}

}  // namespace

Result<std::shared_ptr<StripeTable>> StripeTable::open(std::string directory,
                                                       std::string_view identity) {
    auto table = private_table(std::move(directory), identity);
    if (auto opened = table->reopen(); !opened) return std::move(opened).error();
    return table;
}

std::shared_ptr<StripeTable> StripeTable::private_table(std::string directory,
                                                        std::string_view identity) {
    return std::make_shared<StripeTable>(Passkey{}, std::move(directory), identity);
}

StripeTable::StripeTable(Passkey, std::string directory, std::string_view identity)
    : directory_(std::move(directory)),
      identity_(identity),
      memory_(CounterMemory::anonymous(private_start())),
      counters_(memory_.counters()) {}

Result<void> StripeTable::reopen(Millis patience) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return busy();
    if (directory_.empty())
        return Error{Errc::bad_options, "shared stripe counters: no folder was named"};
    auto file = StripeFile::in(directory_, identity_);
    if (!file) return std::move(file).error();
    auto found = find_or_make(*file, patience);
    if (!found) return std::move(found).error();
    if (!shared() || found->name != name_) {
        if (!memory_.replace_by(std::move(found->memory)))
            return Error{Errc::unsupported, "shared stripe counters: mremap: " +
                                                std::generic_category().message(errno)};
        name_ = found->name;
    }
    file_ = std::move(*file);
    file_->touch();
    touched_ = Clock::now();
    others_elsewhere_ = file_->clean().elsewhere;
    looked_at(touched_);
    shared_.store(true, std::memory_order_release);
    good_.store(true, std::memory_order_release);
    return {};
}

Result<void> StripeTable::go_private() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return busy();
    if (shared()) {
        if (!memory_.replace_by(CounterMemory::anonymous(private_start())))
            return Error{Errc::unsupported, "private stripe counters: mremap: " +
                                                std::generic_category().message(errno)};
        shared_.store(false, std::memory_order_release);
        file_.reset();
        name_ = {};
    }
    good_.store(true, std::memory_order_release);
    return {};
}

bool StripeTable::healthy(Clock::time_point now) noexcept {
    if (!good_.load(std::memory_order_acquire)) return false;
    if (!shared()) return true;
    const Clock::duration checked(checked_.load(std::memory_order_acquire));
    if (now.time_since_epoch() - checked < check_interval) return true;
    return check(now);
}

bool StripeTable::check(Clock::time_point now) noexcept {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    const Clock::duration checked(checked_.load(std::memory_order_acquire));
    if (!lock)  // Somebody is at it. The last answer serves a second longer, not for ever.
        return now.time_since_epoch() - checked < 2 * check_interval;
    if (!shared()) return good_.load(std::memory_order_acquire);
    bool named = false;
    try {
        named = is_still_named();
    } catch (const std::bad_alloc&) {
        // Not known is not healthy.
    }
    if (!named) {
        good_.store(false, std::memory_order_release);
        return false;
    }
    looked_at(now);
    if (file_ && now - touched_ >= touch_interval) {
        file_->touch();
        touched_ = now;
    }
    return good_.load(std::memory_order_acquire);
}

bool StripeTable::is_still_named() const {
    if (!file_) return false;
    const auto named = file_->read();
    return named && *named == name_;
}

void StripeTable::looked_at(Clock::time_point now) noexcept {
    checked_.store(now.time_since_epoch().count(), std::memory_order_release);
}

}  // namespace vedfolnir::cache
