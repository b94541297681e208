"""Tiles on a dask cluster: the same bytes, and a sentence for whatever a cluster can do to a run."""

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from map_recipes import recipe_of

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.grid import resumable_store
from hybridmap.grid.tiles import Tile
from hybridmap.predict import dask_cluster, dask_identity, run
from hybridmap.predict.dask_cluster import Cluster
from hybridmap.predict.dask_identity import UNSEEN, code_identity, worker_identity
from hybridmap.predict.recipe import Job
from hybridmap.predict.run import Execution


class PretendedClient:
    """Workers that come and go as told; each answers with its identity."""

    def __init__(self, *looks: dict[str, Any]) -> None:
        self.looks = list(looks)

    @property
    def _now(self) -> dict[str, Any]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def nthreads(self) -> dict[str, int]:
        self.present = self._now
        return dict.fromkeys(self.present, 2)

    def run(self, question: Callable[[], object], workers: list[str], on_error: str) -> dict[str, Any]:
        assert on_error == "return"
        return {address: self.present[address] for address in workers}


OWN = code_identity() | {UNSEEN: ""}


def cluster_of(monkeypatch: pytest.MonkeyPatch, *looks: dict[str, Any], patience_s: float = 0.0) -> Cluster:
    monkeypatch.setattr(dask_cluster, "POLL_S", 0.0)
    return Cluster(PretendedClient(*looks), "dask.json", patience_s, {})


def test_workers_of_other_code_get_no_tile(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    other, older = OWN | {"hybridmap": "9.9.9 (code 0)"}, AttributeError("no code_identity")
    cluster = cluster_of(monkeypatch, {"a": OWN, "b": other}, {"a": OWN, "b": other, "c": older, "d": OWN})
    cluster.await_workers()
    assert (list(cluster.threads), list(cluster.refused)) == (["a"], ["b"])
    assert "dask worker b gets no tile: hybridmap 9.9.9 (code 0) instead of" in caplog.text
    cluster.look()  # others come while the run lasts
    assert (sorted(cluster.threads), sorted(cluster.refused)) == (["a", "d"], ["b", "c"])
    assert cluster.slots() == 4
    assert "c gets no tile: its hybridmap is none of this release (no code_identity)" in caplog.text


@pytest.mark.parametrize("name", sorted(code_identity()))
def test_a_cluster_of_other_code_alone_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    cluster = cluster_of(monkeypatch, {"a": OWN | {name: "0.0"}})
    with pytest.raises(HybridmapError, match=f"none of its workers can take part; a: {name} 0.0 instead of"):
        cluster.await_workers()


def test_a_worker_that_does_not_answer_gets_no_tile_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = OSError("Timed out during handshake")
    cluster = cluster_of(monkeypatch, {"a": OWN, "b": busy}, {"a": OWN, "b": busy}, {"a": OWN, "b": OWN})
    cluster.await_workers()
    cluster.look()
    assert (list(cluster.threads), cluster.refused) == (["a"], {})
    cluster.look()
    assert sorted(cluster.threads) == ["a", "b"]


@pytest.mark.parametrize("text", [None, "of another run", "\udcff"])
def test_a_worker_that_sees_other_files_is_named_with_the_first_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    lock, cube = tmp_path / "maps.zarr.lock", tmp_path / "zarr.json"
    cube.write_text("{}")
    if text is not None:
        lock.write_text(text, errors="surrogateescape")
    marks = {str(cube): "{}", str(lock): "of this run"}
    answer = asyncio.run(worker_identity(marks, seconds=0))
    with pytest.raises(HybridmapError, match=rf"none of its workers can take part; a: it does not see {lock} as it is"):
        cluster_of(monkeypatch, {"a": answer}).await_workers()
    lock.write_text("of this run")
    cluster_of(monkeypatch, {"a": asyncio.run(worker_identity(marks, seconds=0))}).await_workers()


def test_a_file_that_is_seen_late_is_waited_for(tmp_path: Path) -> None:
    async def see() -> dict[str, str]:
        answer = asyncio.ensure_future(worker_identity({str(tmp_path / "late"): "x"}, seconds=30))
        await asyncio.sleep(0.1)
        (tmp_path / "late").write_text("x")
        return await answer

    assert asyncio.run(see()) == OWN


def test_lost_workers_are_told_and_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = cluster_of(monkeypatch, {"a": OWN, "b": OWN}, {"a": OWN}, {}, {}, {"c": OWN}, patience_s=60)
    cluster.await_workers()
    for left in (1, 0, 0, 1):
        cluster.look()
        assert len(cluster.threads) == left
    assert "dask workers lost: 1, left: 1" in caplog.text
    assert caplog.text.count("no workers; waiting 60 s for some to start") == 1


def test_no_worker_for_too_long_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HybridmapError, match=r"no workers, and none came in 0 s; start some with 'dask worker'"):
        cluster_of(monkeypatch, {}).await_workers()


