"""Attention: queries look at keys and take a weighted mean of the values (Vaswani et al., 2017, §3.2).

A layer is put together from parts, one module for each, which can be swapped and looked at one by one:

    positions   turns queries and keys by their positions, or adds a bias to the scores
    scores      how well each key answers each query
    reach       which keys a query may attend to
    selection   turns scores into weights
    mixing      takes the weighted mean of the values

`kinds` picks the parts that a configuration names, `layer` puts them together, `context` is what all of them are told
and `cache` is what a layer keeps of past positions.

Letters: B batch, Q queries, M memory positions (the keys and values), D model, H heads, K head size.
"""
