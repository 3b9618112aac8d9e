# ottla_flags(target): warnings and sanitizers of every target of ours.
function(ottla_flags target)
    target_compile_features(${target} PUBLIC cxx_std_20)
    target_compile_definitions(${target} PRIVATE OTTLA_VERSION="${PROJECT_VERSION}")
    # Warnings are errors in our own builds (the presets), where the sources are known to be free of them. What other compilers
    # and optimisations find besides, or sanitizers, which blur the data flow, is shown and stops nobody.
    set(fatal_warnings "")
    if(OTTLA_WERROR AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION MATCHES "^12" AND NOT OTTLA_SANITIZE)
        set(fatal_warnings -Werror)
    endif()
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow ${fatal_warnings}
        -Wno-missing-field-initializers) # designated initializers may leave out what has a default
    if(OTTLA_SANITIZE)
        target_compile_options(${target} PRIVATE -fsanitize=${OTTLA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
        target_link_options(${target} PUBLIC -fsanitize=${OTTLA_SANITIZE})
        if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
            target_compile_options(${target} PRIVATE -Wno-tsan -Wno-maybe-uninitialized -Wno-stringop-overflow)
        endif()
    endif()
    target_include_directories(${target} PRIVATE
        ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/generated)
endfunction()

# ottla_room(name SOURCES-GLOBS... [LINK targets...]): one folder of src/ as an object library that ends in ottla.
# It compiles every file that the globs (relative to the folder) find.
function(ottla_room name)
    cmake_parse_arguments(arg "" "" "GLOBS;LINK" ${ARGN})
    if(NOT arg_GLOBS)
        set(arg_GLOBS *.cpp)
    endif()
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${arg_GLOBS})
    if(NOT sources)
        return()
    endif()
    add_library(ottla_${name} OBJECT ${sources})
    ottla_flags(ottla_${name})
    target_link_libraries(ottla_${name} PUBLIC Boost::headers fmt::fmt ${arg_LINK})
    set_property(GLOBAL APPEND PROPERTY OTTLA_ROOMS ottla_${name})
endfunction()
