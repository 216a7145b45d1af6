"""The vectors of subwords, and the gradient of their table."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from translator.model.embeddings import Embedding, sum_by_id


@pytest.mark.parametrize("one_hot", [False, True])
def test_rows_are_summed_by_their_ids_by_hand(one_hot: bool):
    rows, ids = tf.constant([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]), tf.constant([2, 0, 2])
    assert sum_by_id(rows, ids, 4, one_hot).numpy().tolist() == [[10, 20], [0, 0], [101, 202], [0, 0]]


def test_an_embedding_for_a_compiler_is_the_same_and_so_is_its_gradient():
    gradients = []
    for one_hot in (False, True):
        keras.utils.set_random_seed(1)
        embedding = Embedding(6, 4, one_hot)
        embedding.build()
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(embedding(tf.constant([[5, 0, 5], [1, 1, 1]]))))
        gradients.append(tf.convert_to_tensor(tape.gradient(loss, embedding.table.value)).numpy())
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-6)
    assert np.any(gradients[0])
