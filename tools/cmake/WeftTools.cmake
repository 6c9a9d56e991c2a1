# The command-line tool `weft`.
include_guard()

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/weft/*.cpp)
if(NOT sources)
    return()
endif()

find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)

weft_executable(
    weft PRIVATE_HEADERS
    SOURCES ${sources}
    LINK CLI11::CLI11 OpenSSL::Crypto fmt::fmt nlohmann_json::nlohmann_json
)
if(WEFT_INSTALL)
    install(TARGETS weft RUNTIME COMPONENT weft_tool)
endif()
