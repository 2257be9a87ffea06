// vedfolnir version
#include "commands/commands.hpp"
#include "redis/library.hpp"

#include <boost/version.hpp>
#include <fmt/format.h>

namespace vedfolnir::cli {
namespace {

ExitCode version(const Context& context) {
    const auto boost = fmt::format("{}.{}.{}", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000,
                                   BOOST_VERSION % 100);
    if (context.console.json) {
        context.console.print(boost::json::object{{"version", VEDFOLNIR_VERSION},
                                                  {"redis_library", redis::library_version},
                                                  {"boost", boost},
                                                  {"compiler", __VERSION__}});
    } else {
        context.console.print(
            fmt::format("vedfolnir {} (function library {}, Boost {}, compiler {})",
                        VEDFOLNIR_VERSION, redis::library_version, boost, __VERSION__));
    }
    return ExitCode::ok;
}

}  // namespace

void add_version(CLI::App& app, Chosen& chosen) {
    app.add_subcommand("version", "Version of this program")->callback([&chosen] {
        chosen.action = [](Context& context) { return version(context); };
    });
}

}  // namespace vedfolnir::cli
