// What to say about arguments that make no sense.
#pragma once

#include "console.hpp"

#include <CLI/App.hpp>

namespace vedfolnir::cli {

/// Reports what is wrong: a word that stands where a subcommand should is named, with the nearest one that exists.
ExitCode report_wrong_usage(const CLI::App& app, const CLI::ParseError& error,
                            const Console& console);

}  // namespace vedfolnir::cli
