"""How much memory a process has taken."""

import resource

import tensorflow as tf


def peak_memory():
    """Returns name -> GiB: the most that this process has had, and the most on one of its GPUs."""
    peak = {"memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}
    devices = range(len(tf.config.list_logical_devices("GPU")))
    infos = [tf.config.experimental.get_memory_info(f"GPU:{i}") for i in devices]
    if infos:
        peak["device_memory_gib"] = max(info["peak"] for info in infos) / 2**30
    return peak
