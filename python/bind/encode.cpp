// Python values into the bytes of docs/internals/payload.md.
#include "codec.hpp"
#include "codec_library.hpp"
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

}  // namespace

std::string encode_object(nb::handle value, std::string_view key, const SizeLimits& limits) {
    Encoder encoder(limits.depth_max);
    Walker(key, limits).write(encoder, value, Path{});
    return encoder.take();
}

}  // namespace vedfolnir::bind
