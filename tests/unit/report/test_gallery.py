from hypothesis import given
from hypothesis import strategies as st

from unet.report.gallery import pick_for_gallery


@given(count=st.integers(1, 400))
def test_the_gallery_shows_the_worst_and_the_best_without_repeats(count):
    places = pick_for_gallery(count)
    assert places == sorted(set(places))
    assert places[0] == 0
    assert places[-1] == count - 1
    assert len(places) <= 48
