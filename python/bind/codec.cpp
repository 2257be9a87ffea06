#include "codec.hpp"

#include "errors.hpp"
#include "model/bytes.hpp"
#include "model/codec.hpp"

#include <nanobind/stl/string.h>

#include <cstdint>
#include <string>
#include <vector>

namespace nb = nanobind;

namespace vedfolnir::bind {
namespace {

using model::Encoder;
using model::Ext;

constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t seconds_per_day = 86'400;
constexpr long ordinal_of_1970 = 719'163;  // datetime.date(1970, 1, 1).toordinal()

/// Classes and constants of the standard library, looked up once per process. Never released: they live as long as
/// the interpreter.
struct Library {
    nb::handle datetime = keep("datetime", "datetime");
    nb::handle date = keep("datetime", "date");
    nb::handle time = keep("datetime", "time");
    nb::handle timedelta = keep("datetime", "timedelta");
    nb::handle timezone = keep("datetime", "timezone");
    nb::handle utc = keep(timezone.attr("utc"));
    nb::handle epoch = keep(datetime(1970, 1, 1));
    nb::handle zone_info = keep("zoneinfo", "ZoneInfo");
    nb::handle uuid = keep("uuid", "UUID");
    nb::handle decimal = keep("decimal", "Decimal");
    nb::handle markup = keep("markupsafe", "Markup");
    nb::handle enumeration = keep("enum", "Enum");

    static nb::handle keep(nb::object object) { return object.release(); }
    static nb::handle keep(const char* module, const char* name) {
        return keep(nb::module_::import_(module).attr(name));
    }
};

const Library& library() {
    static const Library instance;
    return instance;
}

bool is_instance(nb::handle object, nb::handle type) {
    const int answer = PyObject_IsInstance(object.ptr(), type.ptr());
    if (answer < 0) throw nb::python_error();
    return answer == 1;
}

std::string class_name(nb::handle object) {
    const nb::handle type = reinterpret_cast<PyObject*>(Py_TYPE(object.ptr()));
    const std::string name = nb::cast<std::string>(nb::str(type.attr("__qualname__")));
    const std::string module = nb::cast<std::string>(nb::str(type.attr("__module__")));
    return module == "builtins" || module == "__main__" ? name : module + "." + name;
}

std::int64_t whole_micros(nb::handle delta) {
    const auto days = nb::cast<std::int64_t>(delta.attr("days"));
    const auto seconds = nb::cast<std::int64_t>(delta.attr("seconds"));
    return (days * seconds_per_day + seconds) * micros_per_second +
           nb::cast<std::int64_t>(delta.attr("microseconds"));
}

nb::object to_timedelta(std::int64_t micros) {
    const std::int64_t seconds = micros / micros_per_second;
    return library().timedelta(seconds / seconds_per_day, seconds % seconds_per_day,
                               micros % micros_per_second);
}

/// Where in the value the walk stands; spelled only when something is refused.
struct Path {
    const Path* parent = nullptr;
    nb::handle key;  ///< Of a dict; null inside a list, tuple or set.
    Py_ssize_t index = -1;

    [[nodiscard]] std::string text() const {
        if (parent == nullptr) return {};
        std::string step = "{...}";
        if (key.is_valid()) {
            nb::object spelled = nb::steal(PyObject_Repr(key.ptr()));
            if (!spelled.is_valid())
                PyErr_Clear();  // A key that cannot be spelled is shown as {...}.
            if (spelled.is_valid()) step = "[" + nb::cast<std::string>(spelled) + "]";
        } else if (index >= 0) {
            step = "[" + std::to_string(index) + "]";
        }
        return parent->text() + step;
    }
};

/// Walks one value. Depth-first, with the containers on the way kept for finding cycles.
class Walker {
public:
    Walker(std::string_view key, const SizeLimits& limits) : key_(key), limits_(limits) {}

