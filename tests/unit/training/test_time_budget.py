"""A time budget buys as many epochs as fit, with the last validation."""

from hypothesis import given
from hypothesis import strategies as st

from unet.training.time_budget import SAFETY, epochs_that_fit


def test_epochs_and_validations_share_what_is_left():
    assert epochs_that_fit(3, 100.0, 10.0 / SAFETY, 0.0, 1) == 13
    assert epochs_that_fit(3, 110.0, 10.0 / SAFETY, 10.0, 1) == 3 + 5


def test_no_time_left_ends_with_the_epochs_done():
    assert epochs_that_fit(7, -5.0, 1.0, 1.0, 2) == 7
    assert epochs_that_fit(7, 0.5, 1.0, 0.0, 2) == 7


@given(
    st.integers(0, 50), st.floats(0, 1e4), st.floats(0.01, 100), st.floats(0, 50), st.integers(1, 9)
)
def test_what_fits_never_takes_longer_than_what_is_left(done, left, epoch, validation, every):
    more = epochs_that_fit(done, left, epoch, validation, every) - done
    if more:
        assert more * epoch + (more / every + 1) * validation <= left * 1.0001