@pytest.mark.parametrize("text", [None, "", "[]", '{"id": 1}'])
def test_a_file_of_no_scheduler_is_named_after_a_while(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "dask.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(HybridmapError, match=r"dask.json: no file of a dask scheduler after 0 s"):
        dask_cluster._open_client(str(file), 0.0)


def test_the_file_of_a_dead_cluster_is_named(tmp_path: Path) -> None:
    file = tmp_path / "dask.json"
    file.write_text(json.dumps({"address": "tcp://127.0.0.1:9"}))
    with pytest.raises(HybridmapError, match=r"dask.json \(tcp://127.0.0.1:9\): no dask scheduler answers there"):
        dask_cluster._open_client(str(file), 1.0)


@pytest.mark.parametrize("address", ["nonsense", "host:many", "tcp://host", "http://host:1", "tcp://host:99999", "5"])
@pytest.mark.parametrize("is_in_file", [False, True])
def test_what_is_no_address_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, is_in_file: bool
) -> None:
    monkeypatch.setattr("distributed.Client", None)
    (tmp_path / "dask.json").write_text(json.dumps({"address": address}))
    scheduler = str(tmp_path / "dask.json") if is_in_file else address
    with pytest.raises(HybridmapError, match=rf"^--scheduler .*{address}\)?: is no address .*tcp://host:8786"):
        dask_cluster._open_client(scheduler, 0.0)


