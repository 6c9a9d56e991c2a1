#include <cstdio>
#include <string>
#include <weft/weft.hpp>

int main() {
    weft::run([] {
        // [readme:echo]
        auto server = weft::start_server(
            [](weft::StreamReader reader, weft::StreamWriter writer) {
                for (std::string line = reader.readline(); !line.empty();
                     line = reader.readline()) {
                    writer.write(line);
                    writer.drain();
                }
            },
            "127.0.0.1",
            0
        );

        auto [reader, writer] = weft::open_connection("127.0.0.1", server.port());
        writer.write("hello\n");
        std::printf("echo: %s", reader.readline().c_str());
        // [/readme]
        writer.close();
        server.close();
    });
}
