#pragma once

namespace weft::tool {

/// How the tool was built. The build writes it: see tools/cmake/WeftBuildInfo.cmake.
struct BuildInfo {
    const char* commit;  ///< "082fa54", with "-dirty" where files differ from it; "unknown"
    const char* type;    ///< CMAKE_BUILD_TYPE
    const char* flags;   ///< of the compiler
};

[[nodiscard]] BuildInfo build_info();

}  // namespace weft::tool