@pytest.fixture
def job(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> Callable[[str], Job]:
    """A map of a small region into a store of this name."""
    config, folder = small_region
    block = config.predict.model_copy(update={"intervals": "none", "tile": 32})
    recipe = recipe_of(config.model_copy(update={"predict": block}), "some_neural", trained / "some_neural/all/model")
    return lambda name: Job(recipe, folder / "cube.zarr", tmp_path / name)


def digest(store: Path) -> str:
    files = [file for file in sorted(store.rglob("*")) if file.is_file()]
    return hashlib.sha256(
        b"".join(f.relative_to(store).as_posix().encode() + f.read_bytes() for f in files)
    ).hexdigest()


def test_workers_make_the_same_store(job: Callable[[str], Job], tmp_path: Path) -> None:
    from distributed import LocalCluster

    run.predict(job("here.zarr"), Execution(1))
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        run.predict(job("dask.zarr"), Execution(scheduler=cluster.scheduler_address))
    assert digest(tmp_path / "dask.zarr") == digest(tmp_path / "here.zarr")


def test_a_run_goes_on_when_new_workers_come(
    job: Callable[[str], Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from distributed import LocalCluster

    run.predict(job("here.zarr"), Execution(1))
    monkeypatch.setattr(dask_cluster, "POLL_S", 0.05)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        predict, replaced = dask_cluster.workers.work, []

        def replace_the_worker(*arguments: Any) -> object:
            if not replaced:
                replaced.append(next(iter(cluster.workers.values())).address)
                cluster.loop.add_callback(cluster.scheduler.remove_worker, replaced[0], stimulus_id="test")
                cluster.scale(2)
            return predict(*arguments)

        monkeypatch.setattr(dask_cluster.workers, "work", replace_the_worker)
        run.predict(job("dask.zarr"), Execution(scheduler=cluster.scheduler_address))
    assert replaced
    assert "dask workers lost: 1" in caplog.text
    assert digest(tmp_path / "dask.zarr") == digest(tmp_path / "here.zarr")


class EndedFuture:
    """A task that has ended in some way."""

    def __init__(self, status: str, error: Exception | None = None) -> None:
        self.status, self.error = status, error

    def exception(self) -> Exception | None:
        return self.error


def is_written(future: EndedFuture, client: str = "running") -> bool:
    return dask_cluster._is_written(SimpleNamespace(status=client), future, SimpleNamespace(out=Path("maps.zarr")))


def test_a_tile_is_written_although_its_worker_is_gone_and_made_again_if_it_was_lost_before() -> None:
    assert [is_written(EndedFuture(status)) for status in ("finished", "cancelled", "lost")] == [True, False, False]


def test_only_a_lost_connection_is_a_scheduler_that_is_gone() -> None:
    with pytest.raises(ConnectionError):
        is_written(EndedFuture("cancelled"), client="connecting")


def test_what_a_worker_could_not_read_or_write_is_not_a_scheduler_that_is_gone() -> None:
    error = FileNotFoundError(2, "No such file or directory", "/scratch/maps.zarr")
    with pytest.raises(HybridmapError, match=r"maps.zarr: a dask worker could not read or write .*/scratch/maps.zarr"):
        is_written(EndedFuture("error", error))
    with pytest.raises(ValueError, match="a fault of the code"):
        is_written(EndedFuture("error", ValueError("a fault of the code")))


def test_a_worker_that_sees_none_of_the_files_gets_no_tile(
    job: Callable[[str], Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where every machine has a folder of this name, and none is shared."""
    from distributed import LocalCluster

    monkeypatch.setattr(dask_identity, "SEEN_S", 0.0)
    monkeypatch.setattr(dask_identity, "_text", lambda file: None)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        pytest.raises(HybridmapError, match=r"it does not see .*dask.zarr.lock as it is here; results lie in a folder"),
    ):
        run.predict(job("dask.zarr"), Execution(scheduler=cluster.scheduler_address))
    assert not (tmp_path / "dask.zarr").exists()


@pytest.mark.nightly
def test_a_lost_worker_that_writes_on_does_no_harm(
    job: Callable[[str], Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both it and the one in its place are at the receipt of the same tile; the lost one is first."""
    from distributed import LocalCluster

    run.predict(job("here.zarr"), Execution(1))
    monkeypatch.setattr(dask_cluster, "POLL_S", 0.05)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        predict, sync = dask_cluster.workers.work, resumable_store.replace_durably
        meet, lost = threading.Barrier(2), []

        def met(partial: Path, path: Path) -> None:
            if lost and path.name == lost[0]:
                meet.wait(20)
                if threading.get_ident() != lost[1]:
                    time.sleep(0.3)
            sync(partial, path)

        def lose_the_worker(tile: Tile, key: str) -> object:
            if not lost:
                lost.extend([tile.name, threading.get_ident()])
                worker = next(iter(cluster.workers.values())).address
                cluster.loop.add_callback(cluster.scheduler.remove_worker, worker, stimulus_id="test")
                cluster.scale(2)
            return predict(tile, key)

        monkeypatch.setattr(resumable_store, "replace_durably", met)
        monkeypatch.setattr(dask_cluster.workers, "work", lose_the_worker)
        run.predict(job("dask.zarr"), Execution(scheduler=cluster.scheduler_address))
    assert not meet.broken
    assert digest(tmp_path / "dask.zarr") == digest(tmp_path / "here.zarr")


def test_a_scheduler_that_ends_is_told_and_the_next_run_goes_on(
    job: Callable[[str], Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dask
    from distributed import LocalCluster

    run.predict(job("here.zarr"), Execution(1))
    monkeypatch.setattr(dask_cluster, "POLL_S", 0.05)
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None)
        predict, finished = dask_cluster.workers.work, []

        def end_the_cluster(*arguments: Any) -> object:
            finished.append(arguments)
            if len(finished) == 3:
                cluster.loop.add_callback(cluster.scheduler.close)
            return predict(*arguments)

        monkeypatch.setattr(dask_cluster.workers, "work", end_the_cluster)
        with pytest.raises(HybridmapError, match=r"the dask scheduler is gone; start a cluster and run again"):
            run.predict(job("dask.zarr"), Execution(scheduler=cluster.scheduler_address))
        cluster.close(timeout=5)
    assert not (tmp_path / "dask.zarr").exists()
    run.predict(job("dask.zarr"), Execution(1))
    assert digest(tmp_path / "dask.zarr") == digest(tmp_path / "here.zarr")


def test_an_address_where_nobody_answers_leaves_no_store(
    job: Callable[[str], Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "ANSWER_S", 1.0)
    with pytest.raises(HybridmapError, match=r"tcp://127.0.0.1:9: no dask scheduler answers there"):
        run.predict(job("m.zarr"), Execution(1, scheduler="tcp://127.0.0.1:9"))
    assert not (tmp_path / "m.zarr").exists()
