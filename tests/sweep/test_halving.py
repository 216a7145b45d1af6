from translator.sweep.halving import Halving, Job, Standing

HALVING = Halving((100, 200), 2.0)


def at(*bleus: float) -> Standing:
    """A run that was validated every 100 steps."""
    return Standing([(100 * i, bleu) for i, bleu in enumerate(bleus, 1)])


def test_all_runs_go_to_the_first_rung():
    now = HALVING.round([Standing(), Standing()])
    assert (now.jobs, now.stopped, now.is_last) == ([Job(0, 100), Job(1, 100)], {}, False)


def test_nobody_passes_a_rung_before_all_have_reached_it():
    assert HALVING.round([at(9.0), Standing(), at(1.0)]).jobs == [Job(1, 100)]


def test_the_better_half_goes_on_rounded_down():
    now = HALVING.round([at(3.0), at(9.0), at(4.0), at(5.0), at(1.0)])
    assert (now.jobs, now.stopped) == ([Job(1, 200), Job(3, 200)], {0: 100, 2: 100, 4: 100})


def test_of_five_runs_one_is_trained_to_its_end():
    now = HALVING.round([at(3.0), at(9.0, 9.0), at(4.0), at(5.0, 10.0), at(1.0)])
    assert (now.jobs, now.stopped, now.is_last) == ([Job(3, None)], {0: 100, 2: 100, 4: 100, 1: 200}, True)


def test_an_eta_of_three_leaves_a_third():
    assert Halving((100,), 3.0).round([at(float(i)) for i in range(6)]).jobs == [Job(4, None), Job(5, None)]


def test_the_best_validation_up_to_the_rung_decides():
    falling = Standing([(50, 8.0), (100, 2.0)])
    assert Halving((100,), 2.0).round([at(7.0), falling]).jobs == [Job(1, None)]
    assert Halving((100,), 2.0).round([at(7.0), at(6.0, 99.0)]).jobs == [Job(0, None)]


def test_of_equal_runs_the_first_goes_on():
    assert Halving((100,), 2.0).round([at(7.0), at(7.0)]).jobs == [Job(0, None)]


def test_one_run_goes_on_at_least():
    assert HALVING.round([at(7.0)]).jobs == [Job(0, 200)]


def test_a_run_that_failed_before_a_rung_is_waited_for_no_longer_and_takes_no_place():
    failed = Standing(failure="out of memory")
    assert HALVING.round([failed, at(1.0), at(2.0), at(3.0)]).jobs == [Job(2, 200), Job(3, 200)]
    assert HALVING.round([failed, failed]) == Halving((100, 200)).round([failed, failed])
    assert HALVING.round([failed, failed]).jobs == []


def test_a_run_that_failed_after_a_rung_keeps_its_place():
    """Else who is left behind would depend on when it failed."""
    failed = Standing([(100, 9.0)], failure="out of memory")
    now = HALVING.round([failed, at(1.0), at(2.0), at(3.0)])
    assert (now.jobs, now.stopped) == ([Job(3, 200)], {2: 100, 1: 100})


def test_a_run_that_ended_before_a_rung_is_compared_as_it_is():
    ended = Standing([(50, 5.0)], is_finished=True)
    now = HALVING.round([ended, at(4.0), at(1.0), at(2.0)])
    assert (now.jobs, now.stopped) == ([Job(1, 200)], {3: 100, 2: 100})


def test_without_rungs_all_are_trained_to_their_end():
    now = Halving().round([at(3.0), Standing(), Standing([(100, 1.0)], is_finished=True), Standing(failure="why")])
    assert (now.jobs, now.stopped, now.is_last) == ([Job(0, None), Job(1, None)], {}, True)
