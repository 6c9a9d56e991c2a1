"""Builds the programs of the peers that are installed, below build/peers/ and nowhere else."""

import os
import pathlib
import shutil
import subprocess
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "perf/peers"
WORKLOADS = ROOT / "perf/workload"
BUILD = ROOT / "build/peers"
CRATES = pathlib.Path("/usr/share/cargo/registry")
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's uvloop


@dataclass(frozen=True)
class Peer:
    """A framework: a program of all the files of that name in perf/workload/*/."""

    name: str
    file: str
    packages: str  # of Debian
    one_worker: bool = False  # it has no others


ALL = [
    Peer("floor", "floor.cpp", "libboost-context-dev"),
    Peer("go", "go.go", "golang-go"),
    Peer("tokio", "tokio.rs", "cargo librust-tokio-dev librust-async-channel-dev librust-rayon-dev"),
    Peer("tokio_current", "tokio.rs", "the packages of tokio", one_worker=True),
    Peer("rayon", "rayon.rs", "the packages of tokio"),
    Peer("tbb", "tbb.cpp", "libtbb-dev"),
    Peer("boost_fiber", "boost_fiber.cpp", "libboost-fiber-dev"),
    Peer("asio", "asio.cpp", "libboost-dev"),
    Peer("asyncio", "asyncio.py", "python3", one_worker=True),
    Peer("uvloop", "asyncio.py", "python3-uvloop", one_worker=True),
    Peer("weft", "weft.cpp", ""),
]


class NotInstalled(Exception):
    """A peer that this machine does not have."""


class DoesNotBuild(Exception):
    """A peer whose build failed; says where the log is."""


def run(name: str, *command: object, at: pathlib.Path = ROOT, **environment: object) -> None:
    """Runs a step of a build; the log of all of a peer's is build/peers/NAME.log."""
    log = BUILD / f"{name}.log"
    with log.open("a", encoding="utf-8") as out:
        words = [str(word) for word in command]
        print("$", *words, file=out, flush=True)
        try:
            subprocess.run(words, cwd=at, stdout=out, stderr=subprocess.STDOUT, timeout=900, check=True,
                           env={**os.environ, **{name: str(value) for name, value in environment.items()}})
        except (OSError, subprocess.SubprocessError) as error:
            raise DoesNotBuild(f"{log.relative_to(ROOT)}") from error


def write(path: pathlib.Path, text: str) -> None:
    """Leaves a file alone that says so already: it would be built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def stage(source: pathlib.Path, target: pathlib.Path) -> None:
    """Makes `target` have the files of `source`."""
    for path in source.rglob("*"):
        if path.is_file():
            write(target / path.relative_to(source), path.read_text(encoding="utf-8"))


def sources(file: str) -> dict[str, pathlib.Path]:
    """Returns the files of that name by workload."""
    return {path.parent.name: path for path in sorted(WORKLOADS.glob(f"*/{file}"))}


def build_cpp(name: str) -> list[object]:
    folder = BUILD / "cpp"
    run(name, "cmake", "-S", PEERS, "-B", folder, "-G", "Ninja")
    if name not in (folder / "peers.txt").read_text(encoding="utf-8").split():
        raise NotInstalled
    run(name, "cmake", "--build", folder, "--target", name)
    return [folder / "bin" / name]


def build_go(name: str) -> list[object]:
    if shutil.which("go") is None:
        raise NotInstalled
    folder, program = BUILD / "go", BUILD / "bin/go"
    shutil.rmtree(folder, ignore_errors=True)  # or it would keep workloads that are gone
    stage(PEERS / "go", folder)
    for workload, path in sources("go.go").items():
        write(folder / f"{workload}.go", path.read_text(encoding="utf-8"))
    run(name, "go", "build", "-buildvcs=false", "-o", program, ".", at=folder,
        GOCACHE=BUILD / "go-cache", GOPATH=BUILD / "go-path", GOFLAGS="-mod=mod", GOTOOLCHAIN="local")
    return [program]


def build_rust(name: str) -> list[object]:
    if shutil.which("cargo") is None or not all(
        any(CRATES.glob(f"{crate}-[0-9]*")) for crate in ("tokio", "rayon", "async-channel")
    ):
        raise NotInstalled
    folder = BUILD / "rust"
    stage(PEERS / "rust", folder)
    for framework in ("tokio", "rayon"):
        paths = sources(f"{framework}.rs")
        modules = "".join(f'#[path = "{path}"]\nmod r#{workload};\n' for workload, path in paths.items())
        entries = "".join(f'    ("{workload}", r#{workload}::run),\n' for workload in paths)
        write(folder / f"src/bin/{framework}_workloads.rs",
              f"{modules}\nconst WORKLOADS: &[weft_peers::Workload] = &[\n{entries}];\n")
    run(name, "cargo", "build", "--release", "--offline", "--quiet", "--bin", name, at=folder,
        CARGO_HOME=BUILD / "cargo-home", CARGO_TARGET_DIR=BUILD / "rust-target")
    return [BUILD / "rust-target/release" / name]


def find_python(name: str) -> list[object]:
    if not pathlib.Path(PYTHON).exists():
        raise NotInstalled
    if name == "uvloop" and subprocess.run([PYTHON, "-c", "import uvloop"], stderr=subprocess.DEVNULL).returncode:
        raise NotInstalled
    return [PYTHON, "-B", PEERS / "python/peer.py", name]


def build(peer: Peer, weft: pathlib.Path) -> list[str]:
    """Returns the command that runs the peer, without the words of a workload.

    Errors  NotInstalled, DoesNotBuild.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / f"{peer.name}.log").unlink(missing_ok=True)
    match peer.name:
        case "weft":
            command = [weft]
        case "go":
            command = build_go(peer.name)
        case "tokio" | "rayon":
            command = build_rust(peer.name)
        case "tokio_current":
            command = [*build_rust("tokio"), "current_thread"]
        case "asyncio" | "uvloop":
            command = find_python(peer.name)
        case _:
            command = build_cpp(peer.name)
    return [str(word) for word in command]
