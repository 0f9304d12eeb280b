"""The README is true: its example runs, its table has every collector and metric."""

import re
from pathlib import Path

import pytest

from bitacora_collectors import BUILTIN

README = Path(__file__).parents[2].joinpath("collectors", "README.md").read_text(encoding="utf-8")


def test_the_example_runs_and_prints_memory(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

    exec(compile(example, "README.md", "exec"), {})

    assert "system.memory.limit" in capsys.readouterr().out


@pytest.mark.parametrize("factory", BUILTIN, ids=lambda factory: factory.name)
def test_the_table_has_every_metric(factory):
    (row,) = re.findall(rf"^\| `{factory.name}` \| {factory.group.value} \|.*$", README, re.MULTILINE)
    reported = re.findall(r"`([\w.]+)`", row.split("|")[4])

    # `.usage` continues the name before it
    assert len(reported) == len(factory.metrics)
    for metric in factory.metrics:
        assert any(metric.name.endswith(name) for name in reported)
