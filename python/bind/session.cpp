#include "session.hpp"

#include "codec.hpp"
#include "errors.hpp"
#include "times.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <optional>
#include <string_view>

namespace nb = nanobind;
using namespace nb::literals;

namespace vedfolnir::bind {
namespace {

/// Nil, a boolean, a number, text or bytes: made by the interpreter itself.
bool is_scalar(std::string_view bytes) {
    const auto head = static_cast<unsigned char>(bytes.front());
    const bool fixed = head < 0x80 || head >= 0xe0 || (head >= 0xa0 && head < 0xc0);
    const bool sized = head >= 0xc0 && head < 0xdc;
    const bool extension = (head >= 0xc7 && head <= 0xc9) || (head >= 0xd4 && head <= 0xd8);
    return fixed || (sized && !extension);
}

/// The key's UTF-8, as long as the object lives. Empty: it has a lone surrogate, so no session can hold it.
std::optional<std::string_view> utf8(const nb::str& key) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(key.ptr(), &size);
    if (text != nullptr) return std::string_view(text, static_cast<std::size_t>(size));
    PyErr_Clear();
    return std::nullopt;
}

std::string_view storable(const nb::str& key) {
    const auto text = utf8(key);
    if (text) return *text;
    const auto spelled = nb::cast<std::string>(nb::repr(key));
    raise_bad_value("session[" + spelled + "]: cannot store a key with a lone surrogate");
}

std::optional<std::string_view> find(BoundSession& self, const nb::str& key) {
    const auto name = utf8(key);
    return name ? self.get().encoded(*name) : std::nullopt;
}

nb::object get(BoundSession& self, const nb::str& key, nb::object missing) {
    const auto bytes = find(self, key);
    if (!bytes) return missing;
    if (is_scalar(*bytes)) return decode_object(*bytes, self.limits());
    // Making a UUID, a datetime or what holds one runs Python code, which may change this very session.
    const std::string own(*bytes);
    return decode_object(own, self.limits());
}

void set(BoundSession& self, const nb::str& key, nb::handle value) {
    const std::string name(storable(key));
    std::string bytes = encode_object(value, name, self.limits());
    unwrap(self.get().set_encoded(name, std::move(bytes)));
}

bool set_if_changed(BoundSession& self, const std::string& key, nb::handle value) {
    std::string bytes = encode_object(value, key, self.limits());
    const auto before = self.get().encoded(key);
    if (before && *before == bytes) return false;
    unwrap(self.get().set_encoded(key, std::move(bytes)));
    return true;
}

nb::bytes encode(BoundSession& self, const nb::str& key, nb::handle value) {
    const std::string bytes = encode_object(value, storable(key), self.limits());
    return nb::bytes(bytes.data(), bytes.size());
}

nb::object encoded(BoundSession& self, std::string_view key) {
    const auto bytes = self.get().encoded(key);
    if (!bytes) return nb::none();
    return nb::bytes(bytes->data(), bytes->size());
}

void set_encoded(BoundSession& self, std::string key, const nb::bytes& data) {
    unwrap(self.get().set_encoded(std::move(key), {data.c_str(), data.size()}));
}

nb::object handle_text(BoundSession& self) {
    const auto handle = self.get().handle();
    if (!handle) return nb::none();
    return nb::cast(handle->text());
}

/// What a session cost its request so far.
struct Cost {
    std::string source;
    std::uint32_t store_commands = 0;
    double load_us = 0;
    double commit_us = 0;
};

Cost cost_of(BoundSession& self) {
    using Microseconds = std::chrono::duration<double, std::micro>;
    return {.source = self.source(),
            .store_commands = self.get().store_commands(),
            .load_us = Microseconds(self.loading()).count(),
            .commit_us = Microseconds(self.committing()).count()};
}

void bind_cost(nb::module_& module) {
    nb::class_<Cost>(module, "SessionCost", "What one request's session cost it so far.")
        .def_ro(
            "source", &Cost::source,
            "Who answered the load: \"near cache\", \"store\", or \"none\" (there was nothing to ask).")
        .def_ro("store_commands", &Cost::store_commands,
                "Commands sent to Redis for this session by its load, commit and login.")
        .def_ro("load_us", &Cost::load_us, "Microseconds of the load, waiting included.")
        .def_ro("commit_us", &Cost::commit_us,
                "Microseconds of commits and remembered logins, waiting included.")
        .def("__repr__", [](const Cost& cost) {
            return nb::str("SessionCost(source={!r}, store_commands={}, load_us={:.1f}, "
                           "commit_us={:.1f})")
                .format(cost.source, cost.store_commands, cost.load_us, cost.commit_us);
        });
}

}  // namespace

