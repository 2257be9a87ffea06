# Options of the build, and the interface targets that carry them. Nothing here sets a global flag.

include(CMakeDependentOption)
include(GNUInstallDirs)

option(BUILD_SHARED_LIBS "Build libvedfolnir as a shared library" OFF)
option(VEDFOLNIR_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(VEDFOLNIR_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
option(VEDFOLNIR_BENCH "Build the benchmarks" OFF)
option(VEDFOLNIR_FAIL_POINTS "VEDFOLNIR_FAIL_POINT in the environment kills a process at a step: for tests" OFF)
option(VEDFOLNIR_PYTHON "Build the Python extension module" OFF)
option(VEDFOLNIR_CLI "Build the vedfolnir command" ${PROJECT_IS_TOP_LEVEL})
option(VEDFOLNIR_INSTALL "Create install rules" ${PROJECT_IS_TOP_LEVEL})
# Not with sanitizers: GCC 12 then warns about code of its own library.
option(VEDFOLNIR_WERROR "Treat warnings as errors" OFF)
set(VEDFOLNIR_SANITIZE "" CACHE STRING "address or thread")
set_property(CACHE VEDFOLNIR_SANITIZE PROPERTY STRINGS "" address thread)

# ccache, when it is there; paths below the checkout do not count, so that clones and build folders share hits.
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    find_program(VEDFOLNIR_CCACHE ccache)
    mark_as_advanced(VEDFOLNIR_CCACHE)
    if(VEDFOLNIR_CCACHE)
        set(settings "CCACHE_NOHASHDIR=1")
        if(NOT DEFINED ENV{CCACHE_BASEDIR})
            list(APPEND settings "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}")
        endif()
        set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env ${settings} "${VEDFOLNIR_CCACHE}")
    endif()
endif()

set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")

# How our own code is compiled. Never exported.
add_library(vedfolnir_options INTERFACE)
add_library(vedfolnir::options ALIAS vedfolnir_options)
target_compile_features(vedfolnir_options INTERFACE cxx_std_20)
target_compile_options(
    vedfolnir_options
    INTERFACE -Wall
              -Wextra
              -Wpedantic
              -Wconversion
              -Wshadow
              -Wnon-virtual-dtor
              -Woverloaded-virtual
              -Wextra-semi
              # Options are aggregates set by designated initialisers; what is left out has its default.
              -Wno-missing-field-initializers
              # GCC 12 takes Asio's pair of frame allocators for a mismatch in optimised coroutines.
              $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>
              $<$<BOOL:${VEDFOLNIR_WERROR}>:-Werror>)

# Sanitizers: the address preset adds UBSan to pure layers only (vedfolnir_ubsan), because it doubles the
# compile time of coroutine code for little.
add_library(vedfolnir_ubsan INTERFACE)
if(VEDFOLNIR_SANITIZE)
    target_compile_options(vedfolnir_options INTERFACE -fsanitize=${VEDFOLNIR_SANITIZE})
    target_link_options(vedfolnir_options INTERFACE -fsanitize=${VEDFOLNIR_SANITIZE})
endif()
if(VEDFOLNIR_SANITIZE STREQUAL "address")
    target_compile_options(vedfolnir_ubsan INTERFACE -fsanitize=undefined -fno-sanitize-recover=undefined)
    target_link_options(vedfolnir_options INTERFACE -fsanitize=undefined)
endif()
if(VEDFOLNIR_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 warns about the fences inside Asio.
    target_compile_options(vedfolnir_options INTERFACE -Wno-tsan)
endif()
if(VEDFOLNIR_FUZZ)
    target_compile_options(vedfolnir_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
