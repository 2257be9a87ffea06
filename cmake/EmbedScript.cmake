# Writes HEADER and SOURCE from FILES (separated by |). Run by vedfolnir_embed.
cmake_policy(VERSION 3.25)

string(REPLACE "|" ";" files "${FILES}")
set(arrays "")
set(entries "")
set(number 0)
foreach(file IN LISTS files)
    file(READ "${file}" hex HEX)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
    # A line holds 15 bytes of 7 characters each.
    string(REGEX REPLACE "(.........................................................................................................)" "\\1\n" bytes "${bytes}")
    file(RELATIVE_PATH path "${ROOT}" "${file}")
    # The closing zero is not part of the file; it keeps an empty file a valid array.
    string(APPEND arrays "constexpr char file_${number}[] = {\n${bytes}0};\n")
    string(APPEND entries "    File{\"${path}\", {file_${number}, sizeof(file_${number}) - 1}},\n")
    math(EXPR number "${number} + 1")
endforeach()

file(WRITE "${HEADER}" "// Generated from the files it names. Do not edit.
#pragma once

#include <span>
#include <string_view>

namespace ${NAMESPACE} {

struct File {
    std::string_view path;
    std::string_view bytes;
};

/// All embedded files, sorted by path.
[[nodiscard]] std::span<const File> files() noexcept;

}  // namespace ${NAMESPACE}
")
file(WRITE "${SOURCE}" "// Generated from the files it names. Do not edit.
#include \"${INCLUDE}\"

namespace ${NAMESPACE} {
namespace {

${arrays}
constexpr File all[] = {
${entries}};

}  // namespace

std::span<const File> files() noexcept { return all; }

}  // namespace ${NAMESPACE}
")
