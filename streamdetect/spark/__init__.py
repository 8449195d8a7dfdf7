"""The same detectors on Apache Spark: shard by shard, over a log that can be read again."""
