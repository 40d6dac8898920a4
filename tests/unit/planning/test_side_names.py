"""Names that differ by left and right alone, as people write them."""

import pytest

from unet.planning.side_names import side_pairs


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("left kidney", "right kidney"),
        ("left", "right"),
        ("Kidney (Left)", "RIGHT-kidney"),
        ("kidney_L", "kidney_R"),
        ("lh hippocampus", "rh hippocampus"),
        ("LeftLung", "RightLung"),
        ("kidneyL", "kidneyR"),
        ("LV", "RV"),
        ("lt. optic nerve", "rt. optic nerve"),
        ("linke Niere", "rechte Niere"),
        ("niere links", "niere rechts"),
        ("rein gauche", "rein droit"),
        ("riñón izquierdo", "riñón derecho"),
        ("rene sinistro", "rene destro"),
        ("ren sin", "ren dex"),
        ("ren sinister", "ren dexter"),
        ("rim esquerdo", "rim direito"),
        ("vänster njure", "höger njure"),
        ("venstre nyre", "høyre nyre"),
        ("lewa nerka", "prawa nerka"),
        ("левая почка", "правая почка"),
        ("左肾", "右肾"),
        ("왼쪽 신장", "오른쪽 신장"),
    ],
)
def test_a_pair_is_known_in_either_order(left, right):
    assert side_pairs(["liver", left, right]) == ((left, right),)
    assert side_pairs([right, left, "liver"]) == ((left, right),)


@pytest.mark.parametrize(
    "names",
    [
        ("Anterior", "Posterior"),
        ("PZ", "TZ"),
        ("edema", "non-enhancing tumor", "enhancing tumour"),
        ("liver", "cancer"),
        ("left atrium",),
        ("left kidney", "right lung"),
        ("lung", "rung of a ladder"),
        ("level 1", "level 2"),
    ],
)
def test_other_names_are_no_pair(names):
    assert side_pairs(names) == ()
