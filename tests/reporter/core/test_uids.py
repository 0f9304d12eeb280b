from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core.uids import Uids

INSTANCES = [char * 32 for char in "0f"]
uids = st.builds(
    lambda instance, number: f"{instance}-{number:016x}", st.sampled_from(INSTANCES), st.integers(0, 20)
) | st.sampled_from(["", "other", "-" * 49, "0" * 49, f"{'0' * 32}-{'F' * 16}", f"{'0' * 32}-{' 1'.rjust(16)}"])


@given(st.lists(uids))
def test_each_uid_is_new_once(given_: list[str]) -> None:
    known = Uids()

    assert [known.is_new(uid) for uid in given_] == [uid not in given_[:n] for n, uid in enumerate(given_)]


def test_numbers_in_a_row_are_kept_as_one_run() -> None:
    known = Uids()

    for number in range(10_000):
        known.is_new(f"{'a' * 32}-{number:016x}")

    assert [runs.run_count for runs in known._runs.values()] == [1]
    assert not known._others
