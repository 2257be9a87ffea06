#include "exit_code.hpp"

namespace vedfolnir::cli {

ExitCode exit_code_of(Errc code) noexcept {
    switch (code) {
    case Errc::store_unavailable:
    case Errc::deadline_exceeded:
    case Errc::audit_unavailable:
    case Errc::not_installed:
        return ExitCode::unavailable;
    case Errc::bad_options:
    case Errc::key_unavailable:
    case Errc::unsupported:
        return ExitCode::usage;
    default:
        return ExitCode::failed;
    }
}

}  // namespace vedfolnir::cli
