"""What the benchmarks are made of: table, measuring, workload, processes."""
