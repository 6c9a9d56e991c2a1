# Benchmarks:
#   perf/micro/<noun>_bench.cpp       -> <noun>_bench, with Google Benchmark
#   perf/workload/<name>/<stem>.cpp   -> <name>_<stem>
#   perf/workload/<name>/weft.cpp     -> a part of weft_workloads, weft's side of what peers do, too;
#                                        perf/peers/ builds theirs
# A folder of perf/workload/ with a CMakeLists.txt of its own is taken in by that instead.
include_guard()

find_package(benchmark REQUIRED)
set(perf ${PROJECT_SOURCE_DIR}/perf)

function(weft_perf_executable target source)
    weft_executable(${target} PRIVATE_HEADERS SOURCES ${source} LINK ${ARGN})
    target_include_directories(${target} PRIVATE ${perf})
endfunction()

file(GLOB micro CONFIGURE_DEPENDS ${perf}/micro/*_bench.cpp)
foreach(source IN LISTS micro)
    cmake_path(GET source STEM stem)
    weft_perf_executable(${stem} ${source} benchmark::benchmark)
endforeach()

weft_folders(workloads ${perf}/workload)
foreach(name IN LISTS workloads)
    if(EXISTS ${perf}/workload/${name}/CMakeLists.txt)
        add_subdirectory(${perf}/workload/${name} ${PROJECT_BINARY_DIR}/perf/workload/${name})
        continue()
    endif()
    # What stands beside a weft.cpp under one of these names is built by perf/peers/.
    set(peers)
    if(EXISTS ${perf}/workload/${name}/weft.cpp)
        set(peers asio boost_fiber floor tbb)
    endif()
    file(GLOB programs CONFIGURE_DEPENDS ${perf}/workload/${name}/*.cpp)
    foreach(source IN LISTS programs)
        cmake_path(GET source STEM stem)
        if(stem STREQUAL weft)
            list(APPEND workload_sources ${source})
            continue()
        elseif(stem IN_LIST peers)
            continue()
        endif()
        weft_perf_executable(${name}_${stem} ${source})
    endforeach()
endforeach()

# Objects, as nothing but their constructors names them: a linker would leave them in their archive.
add_library(weft_workload_objects OBJECT
    ${workload_sources} ${perf}/support/run.cpp ${perf}/support/workload.cpp
)
weft_own_code(weft_workload_objects)
# As the peers' side of them: their kernels are to be the same code. The library is as its users have it.
target_compile_options(weft_workload_objects PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O3 -march=native>)
# Each is a program of its own in spirit, and names things as it likes.
set_target_properties(weft_workload_objects PROPERTIES UNITY_BUILD OFF)
target_include_directories(weft_workload_objects PUBLIC ${perf})
target_link_libraries(weft_workload_objects PUBLIC weft::static)
weft_perf_executable(
    weft_workloads ${perf}/support/workload_main.cpp weft_workload_objects
)
