# weft::held_locks: a program that links it dies when a task suspends with a std::mutex, or within
# the initialiser of a static. See <weft/testing/held_locks.hpp>.
#
# Not with a sanitizer: both stand before the same functions of libc, and its own must come first.
include_guard()

if(WEFT_SANITIZER)
    return()
endif()

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/runtime/testing/held_locks/*.cpp)
add_library(weft_held_locks STATIC ${sources})
add_library(weft::held_locks ALIAS weft_held_locks)
weft_own_code(weft_held_locks)
target_compile_options(weft_held_locks PRIVATE -O2)  # in a debug build, too: each lock passes through it
set_target_properties(
    weft_held_locks PROPERTIES EXPORT_NAME held_locks POSITION_INDEPENDENT_CODE ON
)
target_include_directories(
    weft_held_locks PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/runtime
)
# An installed one goes with the weft::weft of whoever links it: weftConfig.cmake.
target_link_libraries(
    weft_held_locks PUBLIC $<BUILD_INTERFACE:weft::weft> INTERFACE ${CMAKE_DL_LIBS}
)
# Nothing in a program need name what is in here: it is taken in for the sake of this symbol.
target_link_options(weft_held_locks INTERFACE LINKER:--undefined=weft_held_locks_is_linked)
