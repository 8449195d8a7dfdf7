"""The parts of the benchmarks: table, measuring, workload, processes."""
