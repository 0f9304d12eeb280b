"""Examples in the documents are run as they are printed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "otel_bitacora/monitor/README.md")


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
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), ROOT / "otel_bitacora/monitor/README.md"]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path}: {target}"
