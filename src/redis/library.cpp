#include "redis/library.hpp"

#include "storage/redis_files.hpp"

namespace vedfolnir::redis {
namespace {

std::string join() {
    std::string source = "#!lua name=vedfolnir\n";
    for (const bool shared : {true, false}) {
        for (const storage::File& file : storage::files()) {
            if (file.path.starts_with("includes/") == shared) source += file.bytes;
        }
    }
    return source;
}

}  // namespace

const std::string& library_source() {
    static const std::string source = join();
    return source;
}

}  // namespace vedfolnir::redis
