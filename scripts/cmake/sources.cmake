# SPDX-License-Identifier: BSD-2-Clause
#
# Code of others, by source package from Debian (scripts/spratlib/sources.py): fetched once, into
# the build folder, when something is first built from it.
#
#   sprat_source_package(NAME file...)   makes the target source-NAME and sets, for the caller,
#                                        NAME_DIR, the folder, and NAME_FILES, the files' paths

find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)

function(sprat_source_package name)
    set(folder ${CMAKE_BINARY_DIR}/sprat/source/${name})
    list(TRANSFORM ARGN PREPEND ${folder}/ OUTPUT_VARIABLE files)
    set(script ${SPRAT_SCRIPTS}/spratlib/sources.py)
    add_custom_command(OUTPUT ${files}
        COMMAND ${CMAKE_COMMAND} -E env PYTHONPATH=${SPRAT_SCRIPTS}
            ${Python3_EXECUTABLE} -B -m spratlib.sources
            --archives ${CMAKE_BINARY_DIR}/sprat/source ${name} ${folder}
        DEPENDS ${script}
        COMMENT "Fetching the source of ${name}"
        VERBATIM)
    add_custom_target(source-${name} DEPENDS ${files})
    set(${name}_DIR ${folder} PARENT_SCOPE)
    set(${name}_FILES ${files} PARENT_SCOPE)
endfunction()
