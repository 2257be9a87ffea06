#include "errors.hpp"

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace vedfolnir::bind {
namespace {

/// Name of the class in vedfolnir/errors.py.
const char* class_of(Errc code) {
    switch (code) {
    case Errc::store_unavailable:
        return "StoreUnavailable";
    case Errc::deadline_exceeded:
        return "DeadlineExceeded";
    case Errc::audit_unavailable:
        return "AuditUnavailable";
    case Errc::bad_options:
        return "ConfigurationError";
    case Errc::bad_value:
        return "BadValue";
    case Errc::too_large:
        return "TooLarge";
    case Errc::read_only:
        return "ReadOnly";
    case Errc::conflict:
        return "Conflict";
    case Errc::denied:
        return "Denied";
    case Errc::random_unavailable:
        return "RandomUnavailable";
    case Errc::key_unavailable:
        return "KeyUnavailable";
    case Errc::not_installed:
        return "NotInstalled";
    case Errc::unsupported:
        return "Unsupported";
    case Errc::internal:
        return "InternalError";
    }
    return "InternalError";
}

[[noreturn]] void raise_class(const char* name, const std::string& message,
                              const std::string& detail) {
    const nb::object type = nb::module_::import_("vedfolnir.errors").attr(name);
    const nb::object exception =
        type(nb::str(message.data(), message.size()), nb::str(detail.data(), detail.size()));
    PyErr_SetObject(type.ptr(), exception.ptr());
    throw nb::python_error();
}

}  // namespace

void raise(const Error& error) {
    // Where the reader is the application's developer and nothing but the sentence of the code stands there, the
    // detail is the message: it names the setting, the value or the sizes.
    const bool developer = error.code == Errc::bad_options || error.code == Errc::key_unavailable ||
                           error.code == Errc::bad_value || error.code == Errc::too_large;
    const bool generic = error.public_message == describe(error.code) && !error.detail.empty();
    raise_class(class_of(error.code), developer && generic ? error.detail : error.public_message,
                error.detail);
}

void raise_bad_value(const std::string& message) { raise_class("BadValue", message, ""); }

}  // namespace vedfolnir::bind
