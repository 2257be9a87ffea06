# Third-party libraries, each found once. docs/dependencies.md says what each is for.

include(PlainLibrary)

find_package(VedfolnirBoost REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)

# msgpack's own configuration would bring Boost 1.74 along.
vedfolnir_plain_library(Vedfolnir::Msgpack msgpack.hpp)
vedfolnir_plain_library(
    Vedfolnir::Soci soci/soci.h soci_core soci_sqlite3 soci_postgresql soci_mysql sqlite3)
vedfolnir_plain_library(Vedfolnir::Libpq libpq-fe.h pq)
vedfolnir_plain_library(Vedfolnir::Libmariadb mysql.h mariadb)
vedfolnir_plain_library(Vedfolnir::Zstd zstd.h zstd)
vedfolnir_plain_library(Vedfolnir::Toml toml++/toml.h)
vedfolnir_plain_library(Vedfolnir::Prometheus prometheus/text_serializer.h prometheus-cpp-core)
if(VEDFOLNIR_CLI)
    vedfolnir_plain_library(Vedfolnir::Cli11 CLI/CLI.hpp)
endif()

# Boost.JSON is used without its library: its sources are compiled here, once.
# (Boost.URL has no such form since 1.90 and is not used.)
add_library(vedfolnir_boost_json STATIC "${CMAKE_CURRENT_LIST_DIR}/boost_json.cpp")
add_library(vedfolnir::boost_json ALIAS vedfolnir_boost_json)
target_link_libraries(vedfolnir_boost_json PUBLIC Vedfolnir::Boost)
target_compile_features(vedfolnir_boost_json PUBLIC cxx_std_20)
set_target_properties(vedfolnir_boost_json PROPERTIES POSITION_INDEPENDENT_CODE ON)
