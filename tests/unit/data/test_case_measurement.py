"""The facts of a case are those of its files."""

import numpy as np

from unet.data.case_measurement import read_all_facts, read_facts
from unet.data.msd import load_dataset


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


def test_facts_come_in_the_order_of_the_cases_whoever_reads_them(maker):
    for index in range(3):
        maker.case(f"c{index}", image=maker.image(seed=index))
    dataset = load_dataset(maker.root)
    ids = [case.id for case in dataset.cases]
    alone = {case.id: read_facts(dataset, case, (0,)) for case in reversed(dataset.cases)}

    progress = []
    facts = read_all_facts(dataset, ids, (0,), lambda *done: progress.append(done))

    assert facts == tuple(alone[case_id] for case_id in ids)
    assert progress == [(0, 3), (1, 3), (2, 3), (3, 3)]
