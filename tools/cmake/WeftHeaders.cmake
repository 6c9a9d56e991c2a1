# Each public header compiles alone, with nothing but include/ on the path, and twice in one file.
# Being part of the build, a header that does not is an error of the build; the ctest headers_alone
# looks at what they include.
include_guard()

if(CMAKE_UNITY_BUILD AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    return()  # one preset that looks at it is enough: dev
endif()

set(folder ${PROJECT_BINARY_DIR}/headers_alone)
file(
    GLOB_RECURSE headers
    RELATIVE ${PROJECT_SOURCE_DIR}/include
    CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/*.hpp
)
if(NOT headers)
    return()
endif()

set(units)
foreach(header IN LISTS headers)
    string(REPLACE / - name ${header})
    set(unit ${folder}/${name}.cpp)
    file(CONFIGURE OUTPUT ${unit} CONTENT "#include <${header}>\n#include <${header}>\n")
    list(APPEND units ${unit})
endforeach()

add_library(weft_headers_alone OBJECT ${units})
weft_own_code(weft_headers_alone)
set_target_properties(weft_headers_alone PROPERTIES UNITY_BUILD OFF)
target_compile_options(weft_headers_alone PRIVATE SHELL:-Wshadow)  # also where the tests are joined
target_include_directories(weft_headers_alone PRIVATE ${PROJECT_SOURCE_DIR}/include)
