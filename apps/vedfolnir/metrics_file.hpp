// The file with metrics that `vedfolnir serve` keeps for node_exporter's textfile collector.
#pragma once

#include "vedfolnir/options.hpp"
#include "vedfolnir/session_manager.hpp"

#include <chrono>
#include <optional>

namespace vedfolnir::cli {

/// Puts `text` in place of the file at once: a reader sees the old content or the new. Mode 0644.
/// Errors: bad_options with the path and the system's words.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view text);

/// Thread safety: one thread.
class MetricsFile {
public:
    explicit MetricsFile(MetricsOptions options) : options_(std::move(options)) {}

    /// Until it is due again; empty where there is no such file.
    [[nodiscard]] std::optional<Millis> due_in() const;
    /// Writes it where it is due. A failure is a line in the log, once until it works again.
    void write_when_due(const SessionManager& manager);

private:
    MetricsOptions options_;
    std::chrono::steady_clock::time_point due_ = std::chrono::steady_clock::now();
    bool failed_ = false;
};

}  // namespace vedfolnir::cli