Session& BoundSession::get() {
    if (leased_) throw std::runtime_error("this session is being committed in another thread");
    return session_;
}

void bind_session(nb::module_& module) {
    bind_cost(module);
    nb::class_<BoundSession>(module, "Session", "One request's view of a session.")
        .def(
            "__init__",
            [](BoundSession* self) { new (self) BoundSession(Session(), SizeLimits{}); },
            "An empty session that no store knows.")
        .def_prop_ro("reason",
                     [](BoundSession& self) { return std::string(to_string(self.get().reason())); })
        .def_prop_ro("found", [](BoundSession& self) { return self.get().found(); })
        .def_prop_ro("handle", &handle_text, nb::sig("def handle(self) -> str | None"))
        .def_prop_ro("user_id", [](BoundSession& self) { return self.get().user_id(); })
        .def_prop_ro(
            "created", [](BoundSession& self) { return to_datetime(self.get().created()); },
            nb::sig("def created(self) -> datetime.datetime"))
        .def_prop_ro(
            "last_seen", [](BoundSession& self) { return to_datetime(self.get().last_seen()); },
            nb::sig("def last_seen(self) -> datetime.datetime"))
        .def_prop_ro(
            "absolute_expiry",
            [](BoundSession& self) { return to_datetime(self.get().absolute_expiry()); },
            nb::sig("def absolute_expiry(self) -> datetime.datetime"))
        .def_prop_ro("device", [](BoundSession& self) { return self.get().device(); })
        .def_prop_ro("place", [](BoundSession& self) { return self.get().place(); })
        .def_prop_ro(
            "platform", [](BoundSession& self) { return self.get().platform(); },
            "Value of the audited platform key, as stored.")
        .def_prop_ro("generation", [](BoundSession& self) { return self.get().generation(); })
        .def_prop_ro("cost", &cost_of)
        .def_prop_ro("committed", [](BoundSession& self) { return self.get().committed(); })
        .def(
            "keys", [](BoundSession& self) { return self.get().keys(); },
            "Names of all keys, sorted.")
        .def(
            "contains",
            [](BoundSession& self, const nb::str& key) { return find(self, key).has_value(); },
            "key"_a)
        .def("get", &get, "key"_a, "missing"_a = nb::none(),
             nb::sig("def get(self, key: str, missing: object = None) -> typing.Any"),
             "The decoded value, a new object at each call.")
        .def("set", &set, "key"_a, "value"_a.none(),
             nb::sig("def set(self, key: str, value: object) -> None"),
             "Encodes and keeps the value. Raises BadValue, TooLarge, ReadOnly.")
        .def("set_if_changed", &set_if_changed, "key"_a, "value"_a.none(),
             nb::sig("def set_if_changed(self, key: str, value: object) -> bool"),
             "As set, but only where the encoded bytes differ; True if they did.")
        .def("encode", &encode, "key"_a, "value"_a.none(),
             nb::sig("def encode(self, key: str, value: object) -> bytes"),
             "The bytes that `set` would keep, without keeping them.")
        .def("encoded", &encoded, "key"_a, nb::sig("def encoded(self, key: str) -> bytes | None"))
        .def("set_encoded", &set_encoded, "key"_a, "data"_a,
             "Keeps bytes that `encoded` of another session gave.")
        .def(
            "erase",
            [](BoundSession& self, const nb::str& key) {
                const auto name = utf8(key);
                return name && self.get().erase(*name);
            },
            "key"_a, "True if the key was there.")
        .def("clear", [](BoundSession& self) { self.get().clear(); })
        .def(
            "mark_login", [](BoundSession& self) { self.get().mark_login(); },
            "This request authenticated the user: the commit rotates the id.")
        .def(
            "mark_remembered", [](BoundSession& self) { self.get().mark_remembered(); },
            "The identity came from a remember-me token.");
}

}  // namespace vedfolnir::bind
