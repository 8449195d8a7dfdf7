"""Assemblies for shards, with the core's quick detector, and packs that cut a stream anywhere."""

import numpy as np
from quick_detector import settings

from streamdetect.bundles.bundle import Bundle
from streamdetect.codecs import codec
from streamdetect.config import Config, DetectorConfig, validate
from streamdetect.core.detector import Detector
from streamdetect.core.readings import Readings
from streamdetect.service.assembly import Assembly, encoder
from streamdetect.spark.packs import Pack, Sharding, Share
from streamdetect.spark.shard import Place, Shard

CONFIG = Config()
GENERAL = Bundle.load("general")


def halved(windows):
    """A model that halves: its errors are not zero, and do not depend on the batch."""
    return windows * np.float32(0.5)


def assembly(bundle=GENERAL, **changes):
    return Assembly(
        DetectorConfig(**({"idle_after": changes["idle_after"]} if "idle_after" in changes else {})),
        bundle,
        Detector(settings(**changes), halved),
        codec(DetectorConfig().payload_settings(65_536)),
        encoder(CONFIG, "default", bundle.lineage, bundle.manifest.features),
    )


def shard(number=0, of=1, **changes):
    return Shard(Place(number, of), [assembly(**changes)], CONFIG)


def again(one, **changes):
    """The shard as its next task reads it, from its bytes."""
    return Shard.from_bytes(one.to_bytes(), one.place, [assembly(**changes)], CONFIG)


def pack(partition, offsets, readings):
    return Pack(partition, offsets[0], offsets[-1] + 1, [Share("default", readings, {})])


def packs_of(readings, partitions, shards, sizes):
    """Batches of packs by shard: each partition cut into stretches of these sizes, one stretch a batch."""
    sharding = Sharding(shards)
    partition_of = {sensor: Sharding(partitions).of(sensor[::-1]) for sensor in set(readings.sensors)}
    offsets = [0] * partitions
    logs = [[] for _ in range(partitions)]
    for place, sensor in enumerate(readings.sensors):
        at = partition_of[sensor]
        logs[at].append((offsets[at], place))
        offsets[at] += 1
    starts, turn, batches = [0] * partitions, 0, []
    while any(start < len(log) for start, log in zip(starts, logs, strict=True)):
        batch = []
        for partition, log in enumerate(logs):
            size = sizes[turn % len(sizes)]
            turn += 1
            stretch = log[starts[partition] : starts[partition] + size]
            starts[partition] += size
            for number in range(shards):
                own = [one for one in stretch if sharding.of(readings.sensors[one[1]]) == number]
                if own:
                    places = [place for _, place in own]
                    part = Readings(
                        [readings.sensors[place] for place in places],
                        readings.times[places],
                        readings.values[places],
                    )
                    batch.append((number, pack(partition, [stretch[0][0], stretch[-1][0]], part)))
        batches.append(batch)
    return batches


SHARDS = 8


def of_topics(**spark):
    """A configuration that reads sensors/# from a log."""
    detector = {"topics": ["sensors/#"], "payload": {"time": "time"}}
    given = {"shards": SHARDS, "checkpoint": "unused"} | spark
    return validate({"spark": given, "detectors": [detector]})
