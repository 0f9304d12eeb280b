import stat
from pathlib import Path

import pytest

from otel_bitacora.errors import SettingsError, StateUnavailable
from otel_bitacora.http.token import obtain_token, state_directory
from otel_bitacora.settings import Settings


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_token_is_generated_once_and_only_its_user_can_read_it(directory: Path) -> None:
    settings = Settings(state_dir=directory)

    first, again = obtain_token(settings), obtain_token(settings)

    assert first == again
    assert len(first) >= 32
    assert stat.S_IMODE((directory / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [path.name for path in directory.iterdir()] == ["token"]


def test_a_token_that_is_set_needs_no_state_directory(directory: Path) -> None:
    settings = Settings(state_dir=directory, token="a-token-that-is-long-enough")

    assert obtain_token(settings) == "a-token-that-is-long-enough"
    assert not directory.exists()


def test_a_token_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a-token-from-a-mounted-secret\n")

    assert obtain_token(Settings(token_file=tmp_path / "secret")) == "a-token-from-a-mounted-secret"


@pytest.mark.parametrize("token", ["short", "with blanks in the middle", "tøken-that-is-long-enough"])
def test_a_weak_token_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(SettingsError, match="at least 16 printable ASCII characters") as caught:
        obtain_token(Settings(token=token))

    assert token not in str(caught.value)


def test_a_token_that_others_can_read_is_refused(directory: Path) -> None:
    obtain_token(Settings(state_dir=directory))
    (directory / "token").chmod(0o644)

    with pytest.raises(StateUnavailable, match="others can read it"):
        obtain_token(Settings(state_dir=directory))


def test_a_planted_link_is_not_followed(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("somebody-elses-token-000")
    (tmp_path / "elsewhere").chmod(0o600)
    directory.mkdir(mode=0o700)
    (directory / "token").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StateUnavailable, match="token"):
        obtain_token(Settings(state_dir=directory))


def test_a_state_directory_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateUnavailable, match="choose another with --state-dir"):
        obtain_token(Settings(state_dir=tmp_path / "file" / "state"))


def test_the_state_directory_is_xdgs_unless_it_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    assert state_directory(Settings()) == tmp_path / "otel-bitacora"
    assert state_directory(Settings(state_dir=Path("/var/lib/x"))) == Path("/var/lib/x")
