# SPDX-License-Identifier: BSD-2-Clause
#
# Declare a layer of the runtime, once; build it twice.
#
#   sprat_layer(NAME [DIRECTORY dir] [USES layer...] [CALLS_UP symbol...]
#               [SOURCES file...] [GUEST_SOURCES file...] [HOST_SOURCES file...]
#               [FOREIGN_SOURCES file...] [FOREIGN_INCLUDES dir...])
#
# makes the libraries
#   sprat_NAME_guest  from SOURCES and GUEST_SOURCES: freestanding, what is linked into images;
#   sprat_NAME_host   from SOURCES and HOST_SOURCES: with ASan and UBSan, what unit tests link.
# Files are named from the layer's folder (NAME, or DIRECTORY),
# HOST_SOURCES from the top: what stands in for a layer on the host lives in test/. FOREIGN_SOURCES
# are code of others for the guest, by their full paths; the layer, and nobody else, sees
# FOREIGN_INCLUDES.
#
# USES names the layers below, already declared: so there are no cycles, and the include path of a
# layer holds its own include/ and those of the layers below, and no other. CALLS_UP names the few
# symbols (shell patterns) that this layer and those above it take from above; all others that would
# be are refused by the test `layers`, which reads the libraries' symbols.

set(SPRAT_WARNINGS -Wall -Wextra -Werror)
set(SPRAT_HOST_FLAGS -std=gnu11 -Og -g -UNDEBUG -fno-omit-frame-pointer
    -fsanitize=address,undefined -fno-sanitize-recover=all)

function(sprat_layer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "DIRECTORY"
        "USES;CALLS_UP;SOURCES;GUEST_SOURCES;HOST_SOURCES;FOREIGN_SOURCES;FOREIGN_INCLUDES")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "sprat_layer(${name}): does not know ${arg_UNPARSED_ARGUMENTS}.")
    endif()
    if(NOT arg_DIRECTORY)
        set(arg_DIRECTORY ${name})
    endif()
    get_property(declared GLOBAL PROPERTY SPRAT_LAYERS)
    foreach(used IN LISTS arg_USES)
        if(NOT used IN_LIST declared)
            message(FATAL_ERROR "sprat_layer(${name}): USES ${used}, not declared above it.")
        endif()
    endforeach()
    set_property(GLOBAL APPEND PROPERTY SPRAT_LAYERS ${name})

    list(TRANSFORM arg_SOURCES PREPEND ${arg_DIRECTORY}/)
    list(TRANSFORM arg_GUEST_SOURCES PREPEND ${arg_DIRECTORY}/)
    # Warnings in the code of others are its authors' business.
    set_source_files_properties(${arg_FOREIGN_SOURCES} PROPERTIES
        GENERATED TRUE COMPILE_OPTIONS -w)
    _sprat_layer_library(${name} guest
        ${arg_SOURCES} ${arg_GUEST_SOURCES} ${arg_FOREIGN_SOURCES})
    _sprat_layer_library(${name} host ${arg_SOURCES} ${arg_HOST_SOURCES})

    set(guest sprat_${name}_guest)
    target_compile_options(${guest} PRIVATE ${SPRAT_GUEST_FLAGS} ${SPRAT_RUNTIME_FLAGS}
        ${SPRAT_GUEST_INCLUDES} ${SPRAT_PATH_FLAGS})
    list(TRANSFORM arg_FOREIGN_INCLUDES REPLACE "^(.+)$" "-isystem\\1" OUTPUT_VARIABLE foreign)
    target_compile_options(${guest} PRIVATE ${foreign})
    add_dependencies(${guest} sprat_newlib)
    set_target_properties(${guest} PROPERTIES
        SPRAT_USES "${arg_USES}" EXPORT_PROPERTIES SPRAT_USES
        SPRAT_CALLS_UP "${arg_CALLS_UP}"
        SPRAT_INCLUDE ${PROJECT_SOURCE_DIR}/${arg_DIRECTORY}/include)
endfunction()

# One of a layer's two libraries. Without sources it has headers only.
function(_sprat_layer_library name world)
    set(library sprat_${name}_${world})
    set(scope PUBLIC)
    if(ARGN)
        add_library(${library} STATIC ${ARGN})
        target_compile_options(${library} PRIVATE ${SPRAT_WARNINGS})
    else()
        add_library(${library} INTERFACE)
        set(scope INTERFACE)
    endif()
    target_compile_definitions(${library} ${scope} ${SPRAT_DEFINITIONS})
    target_include_directories(${library} ${scope}
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/${arg_DIRECTORY}/include>
        $<INSTALL_INTERFACE:lib/sprat/include/${name}>)
    if(world STREQUAL "host")
        target_compile_options(${library} ${scope} ${SPRAT_HOST_FLAGS})
        target_link_options(${library} ${scope} ${SPRAT_HOST_FLAGS})
    endif()
    list(TRANSFORM arg_USES REPLACE "^(.+)$" "sprat_\\1_${world}" OUTPUT_VARIABLE libraries)
    target_link_libraries(${library} ${scope} ${libraries})
endfunction()
