// Result and Error on their way into Python.
#pragma once

#include "vedfolnir/result.hpp"

#include <string>
#include <utility>

namespace vedfolnir::bind {

/// Raises the class of `vedfolnir.errors` that stands for the code. Needs the GIL.
[[noreturn]] void raise(const Error& error);

/// Raises BadValue for a value that cannot be stored. Needs the GIL.
[[noreturn]] void raise_bad_value(const std::string& message);

/// The value of a Result, or the exception. Needs the GIL.
template <class T>
T unwrap(Result<T> result) {
    if (!result) raise(result.error());
    return std::move(*result);
}

inline void unwrap(const Result<void>& result) {
    if (!result) raise(result.error());
}

}  // namespace vedfolnir::bind
