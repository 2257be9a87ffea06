# Files compiled into a target, byte for byte.
#
#   vedfolnir_embed(TARGET <target> HEADER <path> NAMESPACE <a::b> ROOT <folder> FILES <file>...)
#
# The target may then write `#include "<HEADER>"` and finds in NAMESPACE
#   struct File { std::string_view path; std::string_view bytes; };      // path: relative to ROOT
#   std::span<const File> files() noexcept;                              // sorted by path

set(VEDFOLNIR_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/EmbedScript.cmake")

function(vedfolnir_embed)
    cmake_parse_arguments(ARG "" "TARGET;HEADER;NAMESPACE;ROOT" "FILES" ${ARGN})
    if(NOT TARGET ${ARG_TARGET} OR NOT ARG_FILES)
        return()
    endif()
    list(SORT ARG_FILES)
    set(root "${CMAKE_BINARY_DIR}/vedfolnir-embedded/${ARG_TARGET}")
    set(header "${root}/${ARG_HEADER}")
    string(REGEX REPLACE "\\.hpp$" ".cpp" source "${header}")
    list(JOIN ARG_FILES "|" files)
    add_custom_command(
        OUTPUT "${header}" "${source}"
        COMMAND "${CMAKE_COMMAND}" "-DHEADER=${header}" "-DSOURCE=${source}" "-DINCLUDE=${ARG_HEADER}"
                "-DNAMESPACE=${ARG_NAMESPACE}" "-DROOT=${ARG_ROOT}" "-DFILES=${files}" -P
                "${VEDFOLNIR_EMBED_SCRIPT}"
        DEPENDS ${ARG_FILES} "${VEDFOLNIR_EMBED_SCRIPT}"
        COMMENT "Embedding ${ARG_HEADER}"
        VERBATIM)
    target_sources(${ARG_TARGET} PRIVATE "${source}" "${header}")
    target_include_directories(${ARG_TARGET} PRIVATE "${root}")
endfunction()
