# SPDX-License-Identifier: BSD-2-Clause
#
# What `cmake --install` puts where, so that find_package(Sprat) gives a project outside this tree
# the same sprat_add_unikernel().
#
#   bin/sprat                the command
#   lib/cmake/Sprat/         what find_package reads
#   lib/sprat/               the layers' libraries and headers, newlib, the linker script
#   share/sprat/scripts/     the scripts

include(CMakePackageConfigHelpers)

set(package_folder lib/cmake/Sprat)

get_property(layers GLOBAL PROPERTY SPRAT_LAYERS)
foreach(layer IN LISTS layers)
    install(TARGETS sprat_${layer}_guest EXPORT SpratTargets ARCHIVE DESTINATION lib/sprat)
    get_target_property(include sprat_${layer}_guest SPRAT_INCLUDE)
    install(DIRECTORY ${include}/ DESTINATION lib/sprat/include/${layer} OPTIONAL)
endforeach()
install(EXPORT SpratTargets DESTINATION ${package_folder})

configure_package_config_file(scripts/cmake/SpratConfig.cmake.in
    ${CMAKE_BINARY_DIR}/sprat/SpratConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/sprat/SpratConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES
    ${CMAKE_BINARY_DIR}/sprat/SpratConfig.cmake
    ${CMAKE_BINARY_DIR}/sprat/SpratConfigVersion.cmake
    scripts/cmake/compiler.cmake
    scripts/cmake/unikernel.cmake
    scripts/cmake/image.cfg.in
    DESTINATION ${package_folder})

install(DIRECTORY ${SPRAT_NEWLIB}/ DESTINATION lib/sprat/newlib)
install(FILES ${SPRAT_LINKER_SCRIPT} DESTINATION lib/sprat)
install(DIRECTORY scripts/ DESTINATION share/sprat/scripts USE_SOURCE_PERMISSIONS
    PATTERN cmake EXCLUDE PATTERN __pycache__ EXCLUDE)
install(CODE "
    file(MAKE_DIRECTORY \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/bin)
    file(CREATE_LINK ../share/sprat/scripts/sprat
        \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/bin/sprat SYMBOLIC)")
