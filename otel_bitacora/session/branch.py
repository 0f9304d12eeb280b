"""Which branch is checked out, read from git's own files: running git would cost more than the whole command."""

from __future__ import annotations

from pathlib import Path

_BRANCH = "ref: refs/heads/"


def current_branch(folder: Path) -> str | None:
    """Return the branch of the working tree that *folder* lies in; None outside of one, or without a branch.

    Source: gitrepository-layout(5), for worktrees and submodules `.git` as a file.
    """
    for parent in (folder, *folder.parents):
        git = parent / ".git"
        try:
            if git.is_file():
                git = parent / git.read_text().strip().removeprefix("gitdir: ")
            head = (git / "HEAD").read_text().strip()
        except OSError:
            continue
        return head.removeprefix(_BRANCH) if head.startswith(_BRANCH) else None
    return None
