#include "codec_library.hpp"

namespace nb = nanobind;

namespace vedfolnir::bind {
namespace {

nb::handle keep(nb::object object) { return object.release(); }
nb::handle keep(const char* module, const char* name) {
    return keep(nb::module_::import_(module).attr(name));
}

Library looked_up() {
    Library found;
    found.datetime = keep("datetime", "datetime");
    found.date = keep("datetime", "date");
    found.time = keep("datetime", "time");
    found.timedelta = keep("datetime", "timedelta");
    found.timezone = keep("datetime", "timezone");
    found.utc = keep(found.timezone.attr("utc"));
    found.epoch = keep(found.datetime(1970, 1, 1));
    found.zone_info = keep("zoneinfo", "ZoneInfo");
    found.uuid = keep("uuid", "UUID");
    found.decimal = keep("decimal", "Decimal");
    found.markup = keep("markupsafe", "Markup");
    found.enumeration = keep("enum", "Enum");
    return found;
}

}  // namespace

const Library& library() {
    static const Library instance = looked_up();
    return instance;
}

std::int64_t whole_micros(nb::handle delta) {
    const auto days = nb::cast<std::int64_t>(delta.attr("days"));
    const auto seconds = nb::cast<std::int64_t>(delta.attr("seconds"));
    return (days * seconds_per_day + seconds) * micros_per_second +
           nb::cast<std::int64_t>(delta.attr("microseconds"));
}

}  // namespace vedfolnir::bind
