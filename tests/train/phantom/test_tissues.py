from train.phantom import HU, RELAXATION, Tissue


def test_every_tissue_has_its_figures():
    assert set(HU) == set(RELAXATION) == set(Tissue)


def test_figures_lie_inside_the_ranges_that_are_cited():
    assert HU[Tissue.OUTSIDE] == HU[Tissue.CAVITY] == -1000
    assert -100 <= HU[Tissue.FAT] <= -50
    assert 20 <= HU[Tissue.WHITE] <= 30
    assert 37 <= HU[Tissue.GREY] <= 45
    assert 45 <= HU[Tissue.BLOOD] <= 65
    assert 700 <= HU[Tissue.CORTICAL] <= 3000


def test_t1_grows_with_the_field_and_air_gives_nothing():
    for tissue, times in RELAXATION.items():
        if times.density:
            assert times.t1_ms[1] >= times.t1_ms[0] > 0, tissue
            assert times.t2_ms[0] <= times.t1_ms[0], tissue
    assert RELAXATION[Tissue.OUTSIDE].density == RELAXATION[Tissue.CAVITY].density == 0
