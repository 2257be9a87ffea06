# Layers: one folder of src/ is one static library, and a wrong include between layers does not build.
#
#   vedfolnir_layer(NAME <layer> [PURE] [DEPENDS <layer>...] [LIBRARIES <target>...])
#
# Every layer has an include root of its own that holds nothing but the folder's name, so `#include "redis/x.hpp"`
# is found only by layers that list `redis` in DEPENDS. Nothing is inherited: a layer that includes headers of
# `model` lists `model`, even if another of its dependencies uses it too.
# A folder that does not exist yet, or has no sources, is skipped, and so is every mention of it.

# At the top of the build tree, also when this is a subdirectory of another project: the paths compilers see are the
# same either way, and ccache shares its hits.
set(VEDFOLNIR_LAYER_ROOTS "${CMAKE_BINARY_DIR}/vedfolnir-layers")
define_property(GLOBAL PROPERTY VEDFOLNIR_LAYERS BRIEF_DOCS "Layers that exist, in order of declaration")

function(vedfolnir_layer)
    cmake_parse_arguments(ARG "PURE" "NAME" "DEPENDS;LIBRARIES" ${ARGN})
    set(folder "${PROJECT_SOURCE_DIR}/src/${ARG_NAME}")
    set(target "vedfolnir_${ARG_NAME}")
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.cpp")
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${folder}/*.hpp")
    if(NOT sources AND NOT headers)
        return()
    endif()

    set(root "${VEDFOLNIR_LAYER_ROOTS}/${ARG_NAME}")
    file(MAKE_DIRECTORY "${root}")
    file(CREATE_LINK "${folder}" "${root}/${ARG_NAME}" SYMBOLIC)

    set(dependencies "")
    foreach(layer IN LISTS ARG_DEPENDS)
        if(TARGET vedfolnir_${layer})
            list(APPEND dependencies vedfolnir::${layer})
        endif()
    endforeach()

    if(sources)
        add_library(${target} STATIC ${sources} ${headers})
        target_include_directories(${target} PUBLIC "$<BUILD_INTERFACE:${root}>")
        target_link_libraries(
            ${target}
            PUBLIC vedfolnir::api
            PRIVATE vedfolnir::options ${dependencies} fmt::fmt ${ARG_LIBRARIES}
                    $<$<BOOL:${ARG_PURE}>:vedfolnir_ubsan>)
        set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    else()
        add_library(${target} INTERFACE)
        target_include_directories(${target} INTERFACE "$<BUILD_INTERFACE:${root}>")
        target_link_libraries(${target} INTERFACE vedfolnir::api)
    endif()
    add_library(vedfolnir::${ARG_NAME} ALIAS ${target})
    set_property(GLOBAL APPEND PROPERTY VEDFOLNIR_LAYERS ${ARG_NAME})
endfunction()

# Links those of the named layers that exist: vedfolnir_use(<target> <layer>...).
function(vedfolnir_use target)
    foreach(layer IN LISTS ARGN)
        if(TARGET vedfolnir_${layer})
            target_link_libraries(${target} PRIVATE vedfolnir::${layer})
        endif()
    endforeach()
    target_link_libraries(${target} PRIVATE vedfolnir::api vedfolnir::options fmt::fmt)
endfunction()