    void write(Encoder& encoder, nb::handle value, const Path& path) {
        if (write_exact(encoder, value, path)) return;
        if (write_library_type(encoder, value, path)) return;
        if (write_subclass(encoder, value, path)) return;
        refuse(path, "cannot store " + class_name(value));
    }

private:
    [[noreturn]] void refuse(const Path& path, const std::string& why) const {
        const std::string key = nb::cast<std::string>(nb::repr(nb::str(key_.data(), key_.size())));
        raise_bad_value("session[" + key + "]" + path.text() + ": " + why);
    }

    bool write_exact(Encoder& encoder, nb::handle value, const Path& path) {
        PyObject* object = value.ptr();
        if (object == Py_None) return encoder.nil(), true;
        if (PyBool_Check(object)) return encoder.boolean(object == Py_True), true;
        if (PyUnicode_CheckExact(object)) return write_text(encoder, object, path), true;
        if (PyLong_CheckExact(object)) return write_integer(encoder, value), true;
        if (PyFloat_CheckExact(object)) return encoder.real(PyFloat_AsDouble(object)), true;
        if (PyBytes_CheckExact(object)) return write_binary(encoder, object), true;
        if (PyDict_CheckExact(object)) return write_dict(encoder, value, path), true;
        if (PyList_CheckExact(object)) return write_list(encoder, value, path), true;
        if (PyTuple_CheckExact(object)) return write_tuple(encoder, value, path), true;
        if (PyAnySet_CheckExact(object)) return write_set(encoder, value, path), true;
        return false;
    }

    /// Types of the standard library, and anything that renders itself as HTML.
    bool write_library_type(Encoder& encoder, nb::handle value, const Path& path) {
        const Library& types = library();
        if (PyType_Check(value.ptr())) return false;
        if (is_instance(value, types.datetime)) return write_datetime(encoder, value, path), true;
        if (is_instance(value, types.date)) return write_date(encoder, value), true;
        if (is_instance(value, types.time)) return write_time(encoder, value, path), true;
        if (is_instance(value, types.timedelta)) return write_timedelta(encoder, value), true;
        if (is_instance(value, types.uuid)) return write_uuid(encoder, value), true;
        if (is_instance(value, types.decimal)) {
            encoder.extension(Ext::decimal, nb::cast<std::string>(nb::str(value)));
            return true;
        }
        if (is_instance(value, types.enumeration)) return false;
        if (nb::hasattr(value, "__html__")) {
            const nb::object html = value.attr("__html__")();
            encoder.extension(Ext::markup, text_of(nb::str(html).ptr(), path));
            return true;
        }
        return false;
    }

    /// Subclasses of the basic types lose their class: they are stored as what they are built on.
    bool write_subclass(Encoder& encoder, nb::handle value, const Path& path) {
        PyObject* object = value.ptr();
        if (is_instance(value, library().enumeration)) return false;
        if (PyUnicode_Check(object)) return write_text(encoder, object, path), true;
        if (PyLong_Check(object)) return write_integer(encoder, value), true;
        if (PyFloat_Check(object)) return encoder.real(PyFloat_AsDouble(object)), true;
        if (PyBytes_Check(object)) return write_binary(encoder, object), true;
        if (PyDict_Check(object)) return write_dict(encoder, value, path), true;
        if (PyList_Check(object)) return write_list(encoder, value, path), true;
        if (PyTuple_Check(object)) return write_tuple(encoder, value, path), true;
        if (PyAnySet_Check(object)) return write_set(encoder, value, path), true;
        return false;
    }

    [[nodiscard]] std::string_view text_of(PyObject* object, const Path& path) const {
        Py_ssize_t size = 0;
        const char* text = PyUnicode_AsUTF8AndSize(object, &size);
        if (text == nullptr) {
            PyErr_Clear();
            refuse(path, "cannot store str with a lone surrogate");
        }
        return {text, static_cast<std::size_t>(size)};
    }

    void write_text(Encoder& encoder, PyObject* object, const Path& path) const {
        encoder.text(text_of(object, path));
    }

