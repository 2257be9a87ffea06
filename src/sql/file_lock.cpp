#include "sql/file_lock.hpp"

#include "sql/failure.hpp"

#include <memory>
#include <utility>

namespace vedfolnir::sql {
namespace {

template <class T>
T or_throw(Result<T> result) {
    if (!result) throw Failure(result.error());
    return std::move(*result);
}

}  // namespace

FileLock::FileLock(const std::string& database_path)
    : turn_(or_throw(runtime::PrivateFile::open(database_path + "-turn"))),
      next_(or_throw(runtime::PrivateFile::open(database_path + "-next"))) {}

bool FileLock::acquire(Deadline deadline) {
    if (!or_throw(next_.lock(deadline))) return false;
    const std::unique_ptr<runtime::PrivateFile, void (*)(runtime::PrivateFile*)> at_the_front(
        &next_, [](runtime::PrivateFile* next) { next->unlock(); });
    return or_throw(turn_.lock(deadline));
}

void FileLock::release() noexcept { turn_.unlock(); }

}  // namespace vedfolnir::sql
