import dataclasses
from typing import cast

import numpy as np

from translator.config.schema import Config
from translator.data.store import Counts, Sequences, TokenStore
from translator.data.tokenizer import Tokenizer
from translator.training.setup import make_batches


def test_batches_draw_on_corpora_by_weight_and_temperature():
    side = Sequences.of([[5]] * 500)
    store = TokenStore(side, side, (range(400), range(400, 500)), Counts(500), np.arange(1, 501))
    train = [{"tsv": "a"}, {"tsv": "b", "weight": 2.0}]
    for temperature, sizes in ((1.0, (400, 200)), (2.0, (333, 333))):  # √400 : √100 = 2 : 1, and twice the second
        config = Config.model_validate(
            {
                "data": {"train": train, "validation": "v.{lang}", "temperature": temperature},
                "train": {"max_steps": 1},
            }
        )
        batches = make_batches(config, store, cast(tuple[Tokenizer, Tokenizer], None), replicas=1)
        rows = np.concatenate(batches.plan(0))
        assert ((rows < 400).sum(), (rows >= 400).sum()) == sizes
        # A run that resumes makes the same plan of the epoch.
        again = dataclasses.replace(batches)
        assert all(map(np.array_equal, batches.plan(3), again.plan(3)))
