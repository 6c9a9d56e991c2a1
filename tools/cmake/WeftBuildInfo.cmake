# Writes build_info() of tools/weft/build_info.hpp; run by each build, by `cmake -P`, with
#   SOURCE   the folder whose commit is asked for
#   OUTPUT   what is written, if it differs
#   TYPE, FLAGS
# A folder that is no repository, or one inside of somebody else's, has no commit of its own.

set(commit unknown)
execute_process(
    COMMAND git --no-optional-locks -C ${SOURCE} rev-parse --show-cdup
    OUTPUT_VARIABLE way_up ERROR_QUIET RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE
)
if("${failed}" STREQUAL "0" AND "${way_up}" STREQUAL "")
    execute_process(
        COMMAND git --no-optional-locks -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
        OUTPUT_VARIABLE described ERROR_QUIET RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE
    )
    if("${failed}" STREQUAL "0")
        set(commit ${described})
    endif()
endif()

string(STRIP "${FLAGS}" FLAGS)
file(
    CONFIGURE OUTPUT ${OUTPUT} @ONLY
    CONTENT [[#include "build_info.hpp"

namespace weft::tool {

BuildInfo build_info() {
    return {"@commit@", "@TYPE@", R"flags(@FLAGS@)flags"};
}

}  // namespace weft::tool
]]
)
