# Boost headers, 1.90 or newer. Defines the target Vedfolnir::Boost.
#
# Looked for, in this order: -DVEDFOLNIR_BOOST_INCLUDE_DIR=..., the system, the Python environment of the build
# (the wheel `cmeel-boost` carries the headers). The include path is a -isystem path, so it precedes /usr/include,
# where msgpack's package may have put an older Boost.

set(_minimum 109000)

function(_vedfolnir_boost_version directory result)
    set(version 0)
    if(EXISTS "${directory}/boost/version.hpp")
        file(STRINGS "${directory}/boost/version.hpp" line REGEX "^#define BOOST_VERSION [0-9]+")
        string(REGEX MATCH "[0-9]+" version "${line}")
    endif()
    set(${result} "${version}" PARENT_SCOPE)
endfunction()

# Every directory of sys.path may hold cmeel.prefix/include.
function(_vedfolnir_python_includes result)
    set(found "")
    foreach(
        python IN
        ITEMS "${VEDFOLNIR_BOOST_PYTHON}" "${Python_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/.venv/bin/python"
              "$ENV{VIRTUAL_ENV}/bin/python" "python3")
        if(python STREQUAL "" OR python STREQUAL "/bin/python")
            continue()
        endif()
        execute_process(
            COMMAND "${python}" -c "import sys; print('\\n'.join(p + '/cmeel.prefix/include' for p in sys.path if p))"
            OUTPUT_VARIABLE lines
            ERROR_QUIET
            RESULT_VARIABLE failed)
        if(NOT failed)
            string(REPLACE "\n" ";" lines "${lines}")
            list(APPEND found ${lines})
        endif()
    endforeach()
    set(${result} "${found}" PARENT_SCOPE)
endfunction()

set(_seen "")
if(NOT VEDFOLNIR_BOOST_INCLUDE_DIR)
    _vedfolnir_python_includes(_candidates)
    foreach(_directory IN ITEMS "$ENV{BOOST_ROOT}/include" "/usr/local/include" "/usr/include" LISTS _candidates)
        _vedfolnir_boost_version("${_directory}" _version)
        if(_version GREATER_EQUAL _minimum)
            set(VEDFOLNIR_BOOST_INCLUDE_DIR
                "${_directory}"
                CACHE PATH "Directory that holds boost/version.hpp of Boost 1.90 or newer")
            break()
        elseif(_version GREATER 0)
            list(APPEND _seen "${_directory} (${_version})")
        endif()
    endforeach()
endif()

_vedfolnir_boost_version("${VEDFOLNIR_BOOST_INCLUDE_DIR}" VedfolnirBoost_VERSION)
if(VedfolnirBoost_VERSION GREATER_EQUAL _minimum)
    set(VedfolnirBoost_FOUND TRUE)
    if(NOT TARGET Vedfolnir::Boost)
        add_library(Vedfolnir::Boost INTERFACE IMPORTED)
        set_target_properties(Vedfolnir::Boost PROPERTIES IMPORTED_GLOBAL TRUE)
        target_include_directories(Vedfolnir::Boost SYSTEM INTERFACE "${VEDFOLNIR_BOOST_INCLUDE_DIR}")
        # msgpack must not pull its own Boost in. Boost.System and the rest are used without their libraries.
        target_compile_definitions(Vedfolnir::Boost INTERFACE MSGPACK_NO_BOOST BOOST_ALL_NO_LIB)
    endif()
else()
    set(VedfolnirBoost_FOUND FALSE)
    list(JOIN _seen ", " _seen)
    if(_seen)
        string(PREPEND _seen " Found instead: ")
        string(APPEND _seen ".")
    endif()
    set(VedfolnirBoost_NOT_FOUND_MESSAGE
        "Boost 1.90 or newer (headers) is missing.${_seen}\n\
Fix it in one of these ways:\n\
  ./x build                                        (sets up .venv with the headers)\n\
  python3 -m pip install --no-deps 'cmeel-boost==1.90.*'\n\
  cmake -DVEDFOLNIR_BOOST_INCLUDE_DIR=<directory that holds boost/version.hpp> ...")
    if(VedfolnirBoost_FIND_REQUIRED)
        message(FATAL_ERROR "${VedfolnirBoost_NOT_FOUND_MESSAGE}")
    endif()
endif()
