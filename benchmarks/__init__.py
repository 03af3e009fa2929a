"""Side-by-side benchmarks: ours and its peers in one run, interleaved, medians and ratios."""
