# Targets ottla::lz4 and ottla::zstd, for libraries that come without a CMake package on some systems. Installed as well:
# users of the static library look them up in the same way.
function(ottla_find_codec name header)
    if(TARGET ottla::${name})
        return()
    endif()
    find_path(OTTLA_${name}_INCLUDE ${header})
    find_library(OTTLA_${name}_LIBRARY ${name})
    mark_as_advanced(OTTLA_${name}_INCLUDE OTTLA_${name}_LIBRARY)
    if(OTTLA_${name}_INCLUDE AND OTTLA_${name}_LIBRARY)
        add_library(ottla::${name} UNKNOWN IMPORTED)
        set_target_properties(ottla::${name} PROPERTIES
            IMPORTED_LOCATION ${OTTLA_${name}_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${OTTLA_${name}_INCLUDE})
    endif()
endfunction()

ottla_find_codec(lz4 lz4frame.h)
ottla_find_codec(zstd zstd.h)
