// Result<T>: a value or an Error. An alias, not a type of our own.
#pragma once

#include "vedfolnir/error.hpp"

#include <boost/system/result.hpp>

namespace vedfolnir {

/// A value or an Error. "Could not find out" is an Error, never an empty value.
template <class T>
using Result = boost::system::result<T, Error>;

/// Lets `result.value()` throw `std::runtime_error` carrying the operator's text. Test before you dereference.
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& where);

}  // namespace vedfolnir
