"""Numbers of a profile that no job can have are one sentence with their key."""

from typing import Any

import pytest

from hybridmap.check.profile import refuse_amount
from hybridmap.errors import HybridmapError


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("default-resources: mem_mb", 0),
        ("default-resources: mem_mb", "lots"),
        ("set-resources: cube: mem_mb", "8GB"),
        ("set-resources: cube: mem_mb", -1),
        ("set-resources: cube: runtime", " long "),
        ("set-resources: cube: cpus_per_task", 0),
        ("set-threads: cube", "many"),
        ("set-threads: cube", "4 cores"),
        ("max-threads", 0),
    ],
)
def test_what_is_no_amount_is_named_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(HybridmapError, match=rf"^profile: {key}: {value}: expected a number.* above 0; ") as error:
        refuse_amount(key, value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("default-resources: mem_mb", 1),
        ("default-resources: mem_mb", None),
        ("default-resources: mem_mb", "1000 * attempt"),
        ("default-resources: mem_mb", "max(input.size_mb, 500)"),
        ("set-resources: cube: tasks", "threads"),
        ("set-resources: cube: gpu", 0),
        ("set-resources: cube: slurm_partition", "lots"),
        ("max-threads", None),
    ],
)
def test_numbers_and_expressions_pass(key: str, value: Any) -> None:
    refuse_amount(key, value)