    static void write_binary(Encoder& encoder, PyObject* object) {
        char* data = nullptr;
        Py_ssize_t size = 0;
        if (PyBytes_AsStringAndSize(object, &data, &size) < 0) throw nb::python_error();
        encoder.binary({data, static_cast<std::size_t>(size)});
    }

    static void write_integer(Encoder& encoder, nb::handle value) {
        int overflow = 0;
        const long long small = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
        if (overflow == 0) {
            if (small == -1 && PyErr_Occurred() != nullptr) throw nb::python_error();
            encoder.integer(small);
            return;
        }
        if (overflow > 0) {
            const unsigned long long large = PyLong_AsUnsignedLongLong(value.ptr());
            if (PyErr_Occurred() == nullptr) {
                encoder.unsigned_integer(large);
                return;
            }
            PyErr_Clear();  // Beyond 64 bits as well.
        }
        const nb::object magnitude = nb::steal(PyNumber_Absolute(value.ptr()));
        if (!magnitude.is_valid()) throw nb::python_error();
        const auto bits = nb::cast<std::size_t>(magnitude.attr("bit_length")());
        const nb::bytes bytes =
            nb::cast<nb::bytes>(magnitude.attr("to_bytes")((bits + 7) / 8, "big"));
        encoder.big_integer(overflow < 0, model::as_bytes({bytes.c_str(), bytes.size()}));
    }

    // Containers. Each holds a reference to its element during the step: `__html__` and time zones run foreign code.

    void write_list(Encoder& encoder, nb::handle list, const Path& path) {
        const nb::object items = nb::steal(PyList_AsTuple(list.ptr()));
        if (!items.is_valid()) throw nb::python_error();
        enter(list, encoder.begin_array(count_of(items)), path);
        write_items(encoder, items, path);
        leave(encoder);
    }

    void write_tuple(Encoder& encoder, nb::handle tuple, const Path& path) {
        enter(tuple, encoder.begin_wrapped_array(Ext::tuple, count_of(tuple)), path);
        write_items(encoder, tuple, path);
        leave(encoder);
    }

    void write_items(Encoder& encoder, nb::handle items, const Path& path) {
        for (Py_ssize_t i = 0; i < PyTuple_Size(items.ptr()); ++i) {
            write(encoder, PyTuple_GetItem(items.ptr(), i), Path{&path, {}, i});
        }
    }

    void write_dict(Encoder& encoder, nb::handle dict, const Path& path) {
        const nb::object items = nb::steal(PyDict_Items(dict.ptr()));
        if (!items.is_valid()) throw nb::python_error();
        enter(dict, encoder.begin_map(static_cast<std::uint32_t>(PyList_Size(items.ptr()))), path);
        for (Py_ssize_t i = 0; i < PyList_Size(items.ptr()); ++i) {
            PyObject* entry = PyList_GetItem(items.ptr(), i);
            const nb::handle key = PyTuple_GetItem(entry, 0);
            const Path step{&path, key, -1};
            write(encoder, key, step);
            write(encoder, PyTuple_GetItem(entry, 1), step);
        }
        leave(encoder);
    }

    /// Elements are encoded one by one, so that equal sets have equal bytes.
    void write_set(Encoder& encoder, nb::handle set, const Path& path) {
        const nb::object items = nb::steal(PySequence_Tuple(set.ptr()));
        if (!items.is_valid()) throw nb::python_error();
        const Ext type = PyFrozenSet_Check(set.ptr()) != 0 ? Ext::frozenset : Ext::set;
        enter(set, encoder.depth_left() > 0, path);
        std::vector<std::string> elements;
        for (Py_ssize_t i = 0; i < PyTuple_Size(items.ptr()); ++i) {
            Encoder element(encoder.depth_left() - 1);
            write(element, PyTuple_GetItem(items.ptr(), i), Path{&path, {}, -1});
            elements.push_back(element.take());
        }
        encoder.encoded_set(type, std::move(elements));
        open_.pop_back();
    }

