"""How many connections the system allows a process to have open."""

import resource

RESERVE = 128  # files that are not connections: the model's, libraries', those that wait to close


def allowed_connections(wanted):
    """Raises this process' limit of open files as far as it may, and returns how many fit.

    Args:
        wanted: How many connections there should be.

    Returns:
        `wanted`, or fewer.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    needed = wanted + RESERVE
    if soft == unlimited or soft >= needed:
        return wanted
    if hard == unlimited or hard > soft:
        soft = needed if hard == unlimited else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(wanted, soft - min(RESERVE, soft // 2)))
