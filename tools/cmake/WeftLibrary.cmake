# libweft: every source is compiled once, for libweft.a and libweft.so alike.
#   weft::static, weft::shared   the one or the other
#   weft::weft                   static, or shared with BUILD_SHARED_LIBS=ON
include_guard()
include(GNUInstallDirs)

file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/runtime/*.cpp)
list(FILTER sources EXCLUDE REGEX /runtime/testing/held_locks/)  # WeftHeldLocks
find_path(WEFT_CONCURRENTQUEUE concurrentqueue/concurrentqueue.h REQUIRED)
find_path(WEFT_BOOST_HEADERS boost/context/detail/fcontext.hpp REQUIRED)
mark_as_advanced(WEFT_CONCURRENTQUEUE WEFT_BOOST_HEADERS)

add_library(weft_objects OBJECT ${sources})
weft_own_code(weft_objects)
# Joined files are compiled faster, and not as those of who takes weft in: what is measured is not.
set_target_properties(
    weft_objects PROPERTIES POSITION_INDEPENDENT_CODE ON UNITY_BUILD ${WEFT_JOIN_LIBRARY}
)
if(NOT WEFT_JOIN_LIBRARY)
    target_compile_options(weft_objects PRIVATE SHELL:-Wshadow)  # also where the tests are joined
endif()
# Position independence must not cost inlining: nobody may replace weft's functions at load time.
target_compile_options(weft_objects PRIVATE -fno-semantic-interposition)
target_include_directories(
    weft_objects
    PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/runtime
)
target_include_directories(
    weft_objects SYSTEM PRIVATE ${WEFT_CONCURRENTQUEUE} ${WEFT_BOOST_HEADERS}
)
target_link_libraries(weft_objects PRIVATE PkgConfig::WEFT_HWLOC Threads::Threads)

foreach(kind IN ITEMS static shared)
    string(TOUPPER ${kind} type)
    add_library(weft_${kind} ${type} $<TARGET_OBJECTS:weft_objects>)
    add_library(weft::${kind} ALIAS weft_${kind})
    set_target_properties(
        weft_${kind}
        PROPERTIES OUTPUT_NAME weft EXPORT_NAME ${kind} LINKER_LANGUAGE CXX
    )
    target_compile_features(weft_${kind} PUBLIC cxx_std_20)
    target_include_directories(
        weft_${kind}
        PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
               $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    )
    target_link_libraries(
        weft_${kind}
        PRIVATE weft::boost_context PkgConfig::WEFT_HWLOC ${CMAKE_DL_LIBS}
        PUBLIC Threads::Threads
    )
    # A template of a public header, compiled by the user, must be instrumented as the library is.
    target_compile_options(
        weft_${kind} INTERFACE "$<BUILD_INTERFACE:${WEFT_SANITIZER_FLAGS}>"
    )
    target_link_options(weft_${kind} PUBLIC "$<BUILD_INTERFACE:${WEFT_SANITIZER_FLAGS}>")
endforeach()

set_target_properties(
    weft_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
)
# Boost's switch stays inside: called directly, and no clash with another Boost in the process.
# The symbolic functions let weft's own calls skip the PLT, too.
target_link_options(
    weft_shared PRIVATE LINKER:--exclude-libs,libboost_context.a LINKER:-Bsymbolic-functions
)

if(BUILD_SHARED_LIBS)
    add_library(weft::weft ALIAS weft_shared)
else()
    add_library(weft::weft ALIAS weft_static)
endif()
