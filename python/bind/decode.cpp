// The bytes of docs/internals/payload.md into Python values.
#include "codec.hpp"
#include "codec_library.hpp"
#include "errors.hpp"
#include "model/bytes.hpp"
#include "model/codec.hpp"

#include <cstdint>
#include <string>

namespace nb = nanobind;

namespace vedfolnir::bind {
namespace {

using model::Ext;

nb::object to_timedelta(std::int64_t micros) {
    const std::int64_t seconds = micros / micros_per_second;
    return library().timedelta(seconds / seconds_per_day, seconds % seconds_per_day,
                               micros % micros_per_second);
}

[[noreturn]] void unreadable() {
    raise(Error{Errc::internal, "a stored value is not in the format of this version"});
}

nb::object read_text(std::string_view utf8) {
    nb::object text =
        nb::steal(PyUnicode_FromStringAndSize(utf8.data(), static_cast<Py_ssize_t>(utf8.size())));
    if (!text.is_valid()) {
        PyErr_Clear();
        unreadable();
    }
    return text;
}

nb::object read(const msgpack::object& object, std::size_t depth);

nb::object read_nested(std::string_view bytes, std::size_t depth) {
    if (depth == 0) unreadable();
    const auto document = model::Document::parse(bytes, depth);
    if (!document) unreadable();
    return read(document->root(), depth);
}

nb::object read_naive_datetime(std::string_view body) {
    if (body.size() != 8 && body.size() != 9) unreadable();
    nb::object value = library().epoch + to_timedelta(model::get_be<std::int64_t>(body, 0));
    if (body.size() == 9 && body[8] == 1) value = value.attr("replace")(nb::arg("fold") = 1);
    return value;
}

nb::object fixed_zone(std::int32_t offset) {
    if (offset == 0) return nb::borrow(library().utc);
    return library().timezone(to_timedelta(offset * micros_per_second));
}

nb::object find_zone(std::string_view name) {
    const nb::str text(name.data(), name.size());
    PyObject* zone = PyObject_CallFunctionObjArgs(library().zone_info.ptr(), text.ptr(), nullptr);
    if (zone == nullptr)
        PyErr_Clear();  // No such zone on this host: the offset still gives the right instant.
    return nb::steal(zone);
}

nb::object read_aware_datetime(std::string_view body) {
    if (body.size() < 12) unreadable();
    const auto micros = model::get_be<std::int64_t>(body, 0);
    const auto offset = model::get_be<std::int32_t>(body, 8);
    const nb::object wall = library().epoch + to_timedelta(micros + offset * micros_per_second);
    const nb::object zone = body.size() > 12 ? find_zone(body.substr(12)) : nb::object();
    if (zone.is_valid()) {
        for (const int fold : {0, 1}) {
            nb::object value =
                wall.attr("replace")(nb::arg("tzinfo") = zone, nb::arg("fold") = fold);
            if (whole_micros(value.attr("utcoffset")()) == offset * micros_per_second) return value;
        }
    }
    const nb::object instant = wall.attr("replace")(nb::arg("tzinfo") = fixed_zone(offset));
    // The zone's rules changed since: the instant stays, the wall time follows the new rules.
    return zone.is_valid() ? instant.attr("astimezone")(zone) : instant;
}

nb::object read_time(std::string_view body) {
    if (body.size() != 9 && body.size() != 13) unreadable();
    const auto micros = model::get_be<std::int64_t>(body, 0);
    const std::int64_t seconds = micros / micros_per_second;
    const nb::object zone =
        body.size() == 13 ? fixed_zone(model::get_be<std::int32_t>(body, 9)) : nb::none();
    return library().time(seconds / 3600, seconds / 60 % 60, seconds % 60,
                          micros % micros_per_second, zone,
                          nb::arg("fold") = static_cast<int>(body[8]));
}

nb::object read_timedelta(std::string_view body) {
    if (body.size() != 12) unreadable();
    return library().timedelta(model::get_be<std::int32_t>(body, 0),
                               model::get_be<std::int32_t>(body, 4),
                               model::get_be<std::int32_t>(body, 8));
}

nb::object read_big_integer(std::string_view body) {
    if (body.empty()) unreadable();
    const nb::handle type = reinterpret_cast<PyObject*>(&PyLong_Type);
    const nb::object magnitude =
        type.attr("from_bytes")(nb::bytes(body.data() + 1, body.size() - 1), "big");
    return body[0] == 1 ? -magnitude : magnitude;
}

nb::object read_wrapped(PyObject* (*convert)(PyObject*), std::string_view body, std::size_t depth) {
    const nb::object items = read_nested(body, depth);
    nb::object value = nb::steal(convert(items.ptr()));
    if (!value.is_valid()) throw nb::python_error();
    return value;
}

nb::object read_extension(std::int8_t type, std::string_view body, std::size_t depth) {
    switch (static_cast<Ext>(type)) {
    case Ext::naive_datetime:
        return read_naive_datetime(body);
    case Ext::aware_datetime:
        return read_aware_datetime(body);
    case Ext::date:
        if (body.size() != 4) unreadable();
        return library().date.attr("fromordinal")(model::get_be<std::int32_t>(body, 0) +
                                                  ordinal_of_1970);
    case Ext::uuid:
        if (body.size() != 16) unreadable();
        return library().uuid(nb::arg("bytes") = nb::bytes(body.data(), body.size()));
    case Ext::decimal:
        return library().decimal(read_text(body));
    case Ext::tuple:
        return read_wrapped(PySequence_Tuple, body, depth);
    case Ext::set:
        return read_wrapped(PySet_New, body, depth);
    case Ext::frozenset:
        return read_wrapped(PyFrozenSet_New, body, depth);
    case Ext::markup:
        return library().markup(read_text(body));
    case Ext::big_integer:
        return read_big_integer(body);
    case Ext::time:
        return read_time(body);
    case Ext::timedelta:
        return read_timedelta(body);
    }
    unreadable();
}

nb::object read_map(const msgpack::object_map& map, std::size_t depth) {
    nb::dict dict;
    for (std::uint32_t i = 0; i < map.size; ++i) {
        const nb::object key = read(map.ptr[i].key, depth);
        const nb::object value = read(map.ptr[i].val, depth);
        if (PyDict_SetItem(dict.ptr(), key.ptr(), value.ptr()) < 0) throw nb::python_error();
    }
    return dict;
}

/// `depth` = how many containers may still be opened here.
nb::object read(const msgpack::object& object, std::size_t depth) {
    switch (object.type) {
    case msgpack::type::NIL:
        return nb::none();
    case msgpack::type::BOOLEAN:
        return nb::bool_(object.via.boolean);
    case msgpack::type::POSITIVE_INTEGER:
        return nb::int_(object.via.u64);
    case msgpack::type::NEGATIVE_INTEGER:
        return nb::int_(object.via.i64);
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
        return nb::float_(object.via.f64);
    case msgpack::type::STR:
        return read_text({object.via.str.ptr, object.via.str.size});
    case msgpack::type::BIN:
        return nb::bytes(object.via.bin.ptr, object.via.bin.size);
    case msgpack::type::EXT:
        return read_extension(object.via.ext.type(), {object.via.ext.data(), object.via.ext.size},
                              depth);
    case msgpack::type::MAP:
        if (depth == 0) unreadable();
        return read_map(object.via.map, depth - 1);
    case msgpack::type::ARRAY: {
        if (depth == 0) unreadable();
        nb::list list;
        for (std::uint32_t i = 0; i < object.via.array.size; ++i) {
            list.append(read(object.via.array.ptr[i], depth - 1));
        }
        return list;
    }
    }
    unreadable();
}

}  // namespace

nb::object decode_object(std::string_view bytes, const SizeLimits& limits) {
    try {
        return read_nested(bytes, limits.depth_max);
    } catch (nb::python_error& error) {
        // A constructor refused what stands there: a date beyond the calendar, a list as a key.
        const bool refused = error.matches(PyExc_ValueError) || error.matches(PyExc_TypeError) ||
                             error.matches(PyExc_ArithmeticError);
        if (refused) unreadable();
        throw;
    }
}

}  // namespace vedfolnir::bind
