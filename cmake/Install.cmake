# cmake --install: the headers, libvedfolnir, the command, and the configuration find_package(vedfolnir) reads.

include(CMakePackageConfigHelpers)

set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/vedfolnir")

install(
    TARGETS vedfolnir vedfolnir_api
    EXPORT vedfolnirTargets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT vedfolnirTargets NAMESPACE vedfolnir:: DESTINATION "${config_dir}")

if(TARGET vedfolnir_cli)
    install(TARGETS vedfolnir_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

configure_package_config_file(
    "${CMAKE_CURRENT_LIST_DIR}/vedfolnirConfig.cmake.in" "${PROJECT_BINARY_DIR}/vedfolnirConfig.cmake"
    INSTALL_DESTINATION "${config_dir}")
# Before 1.0 a minor version may break the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/vedfolnirConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/vedfolnirConfig.cmake" "${PROJECT_BINARY_DIR}/vedfolnirConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/FindVedfolnirBoost.cmake" "${CMAKE_CURRENT_LIST_DIR}/PlainLibrary.cmake"
        DESTINATION "${config_dir}")
