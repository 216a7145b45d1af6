"""Why a model writes a token: how much each token of the sentence, and of the translation so far, adds to it."""
