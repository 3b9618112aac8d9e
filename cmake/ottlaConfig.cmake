# find_package(ottla): the target ottla::ottla. Where both libraries are installed BUILD_SHARED_LIBS chooses; else it is the
# one there is.
set(ottla_kind static)
if(NOT EXISTS ${CMAKE_CURRENT_LIST_DIR}/ottla-static-targets.cmake
        OR (BUILD_SHARED_LIBS AND EXISTS ${CMAKE_CURRENT_LIST_DIR}/ottla-shared-targets.cmake))
    set(ottla_kind shared)
endif()

include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(Boost 1.81)
if(ottla_kind STREQUAL "static")
    find_dependency(fmt)
    find_dependency(OpenSSL 3)
    find_dependency(ZLIB)
    find_dependency(Snappy)
    include(${CMAKE_CURRENT_LIST_DIR}/OttlaCodecs.cmake)
    foreach(ottla_codec lz4 zstd)
        if(NOT TARGET ottla::${ottla_codec})
            set(ottla_FOUND FALSE)
            set(ottla_NOT_FOUND_MESSAGE "ottla could not be found because dependency ${ottla_codec} could not be found.")
            return()
        endif()
    endforeach()
endif()

if(NOT TARGET ottla::ottla)
    include(${CMAKE_CURRENT_LIST_DIR}/ottla-${ottla_kind}-targets.cmake)
endif()
