"""The parts of the RadioML source: which classes and SNRs are kept, the formats of its files, how sets are drawn."""
