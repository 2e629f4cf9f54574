"""Tables of a report: what they are made of, the runs that they stand on, statistics, and how they are printed."""
