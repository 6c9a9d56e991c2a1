# weft's side of the workloads: perf/workload/<name>/weft.cpp, and what its config.json says.
#   weft_workload_objects   for the tool and for weft_workloads, the program beside the peers'
#   weft_workload_configs   the config.json of each, as embedded_configs() of tools/weft
include_guard()

set(perf ${PROJECT_SOURCE_DIR}/perf)
file(GLOB workload_sources CONFIGURE_DEPENDS ${perf}/workload/*/weft.cpp)
file(GLOB support CONFIGURE_DEPENDS ${perf}/support/*.cpp)
list(FILTER support EXCLUDE REGEX _main\\.cpp$)
# A folder with a CMakeLists.txt of its own is that one's.
foreach(source IN LISTS workload_sources)
    cmake_path(GET source PARENT_PATH folder)
    if(EXISTS ${folder}/CMakeLists.txt)
        list(REMOVE_ITEM workload_sources ${source})
    endif()
endforeach()

# Objects, as nothing but their constructors names them: a linker would leave them in their archive.
add_library(weft_workload_objects OBJECT ${workload_sources} ${support})
weft_own_code(weft_workload_objects)
# As the peers' side of them: their kernels are to be the same code. The library is as its users have it.
target_compile_options(weft_workload_objects PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O3>)
# Each is a program of its own in spirit, and names things as it likes.
set_target_properties(weft_workload_objects PROPERTIES UNITY_BUILD OFF)
target_include_directories(weft_workload_objects PUBLIC ${perf})
target_link_libraries(weft_workload_objects PUBLIC weft::static)

set(entries "")
foreach(source IN LISTS workload_sources)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(GET folder FILENAME name)
    if(NOT EXISTS ${folder}/config.json)
        continue()
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/config.json)
    file(READ ${folder}/config.json text)
    string(APPEND entries "    {\"${name}\", R\"config(${text})config\"},\n")
endforeach()
set(generated ${PROJECT_BINARY_DIR}/generated/workload_configs.cpp)
file(
    CONFIGURE OUTPUT ${generated} @ONLY
    CONTENT [[#include <vector>

#include "workload_catalog.hpp"

namespace weft::tool {

std::span<const EmbeddedConfig> embedded_configs() {
    static const std::vector<EmbeddedConfig> configs{
@entries@    };
    return configs;
}

}  // namespace weft::tool
]]
)
add_library(weft_workload_configs STATIC ${generated})
weft_own_code(weft_workload_configs)
target_include_directories(weft_workload_configs PRIVATE ${PROJECT_SOURCE_DIR}/tools/weft)
