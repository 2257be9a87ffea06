#include "metrics_file.hpp"

#include "compose/operator_log.hpp"
#include "compose/overview.hpp"
#include "ops/health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace vedfolnir::cli {
namespace {

bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno != EINTR) return false;
        if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

Result<void> replace_file(const std::string& path, std::string_view text) {
    // In the same folder, with a name that the collector does not read.
    std::string draft = path + ".XXXXXX";
    const int descriptor = ::mkostemp(draft.data(), O_CLOEXEC);
    const auto refused = [&](int why) {
        return Error{Errc::bad_options, fmt::format("VEDFOLNIR_METRICS_FILE: {}: {}", path,
                                                    std::generic_category().message(why))};
    };
    if (descriptor < 0) return refused(errno);
    const bool written = write_all(descriptor, text) && ::fchmod(descriptor, 0644) == 0;
    int why = written ? 0 : errno;
    ::close(descriptor);
    if (written && ::rename(draft.c_str(), path.c_str()) != 0) why = errno;
    if (why == 0) return {};
    ::unlink(draft.c_str());
    return refused(why);
}

std::optional<Millis> MetricsFile::due_in() const {
    if (options_.file.empty()) return std::nullopt;
    const auto left = std::chrono::ceil<Millis>(due_ - std::chrono::steady_clock::now());
    return std::max(left, Millis{0});
}

void MetricsFile::write_when_due(const SessionManager& manager) {
    const auto left = due_in();
    if (!left || *left > Millis{0}) return;
    due_ = std::chrono::steady_clock::now() + options_.interval;
    auto sources = compose::look_around(manager);
    sources.health = ops::assess(sources, manager.options().health);
    sources.process = ops::ProcessFigures{manager.counters(), manager.timings()};
    const auto written = replace_file(options_.file, ops::metrics_text(sources));
    if (!written && !failed_)
        compose::log_line(
            fmt::format("event=metrics state=failed detail=\"{}\"", written.error().detail));
    if (written && failed_) compose::log_line("event=metrics state=written");
    failed_ = !written;
}

}  // namespace vedfolnir::cli
