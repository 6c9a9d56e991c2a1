# What libweft links, as imported targets. Used twice: by weft's own build, and, installed next to
# weftConfig.cmake, by whoever links the static library.
#
# The targets are GLOBAL, as a project may link weft from another directory than the one that found
# it.

# The archive and not the .so: a switch must not pass through a PLT.
if(NOT TARGET weft::boost_context)
    find_library(
        WEFT_BOOST_CONTEXT
        NAMES ${CMAKE_STATIC_LIBRARY_PREFIX}boost_context${CMAKE_STATIC_LIBRARY_SUFFIX}
        REQUIRED
    )
    mark_as_advanced(WEFT_BOOST_CONTEXT)
    add_library(weft::boost_context STATIC IMPORTED GLOBAL)
    set_target_properties(
        weft::boost_context PROPERTIES IMPORTED_LOCATION ${WEFT_BOOST_CONTEXT}
    )
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(WEFT_HWLOC REQUIRED IMPORTED_TARGET GLOBAL hwloc)

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED GLOBAL)
