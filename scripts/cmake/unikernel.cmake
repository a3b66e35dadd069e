# SPDX-License-Identifier: BSD-2-Clause
#
# Declare an application.
#
#   sprat_add_unikernel(
#       NAME firewall               the target, and the domain's name
#       SOURCES firewall.c ...      C and assembly
#       [USES netfront ...]         layers beside the kernel; those not named are not in the image
#       [MEMORY 2]                  MiB; default 4
#       [STACK 64]                  KiB for the main thread; default 64
#       [VIF bridge=xenbr0] ...     one word for each network interface: xl-network-configuration(5)
#       [DISK phy:/dev/x,xvda,w] ...  one word for each disk: xl-disk-configuration(5)
#       [FILES folder]              linked into the image: what open() finds, read-only
#       [CMDLINE "drop=all -v"])    becomes environment and argv, words quoted as in a shell
#
# makes, in the current binary folder,
#   NAME.xen        the image, stripped        NAME.xen.sym   with symbols and lines
#   NAME.cfg        for xl create
# and the target run-NAME, which starts it and shows its console. NAME itself is an ordinary
# executable target: target_compile_options() and the like work on it. It is linked in two steps:
# CMake makes one relocatable object of the application, then scripts/spratlib/link.py makes the
# image.
#
# Read by Sprat's own build and, installed, by find_package(Sprat). Needs compiler.cmake, and
# SPRAT_SCRIPTS and SPRAT_LINKER_SCRIPT.

find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)

# What every image holds; a layer named by USES brings what it uses.
set(SPRAT_BASE_LAYERS libc-glue)
set(SPRAT_CONFIG_TEMPLATE ${CMAKE_CURRENT_LIST_DIR}/image.cfg.in)
set(SPRAT_CMDLINE_MAX 1023) # Xen's MAX_GUEST_CMDLINE, less the terminator
set(SPRAT_STACK_MIN 16)     # KiB; the runtime's reserve for itself and newlib is part of it

function(sprat_add_unikernel)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;MEMORY;STACK;FILES;CMDLINE"
        "SOURCES;USES;VIF;DISK")
    set(words ${ARGN}) # in a macro, ARGN is the macro's
    _sprat_check_declaration()
    _sprat_runtime(runtime ${arg_USES})

    # The application's own code, as one relocatable object.
    set(name ${arg_NAME})
    set(object_folder ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${name}.dir)
    file(CONFIGURE OUTPUT ${object_folder}/name.c @ONLY
        CONTENT "extern const char app_name[];\nconst char app_name[] = \"@name@\";\n")
    _sprat_pack_files(packed ${object_folder})
    add_executable(${name} ${arg_SOURCES} ${object_folder}/name.c ${packed})
    target_compile_definitions(${name} PRIVATE ${SPRAT_DEFINITIONS})
    target_compile_options(${name} PRIVATE ${SPRAT_GUEST_FLAGS} ${SPRAT_APP_FLAGS}
        ${SPRAT_GUEST_INCLUDES} ${SPRAT_PATH_FLAGS})
    foreach(layer IN LISTS SPRAT_BASE_LAYERS arg_USES)
        target_include_directories(${name} PRIVATE
            $<TARGET_PROPERTY:sprat_${layer}_guest,INTERFACE_INCLUDE_DIRECTORIES>)
    endforeach()
    target_link_options(${name} PRIVATE -r -nostdlib)
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${object_folder} SUFFIX .o POSITION_INDEPENDENT_CODE OFF)

    # The image.
    set(image ${CMAKE_CURRENT_BINARY_DIR}/${name}.xen)
    set(libraries ${SPRAT_NEWLIB}/lib/libc.a ${SPRAT_NEWLIB}/lib/libm.a ${SPRAT_LIBGCC})
    set_property(TARGET ${name} PROPERTY LINK_DEPENDS
        ${runtime} ${libraries} ${SPRAT_LINKER_SCRIPT}
        ${SPRAT_SCRIPTS}/spratlib/link.py ${SPRAT_SCRIPTS}/spratlib/footprint.py)
    add_dependencies(${name} sprat_newlib ${runtime_target})
    add_custom_command(TARGET ${name} POST_BUILD
        COMMAND ${CMAKE_COMMAND} -E env PYTHONPATH=${SPRAT_SCRIPTS}
            ${Python3_EXECUTABLE} -B -m spratlib.link
            --cc ${CMAKE_C_COMPILER} --ld ${CMAKE_LINKER} --nm ${CMAKE_NM}
            --objcopy ${CMAKE_OBJCOPY} --objdump ${CMAKE_OBJDUMP}
            --script ${SPRAT_LINKER_SCRIPT}
            "--include=$<TARGET_PROPERTY:sprat_arch_guest,INTERFACE_INCLUDE_DIRECTORIES>"
            --memory ${arg_MEMORY} --stack ${arg_STACK}
            --output ${image} $<TARGET_FILE:${name}> ${runtime} ${libraries}
        BYPRODUCTS ${image} ${image}.sym
        COMMENT "Linking the image ${name}.xen"
        VERBATIM COMMAND_EXPAND_LISTS)

    _sprat_write_config(${CMAKE_CURRENT_BINARY_DIR}/${name}.cfg)
    add_custom_target(run-${name}
        COMMAND ${SPRAT_SCRIPTS}/sprat --build ${CMAKE_BINARY_DIR}
            run ${CMAKE_CURRENT_BINARY_DIR}/${name}.cfg
        DEPENDS ${name}
        USES_TERMINAL VERBATIM)
