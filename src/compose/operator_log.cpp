#include "compose/operator_log.hpp"

#include "model/visible.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <unistd.h>

namespace vedfolnir::compose {
namespace {

constexpr std::size_t line_size_max = 2000;
constexpr auto interval = std::chrono::seconds(1);

/// When each kind of report was last written. Kinds that share a slot only share a pause.
struct Pauses {
    using Tick = std::chrono::steady_clock::rep;
    std::array<std::atomic<Tick>, 64> last{};

    bool due(std::string_view kind) noexcept {
        const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
        auto& slot = last[std::hash<std::string_view>{}(kind) % last.size()];
        auto before = slot.load(std::memory_order_relaxed);
        const auto pause = std::chrono::steady_clock::duration(interval).count();
        if (before != 0 && now - before < pause) return false;
        return slot.compare_exchange_strong(before, now, std::memory_order_relaxed);
    }
};

}  // namespace

void log_line(std::string_view text) noexcept {
    try {
        const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
        const auto line = fmt::format("{:%Y-%m-%dT%H:%M:%SZ} vedfolnir: {}\n", fmt::gmtime(now),
                                      model::visible(text.substr(0, line_size_max)));
        // One write: lines of several processes on one stderr do not mix. A closed stderr is nothing to act on.
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    } catch (const std::exception&) {
        // Out of memory while reporting: there is nowhere left to report to.
        return;
    }
}

manager::Report operator_log() {
    return [pauses = std::make_shared<Pauses>()](std::string_view what, const Error& error) {
        if (!pauses->due(what)) return;
        const auto& why = error.detail.empty() ? error.public_message : error.detail;
        log_line(fmt::format("{}: {}", what, why));
    };
}

}  // namespace vedfolnir::compose
