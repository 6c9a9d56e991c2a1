# How weft compiles its own code: weft_own_code() for every target, weft_executable() for a program.
include_guard()

# Flags that change what the code does. Whoever links the objects must agree on the sanitizer; the
# others stay with weft.
set(WEFT_CODE_FLAGS
    -fno-omit-frame-pointer
    # A frame larger than a page touches each of its pages, so it cannot step over the guard.
    -fstack-clash-protection
)
if(WEFT_SWITCH STREQUAL boost)
    list(APPEND WEFT_CODE_FLAGS -DWEFT_BOOST_SWITCH)
endif()
set(WEFT_SANITIZER_FLAGS)
if(WEFT_SANITIZER)
    list(JOIN WEFT_SANITIZER , names)
    set(WEFT_SANITIZER_FLAGS -fsanitize=${names} -fno-sanitize-recover=all)
endif()

set(WEFT_WARNINGS
    -Wall
    -Wextra
    -Wpedantic
    -Wshadow
    -Wconversion
    -Wsign-conversion
    -Wold-style-cast
    -Wnon-virtual-dtor
    -Woverloaded-virtual
)
if(WEFT_WERROR)
    list(APPEND WEFT_WARNINGS -Werror)
endif()
if(CMAKE_UNITY_BUILD)
    # A name may hide one of a file that it is joined with.
    list(APPEND WEFT_WARNINGS -Wno-shadow)
endif()
if(WEFT_SANITIZER AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Their checks make paths on which GCC 12 sees what cannot be: atomics of null pointers, and
    # uninitialised parts of the standard library's own objects.
    list(APPEND WEFT_WARNINGS -Wno-stringop-overflow -Wno-maybe-uninitialized)
endif()
if("thread" IN_LIST WEFT_SANITIZER AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # concurrentqueue uses fences, which GCC inlines into weft's functions and then warns about.
    list(APPEND WEFT_WARNINGS -Wno-tsan)
endif()

# weft_own_code(<target>): C++20 with weft's warnings and flags.
function(weft_own_code target)
    target_compile_features(${target} PRIVATE cxx_std_20)
    set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
    target_compile_options(
        ${target} PRIVATE ${WEFT_WARNINGS} ${WEFT_CODE_FLAGS} ${WEFT_SANITIZER_FLAGS}
    )
    target_link_options(${target} PRIVATE ${WEFT_SANITIZER_FLAGS})
endfunction()

# weft_executable(<target> [PRIVATE_HEADERS] SOURCES <file>... [LINK <library>...])
#
# A program of this repository, linked with the static library. With PRIVATE_HEADERS it sees
# runtime/ as the library's own files do.
function(weft_executable target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "PRIVATE_HEADERS" "" "SOURCES;LINK")
    add_executable(${target} ${arg_SOURCES})
    weft_own_code(${target})
    if("undefined" IN_LIST WEFT_SANITIZER)
        # They double the time to compile a test; ASan sees a null pointer, and the library keeps both.
        target_compile_options(${target} PRIVATE -fno-sanitize=null,alignment)
    endif()
    target_link_libraries(${target} PRIVATE ${arg_LINK} weft::static)
    if(arg_PRIVATE_HEADERS)
        target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/runtime)
    endif()
endfunction()

# weft_folders(<variable> <folder>): the names of the folders directly below, sorted.
function(weft_folders variable folder)
    # CONFIGURE_DEPENDS lets a later build notice a new folder as it notices a new file.
    file(GLOB entries RELATIVE ${folder} CONFIGURE_DEPENDS ${folder}/*)
    set(names)
    foreach(entry IN LISTS entries)
        if(IS_DIRECTORY ${folder}/${entry})
            list(APPEND names ${entry})
        endif()
    endforeach()
    set(${variable} ${names} PARENT_SCOPE)
endfunction()