    static std::uint32_t count_of(nb::handle tuple) {
        return static_cast<std::uint32_t>(PyTuple_Size(tuple.ptr()));
    }

    void enter(nb::handle container, bool depth_permits, const Path& path) {
        for (const nb::handle open : open_) {
            if (open.is(container))
                refuse(path, "cannot store a " + class_name(container) + " that contains itself");
        }
        if (!depth_permits) {
            refuse(path, "nests deeper than " + std::to_string(limits_.depth_max) + " levels");
        }
        open_.push_back(container);
    }

    void leave(Encoder& encoder) {
        encoder.end();
        open_.pop_back();
    }

    // Times.

    void write_datetime(Encoder& encoder, nb::handle value, const Path& path) const {
        const Library& types = library();
        const nb::object offset = value.attr("utcoffset")();
        const nb::object wall = value.attr("replace")(nb::arg("tzinfo") = nb::none());
        const std::int64_t micros = whole_micros(wall - types.epoch);
        std::string body;
        if (offset.is_none()) {
            model::append_be(body, micros);
            if (nb::cast<int>(value.attr("fold")) == 1) body.push_back('\1');
            encoder.extension(Ext::naive_datetime, body);
            return;
        }
        const std::int32_t seconds = offset_seconds(offset, path);
        model::append_be(body, micros - seconds * micros_per_second);
        model::append_be(body, seconds);
        const nb::object zone = value.attr("tzinfo");
        if (is_instance(zone, types.zone_info)) {
            const nb::object key = zone.attr("key");
            if (!key.is_none()) body += nb::cast<std::string>(key);
        }
        encoder.extension(Ext::aware_datetime, body);
    }

    [[nodiscard]] std::int32_t offset_seconds(nb::handle offset, const Path& path) const {
        const std::int64_t micros = whole_micros(offset);
        if (micros % micros_per_second != 0)
            refuse(path, "cannot store a UTC offset with fractions of a second");
        return static_cast<std::int32_t>(micros / micros_per_second);
    }

    static void write_date(Encoder& encoder, nb::handle value) {
        std::string body;
        const auto ordinal = nb::cast<long>(value.attr("toordinal")());
        model::append_be(body, static_cast<std::int32_t>(ordinal - ordinal_of_1970));
        encoder.extension(Ext::date, body);
    }

    void write_time(Encoder& encoder, nb::handle value, const Path& path) const {
        const auto part = [&](const char* name) {
            return nb::cast<std::int64_t>(value.attr(name));
        };
        const std::int64_t seconds = (part("hour") * 60 + part("minute")) * 60 + part("second");
        std::string body;
        model::append_be(body, seconds * micros_per_second + part("microsecond"));
        body.push_back(static_cast<char>(part("fold")));
        if (!value.attr("tzinfo").is_none()) {
            const nb::object offset = value.attr("utcoffset")();
            if (offset.is_none())
                refuse(path, "cannot store a time whose offset depends on the date");
            model::append_be(body, offset_seconds(offset, path));
        }
        encoder.extension(Ext::time, body);
    }

    static void write_timedelta(Encoder& encoder, nb::handle value) {
        std::string body;
        for (const char* part : {"days", "seconds", "microseconds"}) {
            model::append_be(body, nb::cast<std::int32_t>(value.attr(part)));
        }
        encoder.extension(Ext::timedelta, body);
    }

    static void write_uuid(Encoder& encoder, nb::handle value) {
        const nb::bytes bytes = nb::cast<nb::bytes>(value.attr("bytes"));
        encoder.extension(Ext::uuid, {bytes.c_str(), bytes.size()});
    }

    std::string_view key_;
    const SizeLimits& limits_;
    std::vector<nb::handle> open_;
};

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

std::string encode_object(nb::handle value, std::string_view key, const SizeLimits& limits) {
    Encoder encoder(limits.depth_max);
    Walker(key, limits).write(encoder, value, Path{});
    return encoder.take();
}

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
