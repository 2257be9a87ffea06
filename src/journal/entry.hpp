// Between what waits for SQL and the text of a journal entry: one JSON object each (docs/internals/journal.md). No I/O.
#pragma once

#include "vedfolnir/async/archive.hpp"

#include <string>
#include <string_view>

namespace vedfolnir::journal {

[[nodiscard]] std::string entry_text(const async::Deferred& entry);
/// The same, with the reason why SQL refuses it for good.
[[nodiscard]] std::string refused_text(const async::Deferred& entry, std::string_view why);
/// Errors: bad_value (the text is no entry of this version).
[[nodiscard]] Result<async::Deferred> read_entry(std::string_view text);

/// When the thing was done; for a confirmation, when it is written down.
[[nodiscard]] std::optional<TimePoint> time_of(const async::Deferred& entry);

}  // namespace vedfolnir::journal
