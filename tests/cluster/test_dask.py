"""A dask cluster of real processes under TLS, each of which is killed: the same bytes, and a sentence each time."""

import filecmp
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from tests.cluster.conftest import Region, command_of

pytestmark = pytest.mark.cluster
REPLACED = ("--workers", "--log", "--out")
"""Options of the command that others take the place of."""


def awaited(condition: Callable[[], object], seconds: float = 90) -> None:
    """Wait until it is so; a failed test if it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Processes:
    """Scheduler, workers and commands in a folder, all of which speak TLS by the same certificate.

    Parameters
    ----------
    folder : Path
        Gets certificate, scheduler file and logs.
    region : Region
        Finished, whose map is made again.
    """

    def __init__(self, folder: Path, region: Region) -> None:
        self.folder, self.region = folder, region
        self.file, self.store = folder / "dask.json", folder / "maps" / "maps.zarr"
        self.alive: list[subprocess.Popen[bytes]] = []
        key, certificate = folder / "key.pem", folder / "me.pem"
        make = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout {key} -out {certificate}"
        subprocess.run(shlex.split(make), check=True, capture_output=True)
        security = "DASK_DISTRIBUTED__COMM__"
        self.environment = os.environ | {
            f"{security}REQUIRE_ENCRYPTION": "true",
            f"{security}TLS__CA_FILE": str(certificate),
        }
        for role in ("SCHEDULER", "WORKER", "CLIENT"):
            self.environment[f"{security}TLS__{role}__CERT"] = str(certificate)
            self.environment[f"{security}TLS__{role}__KEY"] = str(key)

    def start(self, log: str, *words: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a program, whose words go to a log."""
        with (self.folder / log).open("ab") as stream:
            process = subprocess.Popen(
                words,
                cwd=self.region.folder,
                env=self.environment | environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        self.alive.append(process)
        return process

    def scheduler(self) -> "subprocess.Popen[bytes]":
        """Start a scheduler and wait for its file."""
        self.file.unlink(missing_ok=True)
        words = ("-c", "from distributed.cli.dask_scheduler import main; main()", "--no-dashboard", "--protocol", "tls")
        place = ("--scheduler-file", str(self.file), "--interface", "lo", "--port", "0")
        process = self.start("scheduler.log", sys.executable, *words, *place)
        awaited(self.file.exists)
        assert json.loads(self.file.read_text())["address"].startswith("tls://")
        return process

    def worker(self, *through: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a worker of one thread, which is one process, alone or through another program."""
        words = ("-c", "from distributed.cli.dask_worker import main; main()", "--no-dashboard", "--no-nanny")
        place = ("--scheduler-file", str(self.file), "--interface", "lo", "--nthreads", "1", "--protocol", "tls")
        return self.start("worker.log", *through, sys.executable, *words, *place, **environment)

    def predict(self, patience_s: int = 60) -> "subprocess.Popen[bytes]":
        """Start the command that made the map of the region, on the workers and into another store."""
        words = shlex.split(command_of(self.region, "predict"))
        words = [w for k, w in enumerate(words) if not {w, words[k - 1]} & set(REPLACED)]
        place = ("--out", str(self.store), "--scheduler", str(self.file), "--patience", str(patience_s))
        return self.start("predict.log", sys.executable, "-m", "hybridmap.cli", *words[1:], *place)

    def said(self) -> str:
        """What all commands said."""
        return (self.folder / "predict.log").read_text() if (self.folder / "predict.log").exists() else ""

    def tiles(self) -> int:
        """Files of pixels that are written."""
        return sum(1 for _ in self.folder.glob("maps/maps.zarr.partial/*/c/**/*"))


@pytest.fixture
def processes(tmp_path: Path, local: Region) -> Iterator[Processes]:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates")
    cluster = Processes(tmp_path, local)
    yield cluster
    for process in cluster.alive:
        process.kill()
        process.wait()


def same_store(processes: Processes, local: Region) -> int:
    """How many files the map has; they are those of the map that was made on this machine.

    But for `zarr.json`, into which `export` has written there what the map says of itself.
    """
    made = local.results / "experiments/some_neural/maps.zarr"
    names = [str(file.relative_to(made)) for file in made.rglob("*") if file.is_file()]
    names.remove("zarr.json")
    assert (processes.store / "zarr.json").is_file()
    assert filecmp.cmpfiles(made, processes.store, names, shallow=False)[1:] == ([], [])
    return len(names)


def other_release(folder: Path) -> Path:
    """A copy of the package whose maps would be wrong by half."""
    shutil.copytree(ROOT / "hybridmap", folder / "hybridmap", ignore=shutil.ignore_patterns("__pycache__"))
    tile = folder / "hybridmap/predict/tile.py"
    tile.write_text(tile.read_text() + "\n# Another release.\n_FACTOR = 1.5\n")
    return folder


def test_each_process_is_killed_and_the_map_is_the_same(processes: Processes, local: Region, tmp_path: Path) -> None:
    assert processes.predict(patience_s=1).wait(60) == 1
    assert "no file of a dask scheduler after 1 s" in processes.said()
    scheduler = processes.scheduler()
    alien = processes.worker(PYTHONPATH=str(other_release(tmp_path / "other")))
    awaited(lambda: "Registered to" in (tmp_path / "worker.log").read_text())
    assert processes.predict().wait(90) == 1
    assert "none of its workers can take part" in processes.said()
    assert "instead of" in processes.said()
    # The alien stays all the while and gets no tile.
    worker = processes.worker()
    command = processes.predict()
    awaited(lambda: processes.tiles() > 0)
    worker.kill()
    awaited(lambda: "no workers; waiting 60 s for some to start" in processes.said())
    before = processes.tiles()
    worker = processes.worker()
    awaited(lambda: processes.tiles() > before)
    command.kill()
    command.wait()
    started = processes.said().count("done before")
    command = processes.predict()
    awaited(lambda: processes.said().count("done before") > started)  # by now the last tile of the killed one is over
    before = processes.tiles()
    awaited(lambda: processes.tiles() > before)
    scheduler.kill()
    assert command.wait(120) == 1
    assert "the dask scheduler is gone" in processes.said()
    worker.kill()
    processes.scheduler()
    processes.worker()
    assert not processes.store.exists()
    assert processes.predict().wait(180) == 0, processes.said()
    assert "Traceback" not in processes.said()
    assert alien.poll() is None or alien.returncode == 0
    assert same_store(processes, local) > 10


@pytest.mark.nightly
def test_a_worker_that_does_not_see_the_files_gets_no_tile(processes: Processes, local: Region) -> None:
    """Its machine has a folder of the name, which is its own; one that sees them makes the map beside it."""
    folder = processes.store.parent
    folder.mkdir()
    own_folder = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(folder))
    if subprocess.run((*own_folder, "true"), check=False).returncode:
        pytest.skip("nothing can be mounted here")
    processes.scheduler()
    blind = processes.worker(*own_folder)
    awaited(lambda: "Registered to" in (processes.folder / "worker.log").read_text())
    assert processes.predict().wait(120) == 1
    assert "it does not see" in processes.said()
    assert "maps.zarr.lock as it is here; results lie in a folder that all machines share" in processes.said()
    assert not processes.store.exists()
    processes.worker()
    awaited(lambda: (processes.folder / "worker.log").read_text().count("Registered to") == 2)
    assert processes.predict().wait(240) == 0, processes.said()
    assert "Traceback" not in processes.said()
    assert blind.poll() is None
    assert same_store(processes, local) > 10
