# SPDX-License-Identifier: BSD-2-Clause
#
# What examples/httpd makes of a client's bytes, for tests on the host's own sockets.

set(http-parser_DIR ${CMAKE_BINARY_DIR}/sprat/source/http-parser)

# The sources that know a connection, and the parser's.
function(sprat_httpd_sources out)
    set(parser ${http-parser_DIR}/http_parser.c)
    set_source_files_properties(${parser} PROPERTIES GENERATED TRUE COMPILE_OPTIONS -w)
    set(${out} ${PROJECT_SOURCE_DIR}/examples/httpd/connection.c
        ${PROJECT_SOURCE_DIR}/examples/httpd/answer.c
        ${PROJECT_SOURCE_DIR}/examples/httpd/deadlines.c ${parser} PARENT_SCOPE)
endfunction()

# As in examples/CMakeLists.txt, with sanitizers.
function(sprat_httpd_flags target)
    target_include_directories(${target} SYSTEM PRIVATE ${http-parser_DIR})
    target_compile_definitions(${target} PRIVATE
        _GNU_SOURCE HTTP_PARSER_STRICT=0 HTTP_MAX_HEADER_SIZE=8192)
    target_compile_options(${target} PRIVATE ${SPRAT_HOST_FLAGS})
    target_link_options(${target} PRIVATE ${SPRAT_HOST_FLAGS})
    add_dependencies(${target} source-http-parser)
endfunction()