endfunction()

# ---- What a declaration may say --------------------------------------------------------------

# Stop CMake, with the name of the application and a sentence that says what to write.
macro(_sprat_refuse)
    string(CONCAT _sentence ${ARGN})
    message(FATAL_ERROR "sprat_add_unikernel(NAME ${arg_NAME}): ${_sentence}")
endmacro()

# Check the caller's arg_* and fill in what was left out.
macro(_sprat_check_declaration)
    if(NOT arg_NAME)
        message(FATAL_ERROR "sprat_add_unikernel() has no NAME: write NAME and the image's name.")
    endif()
    if(NOT arg_NAME MATCHES "^[A-Za-z0-9][A-Za-z0-9_.+-]*$")
        _sprat_refuse("a name is made of letters, digits and _.+- and begins with one of the "
                      "first two.")
    endif()
    if(TARGET ${arg_NAME})
        _sprat_refuse("there is a target of this name already: choose another NAME.")
    endif()
    if(arg_UNPARSED_ARGUMENTS)
        list(GET arg_UNPARSED_ARGUMENTS 0 word)
        _sprat_refuse("does not know the word \"${word}\". It knows NAME, SOURCES, USES, MEMORY, "
                      "STACK, VIF, DISK, FILES and CMDLINE; "
                      "the value of CMDLINE is one word, in quotes.")
    endif()
    if(arg_KEYWORDS_MISSING_VALUES AND NOT arg_KEYWORDS_MISSING_VALUES STREQUAL "CMDLINE")
        list(GET arg_KEYWORDS_MISSING_VALUES 0 word)
        _sprat_refuse("${word} has no value: write one behind it, or leave ${word} out.")
    endif()
    _sprat_check_sources()
    _sprat_check_number(MEMORY 4 1 1048576 "MiB")
    _sprat_check_number(STACK 64 ${SPRAT_STACK_MIN} 4096 "KiB")
    _sprat_check_layers()
    _sprat_check_devices(VIF network netfront "bridge=xenbr0")
    _sprat_check_devices(DISK block blkfront "phy:/dev/vg/disk,xvda,w")
    _sprat_check_files()
    _sprat_check_cmdline()
endmacro()

macro(_sprat_check_sources)
    if(NOT arg_SOURCES)
        _sprat_refuse("has no SOURCES: write SOURCES and the application's C files.")
    endif()
    foreach(source IN LISTS arg_SOURCES)
        # CMake would leave it out, in silence, or compile it for the host.
        if(NOT source MATCHES "[$]<" AND NOT source MATCHES "[.][chsSo]$")
            _sprat_refuse("the source file ${source} is neither C nor assembly: name files that "
                          "end in .c, .S or .s (or .h, or .o for what is compiled already).")
        endif()
        # A generator expression, or a file that another rule makes, is CMake's to look for.
        get_source_file_property(generated ${source} GENERATED)
        cmake_path(ABSOLUTE_PATH source OUTPUT_VARIABLE path)
        if(NOT source MATCHES "[$]<" AND NOT generated AND NOT EXISTS ${path})
            _sprat_refuse("the source file ${source} is not in ${CMAKE_CURRENT_SOURCE_DIR}: "
                          "name files from that folder.")
        endif()
    endforeach()
