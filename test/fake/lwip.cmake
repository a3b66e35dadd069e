# SPDX-License-Identifier: BSD-2-Clause
#
# sprat_fake_lwip: lwIP and its port, over fake_vif in netfront's place and the kernel; beside
# sprat_fake_libc and sprat_fake_kernel. They are compiled for the host, with sanitizers, from the
# layer's own list of sources, but with the guest's C headers.
#
# sprat_fake_guest_flags(TARGET) has a test's own sources compiled in the same way.

function(sprat_fake_guest_flags target)
    target_compile_options(${target} PRIVATE
        ${SPRAT_GUEST_INCLUDES} -isystem${lwip_DIR}/src/include
        -D_READ_WRITE_RETURN_TYPE=_ssize_t -D__DYNAMIC_REENT__ -DLWIP_NO_CTYPE_H=1
        -include ${PROJECT_SOURCE_DIR}/test/fake/guest_names.h)
    target_include_directories(${target} PRIVATE
        ${PROJECT_SOURCE_DIR}/libc-glue/lwip/port
        ${PROJECT_SOURCE_DIR}/libc-glue/lwip/include ${PROJECT_SOURCE_DIR}/libc-glue/include
        ${PROJECT_SOURCE_DIR}/netfront/include ${PROJECT_SOURCE_DIR}/kernel/include)
    add_dependencies(${target} sprat_newlib source-lwip)
endfunction()

get_target_property(port_sources sprat_lwip_guest SOURCES)
list(FILTER port_sources EXCLUDE REGEX "^/")
list(TRANSFORM port_sources PREPEND ${PROJECT_SOURCE_DIR}/)
set(glue_sources file.c io.c poll.c)
list(TRANSFORM glue_sources PREPEND ${PROJECT_SOURCE_DIR}/libc-glue/)

add_library(sprat_fake_lwip OBJECT ${PROJECT_SOURCE_DIR}/test/fake/vif.c
    ${PROJECT_SOURCE_DIR}/test/fake/peer.c ${PROJECT_SOURCE_DIR}/test/fake/stack.c
    ${PROJECT_SOURCE_DIR}/test/fake/no_signals.c ${glue_sources} ${port_sources} ${lwip_FILES})
set_source_files_properties(${PROJECT_SOURCE_DIR}/test/fake/no_signals.c PROPERTIES
    INCLUDE_DIRECTORIES ${PROJECT_SOURCE_DIR}/libc-glue)
# lwIP puts bytes together by shifting them into an int's sign, which gcc and clang define.
set_source_files_properties(${lwip_FILES} PROPERTIES
    GENERATED TRUE COMPILE_OPTIONS "-w;-fno-sanitize=shift")
# The test starts the network, in a guest that is there.
set_source_files_properties(${PROJECT_SOURCE_DIR}/libc-glue/lwip/net.c PROPERTIES
    COMPILE_DEFINITIONS constructor=used)
add_library(sprat_fake_libc OBJECT ${PROJECT_SOURCE_DIR}/test/fake/guest_libc.c)
foreach(library sprat_fake_lwip sprat_fake_libc)
    target_compile_options(${library} PRIVATE ${SPRAT_WARNINGS})
    target_include_directories(${library} INTERFACE
        ${PROJECT_SOURCE_DIR}/test/fake ${PROJECT_SOURCE_DIR}/netfront/include)
    target_link_libraries(${library} PUBLIC sprat_xen_host)
endforeach()
sprat_fake_guest_flags(sprat_fake_lwip)
