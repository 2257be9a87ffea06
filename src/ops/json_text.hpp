// JSON with numbers as a reader expects them: 1200 and 1131.285, not 1.2E3 and 1.131285E3.
#pragma once

#include <boost/json/value.hpp>

#include <string>

namespace vedfolnir::ops {

/// The document in one line, as Boost.JSON writes it but for its numbers.
[[nodiscard]] std::string json_text(const boost::json::value& document);

}  // namespace vedfolnir::ops