endmacro()

macro(_sprat_check_number word default least most unit)
    if(NOT DEFINED arg_${word})
        set(arg_${word} ${default})
    endif()
    # The length keeps CMake's 64-bit comparison from overflowing.
    string(LENGTH "${arg_${word}}" length)
    if(NOT arg_${word} MATCHES "^[0-9]+$" OR length GREATER 9
       OR arg_${word} LESS ${least} OR arg_${word} GREATER ${most})
        _sprat_refuse("${word} is a whole number of ${unit} from ${least} to ${most}, "
                      "not \"${arg_${word}}\".")
    endif()
endmacro()

macro(_sprat_check_layers)
    get_property(layers GLOBAL PROPERTY SPRAT_LAYERS)
    foreach(layer IN LISTS arg_USES)
        if(NOT layer IN_LIST layers)
            list(JOIN layers ", " known)
            _sprat_refuse("USES ${layer}: there is no such layer. There are ${known}.")
        endif()
    endforeach()
    _sprat_with_layers_below(with_below ${arg_USES})
endmacro()

# VIF and DISK: one word each time, and the driver in the image.
macro(_sprat_check_devices word kind layer example)
    set(times ${words})
    list(FILTER times INCLUDE REGEX "^${word}$")
    list(LENGTH times n_keywords)
    list(LENGTH arg_${word} n_values)
    if(NOT n_keywords EQUAL n_values)
        _sprat_refuse("each ${word} takes one word, its parts joined by commas: "
                      "write ${word} ${example}, and ${word} again for the next one.")
    endif()
    if(arg_${word} AND NOT ${layer} IN_LIST with_below)
        _sprat_refuse("has a ${word} and no driver for it: "
                      "write USES ${layer} (or a ${kind} library above it).")
    endif()
    foreach(value IN LISTS arg_${word})
        if(value MATCHES "[\n\"'\\]")
            _sprat_refuse("${word} \"${value}\" holds a quote, a backslash or a line's end, "
                          "which xl would not read.")
        endif()
    endforeach()
endmacro()

macro(_sprat_check_files)
    if(DEFINED arg_FILES)
        cmake_path(ABSOLUTE_PATH arg_FILES NORMALIZE)
        if(NOT IS_DIRECTORY ${arg_FILES})
            _sprat_refuse("FILES ${arg_FILES}: there is no such folder.")
        endif()
    endif()
endmacro()

macro(_sprat_check_cmdline)
    string(LENGTH "${arg_CMDLINE}" length)
    if(length GREATER ${SPRAT_CMDLINE_MAX})
        _sprat_refuse("CMDLINE is ${length} bytes long and Xen passes on ${SPRAT_CMDLINE_MAX}: "
                      "shorten it.")
    endif()
    if(arg_CMDLINE MATCHES "[\n\r]")
        _sprat_refuse("CMDLINE holds a line's end: write it on one line.")
    endif()
    # Take away, from the left, whatever is complete; a quote that stays was not closed.
    string(REGEX REPLACE "\\\\.|\"([^\"\\]|\\\\.)*\"|'[^']*'" "" rest "${arg_CMDLINE}")
    if(rest MATCHES "[\"'\\]")
        _sprat_refuse("CMDLINE has an unclosed quote or ends in a backslash: ${arg_CMDLINE}")
    endif()
endmacro()

# ---- The parts -------------------------------------------------------------------------------

