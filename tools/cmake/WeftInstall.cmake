# `cmake --install`: the headers, both libraries, find_package(weft) and pkg-config. What users link
# is the component `weft`; the command-line tool goes along when it was built.
include_guard()
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weft)
set(generated ${PROJECT_BINARY_DIR}/package)

set(libraries weft_static weft_shared)
if(TARGET weft_held_locks)
    list(APPEND libraries weft_held_locks)
endif()
install(
    TARGETS ${libraries}
    EXPORT weft
    ARCHIVE COMPONENT weft
    LIBRARY COMPONENT weft NAMELINK_COMPONENT weft
)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/weft TYPE INCLUDE COMPONENT weft)
install(
    EXPORT weft
    NAMESPACE weft::
    FILE weftTargets.cmake
    DESTINATION ${package_dir}
    COMPONENT weft
)

configure_package_config_file(
    ${CMAKE_CURRENT_LIST_DIR}/weftConfig.cmake.in ${generated}/weftConfig.cmake
    INSTALL_DESTINATION ${package_dir}
    NO_SET_AND_CHECK_MACRO
)
write_basic_package_version_file(
    ${generated}/weftConfigVersion.cmake COMPATIBILITY SameMinorVersion
)
install(
    FILES ${generated}/weftConfig.cmake
          ${generated}/weftConfigVersion.cmake
          ${CMAKE_CURRENT_LIST_DIR}/WeftDependencies.cmake
    DESTINATION ${package_dir}
    COMPONENT weft
)

# weft.pc finds its prefix from where it lies, as the CMake package does: a tree may be moved.
set(pc_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_prefix ${pc_dir} ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pc_prefix ${pc_prefix})
configure_file(${CMAKE_CURRENT_LIST_DIR}/weft.pc.in ${generated}/weft.pc @ONLY)
install(FILES ${generated}/weft.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT weft)
