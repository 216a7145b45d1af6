"""Attention: queries look at keys and take a weighted mean of the values (Vaswani et al., 2017, §3.2).

A layer is put together from parts, one module for each, which can be swapped and looked at one by one:

    heads       divides the channels into subspaces that attend separately
    positions   turns queries and keys by their positions, or adds a bias to the scores
    relative    is such a bias, which depends on how far apart a query and a key stand
    scores      how well each key answers each query
    reach       which keys a query may attend to
    forgetting  lowers the scores of what lies behind, as the tokens in between say
    silence     is what a query may attend to in place of a key
    selection   turns scores into weights
    sparse      has the selections that give most keys no weight
    mixing      takes the weighted mean of the values, and normalizes and gates it

`kinds` picks the parts that a configuration names, `layer` puts them together, `context` is what all of them are told,
`cache` is what a layer keeps of past positions, and `chunks` computes the same without a matrix of all weights.

Letters: B batch, Q queries, M memory positions (the keys and values), D model, H heads, G heads of keys, K head size.
"""
