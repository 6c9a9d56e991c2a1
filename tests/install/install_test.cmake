# cmake -D build= -D source= -D scratch= -D compiler= -D generator= -D libdir= -P install_test.cmake

set(prefix ${scratch}/prefix)
set(moved ${scratch}/moved)
file(REMOVE_RECURSE ${prefix} ${moved} ${scratch}/consumer)

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install ${build} --component weft --prefix ${prefix})
# An installed tree may be moved: nothing in it may know where it was first.
file(RENAME ${prefix} ${moved})

run(${CMAKE_COMMAND} -S ${source}/consumer -B ${scratch}/consumer -G ${generator}
    -D CMAKE_PREFIX_PATH=${moved} -D CMAKE_CXX_COMPILER=${compiler}
)
run(${CMAKE_COMMAND} --build ${scratch}/consumer)
foreach(program IN ITEMS consumer_default consumer_static consumer_shared)
    run(${scratch}/consumer/${program})
endforeach()

# With either library; what it prints says that it is the one that the program has.
foreach(shared IN ITEMS OFF ON)
    run(${CMAKE_COMMAND} -D BUILD_SHARED_LIBS=${shared} ${scratch}/consumer)
    run(${CMAKE_COMMAND} --build ${scratch}/consumer --target consumer_held_locks)
    execute_process(
        COMMAND ${scratch}/consumer/consumer_held_locks RESULT_VARIABLE result ERROR_VARIABLE report
    )
    if(result EQUAL 0 OR NOT report MATCHES "task 'careless' .*suspends while it holds\n  the mutex")
        message(FATAL_ERROR "consumer_held_locks, BUILD_SHARED_LIBS=${shared}: ${result}: ${report}")
    endif()
endforeach()

set(ENV{PKG_CONFIG_PATH} ${moved}/${libdir}/pkgconfig)
execute_process(
    COMMAND pkg-config --cflags --libs weft
    OUTPUT_VARIABLE flags
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY
)
separate_arguments(flags UNIX_COMMAND ${flags})
set(program ${scratch}/consumer/consumer_pkg_config)
run(${compiler} -std=c++20 ${source}/main.cpp -o ${program} ${flags} -Wl,-rpath,${moved}/${libdir})
run(${program})
