# C++ tests: one executable per name, registered in ctest under its label.
#
#   vedfolnir_test(NAME <name> LABEL unit|conformance|integration SOURCES <file>... [LAYERS <layer>...])
#
# Results go to <build>/results/<name>.xml, where ./x counts the cases.

if(VEDFOLNIR_TESTS)
    find_package(GTest REQUIRED)
endif()

function(vedfolnir_test)
    cmake_parse_arguments(ARG "" "NAME;LABEL" "SOURCES;LAYERS" ${ARGN})
    add_executable(${ARG_NAME} ${ARG_SOURCES})
    vedfolnir_use(${ARG_NAME} ${ARG_LAYERS})
    target_link_libraries(${ARG_NAME} PRIVATE vedfolnir_test_support GTest::gmock GTest::gtest_main)
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME})
    set_tests_properties(
        ${ARG_NAME}
        PROPERTIES LABELS "${ARG_LABEL}"
                   TIMEOUT 600
                   ENVIRONMENT "GTEST_OUTPUT=xml:${PROJECT_BINARY_DIR}/results/${ARG_NAME}.xml")
endfunction()
