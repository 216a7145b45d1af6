"""What may be wrong with parallel corpora: one small check for each kind of trouble. No TensorFlow here."""
