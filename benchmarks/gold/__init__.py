"""Do references pass their own verifiers, and spoilt ones not?"""
