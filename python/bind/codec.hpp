// Python values as payload bytes and back: walks the objects and calls the one encoder and decoder of the core.
#pragma once

#include "vedfolnir/options.hpp"

#include <nanobind/nanobind.h>

#include <string>
#include <string_view>

namespace vedfolnir::bind {

/// The bytes of one session value. `key` names it in messages: session['key'][2]['file'].
/// Raises BadValue where a part cannot be stored. Needs the GIL.
[[nodiscard]] std::string encode_object(nanobind::handle value, std::string_view key,
                                        const SizeLimits& limits);

/// The inverse. Raises InternalError for bytes that no encoder wrote. Needs the GIL.
[[nodiscard]] nanobind::object decode_object(std::string_view bytes, const SizeLimits& limits);

}  // namespace vedfolnir::bind