# The caller's FILES as a cpio archive and a source that brings it in, made in `folder`. Sets `out`
# to the source, or to nothing.
function(_sprat_pack_files out folder)
    set(${out} "" PARENT_SCOPE)
    if(NOT DEFINED arg_FILES)
        return()
    endif()
    set(archive ${folder}/files.cpio)
    file(GLOB_RECURSE found LIST_DIRECTORIES true CONFIGURE_DEPENDS ${arg_FILES}/*)
    set(contents)
    foreach(path IN LISTS found)
        if(NOT IS_SYMLINK ${path}) # ninja would follow it, and it may lead nowhere
            list(APPEND contents ${path})
        endif()
    endforeach()
    add_custom_command(OUTPUT ${archive}
        COMMAND ${CMAKE_COMMAND} -E env PYTHONPATH=${SPRAT_SCRIPTS}
            ${Python3_EXECUTABLE} -B -m spratlib.files ${arg_FILES} ${archive}
        DEPENDS ${contents} ${SPRAT_SCRIPTS}/spratlib/files.py ${SPRAT_SCRIPTS}/spratlib/cpio.py
        COMMENT "Packing the files of ${arg_FILES}"
        VERBATIM)
    file(CONFIGURE OUTPUT ${folder}/files.S @ONLY CONTENT
"    .section .rodata.app_files, \"a\"
    .balign 16
    .globl app_files, app_files_end
app_files:
    .incbin \"@archive@\"
app_files_end:
    .section .note.GNU-stack, \"\", @progbits
")
    set_source_files_properties(${folder}/files.S PROPERTIES OBJECT_DEPENDS ${archive})
    set(${out} ${folder}/files.S PARENT_SCOPE)
endfunction()

# The layers named, and all that they stand on; sorted, each once.
function(_sprat_with_layers_below out)
    set(found)
    set(todo ${ARGN})
    while(todo)
        list(POP_FRONT todo layer)
        if(NOT layer IN_LIST found)
            list(APPEND found ${layer})
            get_target_property(below sprat_${layer}_guest SPRAT_USES)
            list(APPEND todo ${below})
        endif()
    endwhile()
    list(SORT found)
    set(${out} ${found} PARENT_SCOPE)
endfunction()

# The runtime as one object, made once for each set of layers: what is hidden in it becomes local,
# so that an application may call a function of its own page_alloc. Sets `out` to the file and
# runtime_target to the target that makes it.
function(_sprat_runtime out)
    _sprat_with_layers_below(base ${SPRAT_BASE_LAYERS})
    _sprat_with_layers_below(layers ${SPRAT_BASE_LAYERS} ${ARGN})
    set(added ${layers})
    list(REMOVE_ITEM added ${base})
    list(JOIN added "-" suffix)
    string(REGEX REPLACE "^(.)" "-\\1" suffix "${suffix}")
    set(target sprat_runtime${suffix})
    set(object ${CMAKE_BINARY_DIR}/sprat/runtime${suffix}.o)
    set(${out} ${object} PARENT_SCOPE)
    set(runtime_target ${target} PARENT_SCOPE)
    if(TARGET ${target})
        return()
    endif()

    list(TRANSFORM layers REPLACE "^(.+)$" "sprat_\\1_guest" OUTPUT_VARIABLE targets)
    list(TRANSFORM targets REPLACE "^(.+)$" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE archives)
    list(JOIN layers " " joined)
    # --unique: static functions of one name in several files are not kept for each other's sake.
    add_custom_command(OUTPUT ${object}
        COMMAND ${CMAKE_LINKER} -r --unique --whole-archive ${archives} -o ${object}.all
        COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${object}.all ${object}
        COMMAND ${CMAKE_COMMAND} -E rm ${object}.all
        DEPENDS ${archives} ${targets}
        COMMENT "Joining the runtime: ${joined}"
        VERBATIM)
    add_custom_target(${target} DEPENDS ${object})
endfunction()

# The file for xl, from the caller's arg_*.
function(_sprat_write_config path)
    # A string as xl reads it. (Its escapes by number, \x22 and \042, do not work in Xen 4.17.)
    string(REGEX REPLACE "([\\\"])" "\\\\\\1" cmdline "${arg_CMDLINE}")

    set(devices "")
    foreach(word VIF DISK)
        string(TOLOWER ${word} key)
        if(arg_${word})
            list(TRANSFORM arg_${word} REPLACE "^(.+)$" "\"\\1\"" OUTPUT_VARIABLE specs)
            list(JOIN specs ", " specs)
            string(APPEND devices "${key} = [ ${specs} ]\n")
        endif()
    endforeach()

    # A frame holds 512 grants. Console and xenstore have eight; a vif's rings take 512 and two; a
    # disk keeps up to 1024 persistent ones.
    list(LENGTH arg_VIF n_vifs)
    list(LENGTH arg_DISK n_disks)
    math(EXPR grant_frames "1 + 2 * ${n_vifs} + 3 * ${n_disks}")

    configure_file(${SPRAT_CONFIG_TEMPLATE} ${path} @ONLY)
endfunction()
