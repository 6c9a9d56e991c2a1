# Benchmarks:
#   perf/micro/<noun>_bench.cpp       -> <noun>_bench, with Google Benchmark
#   perf/workload/<name>/<stem>.cpp   -> <name>_<stem>
#   perf/workload/<name>/weft.cpp     -> a part of weft_workloads, weft's side of what peers do, too:
#                                        see WeftWorkloads; perf/peers/ builds theirs
# A folder of perf/workload/ with a CMakeLists.txt of its own is taken in by that instead.
include_guard()
include(WeftWorkloads)

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
            continue()
        elseif(stem IN_LIST peers)
            continue()
        endif()
        weft_perf_executable(${name}_${stem} ${source})
    endforeach()
endforeach()

weft_perf_executable(
    weft_workloads ${perf}/support/workload_main.cpp weft_workload_objects
)
