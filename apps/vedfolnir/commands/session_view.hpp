// One session as table row, details and JSON; the same in every command.
#pragma once

#include "console.hpp"
#include "vedfolnir/session_manager.hpp"

#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace vedfolnir::cli {

/// Of an ending that is `pending`.
inline constexpr const char* written_down =
    "it is written down, in SQL or in this host's journal, and reaches the one that did not take it, Redis or SQL, when that "
    "answers (vedfolnir journal status, vedfolnir fallback status): do not repeat it. Until then a process that sees only "
    "that one may accept what was ended";

/// live, ended, gone (no record stands in the hot store) or unknown (the hot store could not say).
[[nodiscard]] std::string_view state_of(const SessionInfo& info) noexcept;
[[nodiscard]] Colour state_colour(const SessionInfo& info) noexcept;

/// Cells of HANDLE USER STATE CREATED LAST-SEEN ENDS PLATFORM PLACE DEVICE.
[[nodiscard]] std::vector<std::string> session_row(const SessionInfo& info, TimePoint now);
[[nodiscard]] Table session_details(const SessionInfo& info, TimePoint now);
[[nodiscard]] boost::json::object session_json(const SessionInfo& info);

}  // namespace vedfolnir::cli
