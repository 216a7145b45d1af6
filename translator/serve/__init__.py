"""A server of runs: requests over HTTP in, translations out, searched for together with whatever else is waiting."""
