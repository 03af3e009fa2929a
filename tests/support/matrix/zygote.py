"""One process that has loaded everything; each life of a node is a fork of it.

So a life begins in a hundredth of a second, and may end by a real SIGKILL. It has no threads when
it forks. Lines of JSON go in and come out; what the node logs goes to standard error.
"""

import json
import os
import sys
import traceback

from tests.support.matrix import life


def main() -> None:
    life.say({"said": "ready"})
    while (line := life.hear()) is not None:
        if not line.startswith("{"):
            continue  # for one that has died meanwhile
        pid = os.fork()
        if not pid:
            _live(json.loads(line))
        _, status = os.waitpid(pid, 0)
        life.say({"said": "ended", "status": os.waitstatus_to_exitcode(status)})


def _live(order: dict) -> None:
    try:
        life.live(order)
    except BaseException:  # noqa: BLE001 - whatever it is, the driver is told
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(9)
    os._exit(0)


if __name__ == "__main__":
    main()
