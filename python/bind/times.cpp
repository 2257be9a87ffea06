#include "times.hpp"

namespace nb = nanobind;

namespace vedfolnir::bind {
namespace {

/// Looked up once per process and never released: they live as long as the interpreter.
struct Clockwork {
    nb::handle module = nb::module_::import_("datetime").release();
    nb::handle timedelta = nb::object(module.attr("timedelta")).release();
    nb::handle epoch = make_epoch(module).release();

    static nb::object make_epoch(nb::handle module) {
        const nb::object utc = module.attr("timezone").attr("utc");
        return module.attr("datetime")(1970, 1, 1, nb::arg("tzinfo") = utc);
    }
};

const Clockwork& clockwork() {
    static const Clockwork instance;
    return instance;
}

}  // namespace

nb::object to_datetime(TimePoint time) {
    return clockwork().epoch +
           clockwork().timedelta(nb::arg("milliseconds") = time.time_since_epoch().count());
}

TimePoint from_datetime(nb::handle datetime) {
    if (datetime.attr("utcoffset")().is_none())
        throw nb::value_error("an aware datetime is needed");
    const nb::object delta = datetime - clockwork().epoch;
    const nb::object milliseconds =
        delta.attr("__floordiv__")(clockwork().timedelta(nb::arg("milliseconds") = 1));
    return TimePoint(Millis(nb::cast<std::int64_t>(milliseconds)));
}

}  // namespace vedfolnir::bind
