"""Examples in the documents are run as they are printed."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = (
    "README.md",
    "docs/query.md",
    "otel_bitacora/monitor/README.md",
    "otel_bitacora/reporter/core/README.md",
    "otel_bitacora/reporter/dev/README.md",
    "otel_bitacora/reporter/production/README.md",
)


@pytest.fixture(autouse=True)
def _a_user_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Examples log into a journal of this test, through handlers that are gone after it."""
    monkeypatch.setenv("BITACORA_JOURNAL_DIR", str(tmp_path / "journal"))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_python_example_of_a_document_runs(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)

    for example in examples:
        exec(compile(example, document, "exec"), {"__name__": "__main__"})

    assert examples
    assert capsys.readouterr().out


def test_documents_name_no_registry_and_no_path_of_a_machine() -> None:
    paths = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"), ROOT / "pyproject.toml"]

    for path in paths:
        text = path.read_text()
        assert not re.search(r"pypi\.org|proxy\.golang", text), path
        assert ROOT.parent == Path("/") or f"{ROOT.parent}/" not in text, path


def test_links_between_documents_lead_somewhere() -> None:
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("otel_bitacora/**/README.md"),
    ]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path}: {target}"


def test_the_promise_is_linked_to_tests_that_there_are(root: Path) -> None:
    promise = (root / "README.md").read_text().split("### The promise")[1].split("\n## ")[0]
    rows = [line for line in promise.splitlines() if line.startswith("| ") and "](" in line]

    found = [(path, name) for row in rows for path, name in _linked_tests(row)]

    assert len(found) >= len(rows) == 7
    for path, name in found:
        assert f"def {name}(" in (root / path).read_text(), f"{path}: {name}"


def _linked_tests(row: str) -> Iterator[tuple[str, str]]:
    path = ""
    for link, name in re.findall(r"\]\((tests/[^)]+)\)|`(test_\w+)`", row):
        path = link or path
        if name:
            yield path, name
