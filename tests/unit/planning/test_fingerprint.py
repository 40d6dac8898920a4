import numpy as np
import pytest

from unet.data.msd import load_dataset
from unet.planning.fingerprint import (
    CaseFacts,
    ChannelFacts,
    Fingerprint,
    compute_fingerprint,
    is_ct,
    make_recipe,
    read_facts,
    target_spacing,
)
from unet.system.errors import DataError


def fingerprint(spacings, ct=False, foreground=()):
    cases = tuple(
        CaseFacts(
            case=f"c{index}",
            shape=(10, 10, 10),
            cropped_shape=(8 + index, 8, 8),
            spacing=spacing,
            body_fraction=1.0,
            channels=(
                ChannelFacts(
                    percentiles=(0,) * 7,
                    foreground_mean=float(np.mean(foreground[index])) if foreground else 0.0,
                    foreground_sd=float(np.std(foreground[index])) if foreground else 0.0,
                    foreground_quantiles=tuple(
                        np.percentile(foreground[index], np.linspace(0, 100, 101))
                    )
                    if foreground
                    else (),
                ),
            ),
            label_voxels={1: 5},
        )
        for index, spacing in enumerate(spacings)
    )
    return Fingerprint(
        dataset="D",
        channels=(0,),
        channel_names=("CT" if ct else "MRI",),
        is_ct=(ct,),
        labels={1: "organ"},
        cases=cases,
    )


def test_facts_are_those_of_the_file(maker):
    image = np.full((12, 10, 8), -5.0, np.float32)
    image[2:10, 1:9, 2:7] = maker.image((8, 8, 5))
    affine = np.array([[0, 2, 0, 0], [-1, 0, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1.0]])
    maker.case("a", image=image, affine=affine)
    facts = read_facts(load_dataset(maker.root), load_dataset(maker.root).cases[0], (0,))
    assert facts.shape == (10, 12, 8)
    assert facts.cropped_shape == (8, 8, 5)
    assert facts.spacing == (2.0, 1.0, 3.0)
    assert facts.body_fraction == 1.0
    label = maker.label()
    assert facts.label_voxels == {1: int((label == 1).sum()), 2: int((label == 2).sum())}
    body = image[2:10, 1:9, 2:7]
    assert np.allclose(facts.channels[0].percentiles[3], np.median(body), rtol=1e-5)
    assert np.allclose(facts.channels[0].foreground_mean, image[label > 0].mean(), rtol=1e-5)


def test_shards_and_one_pass_give_the_same_fingerprint(maker):
    for index in range(3):
        maker.case(f"c{index}", image=maker.image(seed=index))
    dataset = load_dataset(maker.root)
    ids = [case.id for case in dataset.cases]
    shares = [read_facts(dataset, case, (0,)) for case in reversed(dataset.cases)]
    whole = compute_fingerprint(dataset, ids, (0,))
    assert compute_fingerprint(dataset, ids, (0,), known=shares) == whole
    assert Fingerprint.model_validate_json(whole.model_dump_json()) == whole
    assert [case.case for case in whole.cases] == ids


def test_no_case_is_an_error(maker):
    maker.case("a")
    with pytest.raises(DataError, match="no case"):
        compute_fingerprint(load_dataset(maker.root), [], (0,))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, True) for name in ("CT", "ct", "CTA", "portal venous CT")),
        *((name, False) for name in ("T2", "FLAIR", "MRI", "PET", "ADC")),
    ],
)
def test_ct_is_known_by_its_name(name, expected):
    assert is_ct(name) is expected


def test_even_spacing_needs_no_resampling():
    assert target_spacing(fingerprint([(1, 1, 1), (1, 1.005, 1)])) is None


def test_uneven_spacing_aims_at_the_median():
    target = target_spacing(fingerprint([(0.5, 0.5, 1), (0.7, 0.7, 1.5), (0.9, 0.9, 2)]))
    assert np.allclose(target, (0.7, 0.7, 1.5))


def test_thick_slices_aim_at_the_finer_cases():
    spacings = [(0.8, 0.8, z) for z in (2.5, 5, 5, 5, 5, 5, 5, 5, 5, 7.5)]
    target = target_spacing(fingerprint(spacings))
    assert target[:2] == (0.8, 0.8)
    assert 4 < target[2] < 5


def test_unknown_spacing_forbids_millimetres_and_mostly_resampling():
    assert not fingerprint([(1, 1, 1), None]).spacing_known
    assert target_spacing(fingerprint([None, None, (1, 1, 4)])) is None
    assert target_spacing(fingerprint([None, (1, 1, 4), (1, 1, 2)])) is not None


def test_ct_statistics_weigh_cases_alike():
    rng = np.random.default_rng(0)
    foreground = [rng.normal(100, 10, 50), rng.normal(140, 10, 50_000)]
    recipe = make_recipe(fingerprint([(1, 1, 1)] * 2, ct=True, foreground=foreground), None)
    assert recipe.scheme == "ct"
    (stats,) = recipe.ct_stats
    assert abs(stats.mean - 120) < 4
    assert abs(stats.sd - np.hypot(10, 20)) < 3
    assert 60 < stats.low < 95
    assert 150 < stats.high < 180


def test_mr_and_unlabelled_ct_are_normalised_case_by_case():
    assert make_recipe(fingerprint([(1, 1, 1)]), (2.0, 2.0, 2.0)).spacing == (2.0, 2.0, 2.0)
    assert make_recipe(fingerprint([(1, 1, 1)]), None).scheme == "zscore"
    assert make_recipe(fingerprint([(1, 1, 1)], ct=True), None).scheme == "zscore"
