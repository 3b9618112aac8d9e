# Installation (docs/PACKAGE.md): headers, libraries, the program, and what CMake and pkg-config need to find them. All places
# are relative, so that the tree may be moved.
include(CMakePackageConfigHelpers)
set(cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/ottla)

install(DIRECTORY include/ottla DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.hpp)
install(FILES ${PROJECT_BINARY_DIR}/generated/ottla/errc.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ottla)

# Each kind is exported as ottla::ottla, in a file of its own; ottlaConfig.cmake takes one of them.
set(kinds static)
if(BUILD_SHARED_LIBS)
    set(kinds shared)
elseif(OTTLA_WITH_SHARED)
    list(APPEND kinds shared)
endif()
foreach(kind IN LISTS kinds)
    install(TARGETS ottla_${kind} EXPORT ottla_${kind})
    install(EXPORT ottla_${kind} NAMESPACE ottla:: DESTINATION ${cmake_folder} FILE ottla-${kind}-targets.cmake)
endforeach()
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/ottlaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/ottlaConfig.cmake cmake/OttlaCodecs.cmake ${PROJECT_BINARY_DIR}/package/ottlaConfigVersion.cmake
    DESTINATION ${cmake_folder})

set(pc_folder ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${pc_folder} OUTPUT_VARIABLE to_prefix)
foreach(place LIBDIR INCLUDEDIR)
    cmake_path(APPEND pc_${place} "\${prefix}" "${CMAKE_INSTALL_${place}}") # stays as it is if it is absolute
endforeach()
configure_file(cmake/ottla.pc.in ${PROJECT_BINARY_DIR}/package/ottla.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/ottla.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(OTTLA_WITH_CLI)
    if(BUILD_SHARED_LIBS)
        cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_FULL_BINDIR} OUTPUT_VARIABLE to_libraries)
        set_target_properties(ottla_program PROPERTIES INSTALL_RPATH "$ORIGIN/${to_libraries}")
    endif()
    install(TARGETS ottla_program)
endif()
