# Tests, found by where they lie:
#   tests/<folder>/*_test.cpp + other .cpp   -> <folder>_test, linked with GoogleTest and tests/support
#   tests/<folder>/CMakeLists.txt            is taken in instead, where a folder has one
#   tests/examples/<stem>.cpp                -> example_<stem>, built as a user would and run
#   tests/support/*.cpp                      -> weft_test_support, which also brings main()
# and the checks of tools/lint. The folder is each test's label: `ctest -L sync`.
include_guard()
include(GoogleTest)

find_package(GTest REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(tests ${PROJECT_SOURCE_DIR}/tests)
set(lint ${PROJECT_SOURCE_DIR}/tools/lint)

# A sanitizer slows a test down several times.
set(WEFT_TEST_TIMEOUT 120)
if(WEFT_SANITIZER)
    math(EXPR WEFT_TEST_TIMEOUT "4 * ${WEFT_TEST_TIMEOUT}")
endif()

file(GLOB support CONFIGURE_DEPENDS ${tests}/support/*.cpp)
add_library(weft_test_support STATIC ${support})
weft_own_code(weft_test_support)
target_include_directories(weft_test_support PUBLIC ${tests} ${PROJECT_SOURCE_DIR}/runtime)
target_link_libraries(weft_test_support PUBLIC weft::static GTest::gtest)
if(WEFT_TEST_LONG)
    target_compile_definitions(weft_test_support PUBLIC WEFT_TEST_LONG)
endif()

# weft_test(<folder> SOURCES <file>... [LINK <library>...] [PROPERTIES <name> <value>...])
#
# One executable of GoogleTest tests, and a ctest for each of its tests or, without WEFT_TEST_EACH,
# for all of them in one process: a sanitizer takes longer to start than most tests take to run.
function(weft_test folder)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK;PROPERTIES")
    weft_executable(
        ${folder}_test
        SOURCES ${arg_SOURCES}
        LINK ${arg_LINK} weft_test_support
    )
    set_target_properties(${folder}_test PROPERTIES ENABLE_EXPORTS ON)  # for stacks with names
    if(TARGET weft_held_locks AND NOT BUILD_SHARED_LIBS AND (WEFT_TEST_HELD_LOCKS OR folder STREQUAL faults))
        target_link_libraries(${folder}_test PRIVATE weft::held_locks)
        target_compile_definitions(${folder}_test PRIVATE WEFT_HELD_LOCKS)
    endif()
    if(WEFT_TEST_EACH)
        gtest_discover_tests(
            ${folder}_test
            TEST_PREFIX ${folder}.
            WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
            DISCOVERY_TIMEOUT 60
            PROPERTIES TIMEOUT ${WEFT_TEST_TIMEOUT} LABELS ${folder} ${arg_PROPERTIES}
        )
    else()
        # Each test has a deadline of its own: tests/support/watchdog.hpp.
        add_test(
            NAME ${folder}
            COMMAND ${folder}_test --gtest_brief=1
            WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
        )
        set_tests_properties(
            ${folder} PROPERTIES TIMEOUT 1200 LABELS ${folder} ${arg_PROPERTIES}
        )
    endif()
endfunction()

# weft_check(<name> <command>...): a ctest that looks at the code and runs none of it.
function(weft_check name)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${WEFT_TEST_TIMEOUT} LABELS lint)
endfunction()

weft_folders(folders ${tests})
list(REMOVE_ITEM folders support examples)
foreach(folder IN LISTS folders)
    if(EXISTS ${tests}/${folder}/CMakeLists.txt)
        add_subdirectory(${tests}/${folder} ${PROJECT_BINARY_DIR}/tests/${folder})
        continue()
    endif()
    file(GLOB sources CONFIGURE_DEPENDS ${tests}/${folder}/*.cpp)
    if(sources MATCHES "_test\\.cpp")
        weft_test(${folder} SOURCES ${sources})
    endif()
endforeach()

if(EXISTS ${tests}/examples/CMakeLists.txt)
    add_subdirectory(${tests}/examples ${PROJECT_BINARY_DIR}/tests/examples)
else()
    file(GLOB examples CONFIGURE_DEPENDS ${tests}/examples/*.cpp)
    foreach(source IN LISTS examples)
        cmake_path(GET source STEM stem)
        weft_executable(example_${stem} SOURCES ${source})
        add_test(NAME example_${stem} COMMAND example_${stem})
        set_tests_properties(
            example_${stem} PROPERTIES TIMEOUT ${WEFT_TEST_TIMEOUT} LABELS examples
        )
    endforeach()
endif()

include(WeftHeaders)
weft_check(headers_alone ${Python3_EXECUTABLE} ${lint}/headers.py ${PROJECT_SOURCE_DIR})
weft_check(layers ${Python3_EXECUTABLE} ${lint}/layers.py ${PROJECT_SOURCE_DIR})
weft_check(promises ${Python3_EXECUTABLE} ${lint}/promises.py ${PROJECT_SOURCE_DIR})
weft_check(readme ${Python3_EXECUTABLE} ${lint}/readme.py ${PROJECT_SOURCE_DIR})
if(NOT WEFT_SANITIZER)
    # A sanitizer keeps its own state in thread-local storage.
    weft_check(
        tls_lint
        ${Python3_EXECUTABLE} ${lint}/tls_lint.py $<TARGET_FILE:weft_static> ${lint}/tls_allow.txt
    )
endif()
