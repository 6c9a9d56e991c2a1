# The command-line tool `weft`: main.cpp and weft_tool_parts, which the tests of its parts link, too.
include_guard()

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/weft/*.cpp)
if(NOT sources)
    return()
endif()

find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
include(WeftWorkloads)

set(tool ${PROJECT_SOURCE_DIR}/tools/weft)
list(REMOVE_ITEM sources ${tool}/main.cpp)

# The commit may change from one build to the next, and nothing of CMake's with it.
set(build_info ${PROJECT_BINARY_DIR}/generated/build_info.cpp)
string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
add_custom_target(
    weft_build_info
    COMMAND ${CMAKE_COMMAND}
            -D SOURCE=${PROJECT_SOURCE_DIR}
            -D OUTPUT=${build_info}
            -D TYPE=${CMAKE_BUILD_TYPE}
            -D "FLAGS=${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}"
            -P ${PROJECT_SOURCE_DIR}/tools/cmake/WeftBuildInfo.cmake
    BYPRODUCTS ${build_info}
    VERBATIM
)

add_library(weft_tool_parts STATIC ${sources} ${build_info})
weft_own_code(weft_tool_parts)
add_dependencies(weft_tool_parts weft_build_info)
target_include_directories(
    weft_tool_parts PUBLIC ${tool} PRIVATE ${PROJECT_SOURCE_DIR}/runtime ${PROJECT_SOURCE_DIR}/perf
)
target_link_libraries(
    weft_tool_parts
    PUBLIC CLI11::CLI11 OpenSSL::Crypto fmt::fmt nlohmann_json::nlohmann_json weft_workload_configs
           weft::static
)
set_source_files_properties(${build_info} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

weft_executable(
    weft PRIVATE_HEADERS
    SOURCES ${tool}/main.cpp
    LINK weft_tool_parts weft_workload_objects
)
if(WEFT_INSTALL)
    install(TARGETS weft RUNTIME COMPONENT weft_tool)
endif()
