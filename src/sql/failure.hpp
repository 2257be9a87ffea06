// How blocking SQL code fails: an exception that carries the Error. It never leaves the thread that
// runs the call. Header-only: three lines of code.
#pragma once

#include "vedfolnir/error.hpp"

#include <exception>
#include <string>
#include <utility>

namespace vedfolnir::sql {

class Failure final : public std::exception {
public:
    Failure(Errc code, std::string detail) : error_(code, std::move(detail)) {}

    explicit Failure(Error error) : error_(std::move(error)) {}

    [[nodiscard]] const Error& error() const noexcept { return error_; }
    [[nodiscard]] const char* what() const noexcept override { return error_.detail.c_str(); }

private:
    Error error_;
};

}  // namespace vedfolnir::sql
