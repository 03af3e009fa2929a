"""Run the demo: ``python -m examples.demo [FOLDER]``. Exit status 0 only if all of it worked."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pynetdicom import AE, build_context

from examples.demo.look import check, read_one
from examples.demo.pacs import Pacs, open_pacs
from examples.demo.phantom import STUDY, make_study
from examples.demo.picture import draw

_WAIT_S = 180.0
_MARK = ".demo"


def main() -> None:
    """Tell the story line by line."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo").resolve()
    _clear(folder)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", flush=True)

    with ExitStack() as stack:
        say("making a phantom head with known truth")
        source, truth = make_study(folder / "sent")
        say(f"its T1 lies in {folder / 'sent'}: {len(source)} slices, as a scanner writes them")
        ports = _free_ports(4)
        pacs = open_pacs(folder / "pacs", ports[1], ports[2])
        stack.callback(pacs.stop)
        say(f"PACS: {pacs.name}, port {ports[1]}")
        conf = _configure(folder / "conf", (ports[0], ports[3]), ports[1], pacs)
        stack.enter_context(_node(conf, ports[0], folder / "node.log"))
        say(f"node: SYNTHNODE, port {ports[0]}, configuration in {conf}")
        _send(source, ports[0])
        say(f"sent {len(source)} instances over C-STORE; each was answered with success")
        answer = _wait(conf, say)
        (series_uid,) = answer["jobs"][0]["series_uids"]
        (folder / "received").mkdir()
        result = pacs.series(series_uid, folder / "received")
        for line in check(source, result):
            say(line)
        model = answer["jobs"][0]["model"]
        title = (
            f"SYNTHETIC CT of a phantom head – {model['name']} {model['version']}, "
            "learned from phantoms – not for patients"
        )
        error_hu = draw(read_one(source), read_one(result), truth, title, folder / "picture.png")
        say(f"against the truth: mean absolute error {error_hu:.0f} HU inside head, face and neck")
    say("everything is stopped")
    print(f"\nThe picture:          {folder / 'picture.png'}")
    print(f"The synthetic series: {folder / 'received'}")
    program = Path(sys.executable).parent / "dicom-node"
    print(f"Why it was made:      {program} --conf {conf} why {STUDY.uid('study')}")


def _clear(folder: Path) -> None:
    """Delete an earlier demo, and nothing that is none."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise SystemExit(f"Error: {folder} is there and is no demo's folder; name another one")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _configure(conf: Path, ports: tuple[int, int], pacs_port: int, pacs: Pacs) -> Path:
    """Write the smallest configuration that does the job; tasks and models are the program's."""
    (conf / "rules").mkdir(parents=True)
    (conf / "node.toml").write_text(
        f'[node]\ndata = "../data"\n\n[listen]\nport = {ports[0]}\n\n[web]\nport = {ports[1]}\n\n'
        "[completion]\nquiet_s = 2.0\n\n[archive]\nkeep_free_mb = 100\n"
    )
    (conf / "peers.toml").write_text(
        '[[peer]]\nname = "scanner"\nae_title = "SCANNER"\nhost = "127.0.0.1"\n'
        'may = ["echo", "store"]\n\n'
        f'[[peer]]\nname = "pacs"\nae_title = "{pacs.ae_title}"\nhost = "127.0.0.1"\n'
        f"port = {pacs_port}\n"
    )
    (conf / "rules" / "synthetic_ct.toml").write_text(
        '[[rule]]\nname = "sct-head"\ntask = "ct_from_mr"\ndestinations = ["pacs"]\n'
    )
    return conf


@contextmanager
def _node(conf: Path, port: int, log: Path) -> Iterator[None]:
    with log.open("w") as lines:
        process = subprocess.Popen([*_command(conf), "serve"], stderr=lines)
        try:
            _listening(process, port, log)
            yield
        finally:
            process.terminate()
            if process.wait(15):
                raise RuntimeError(f"the node did not end well; see {log}")


def _command(conf: Path) -> list[str]:
    return [sys.executable, "-m", "dicom_node", "--conf", str(conf)]


def _listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"the node ended: {log.read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the node does not listen; see {log}")


def _send(files: list[Path], port: int) -> None:
    ae = AE(ae_title="SCANNER")
    first = dcmread(files[0])
    contexts = [build_context(first.SOPClassUID, first.file_meta.TransferSyntaxUID)]
    assoc = ae.associate("127.0.0.1", port, contexts=contexts, ae_title="SYNTHNODE")
    if not assoc.is_established:
        raise RuntimeError("the node took no association")
    for path in files:
        status = assoc.send_c_store(dcmread(path)).get("Status")
        if status != 0x0000:
            raise RuntimeError(f"{path.name} was answered {status}")
    assoc.release()


def _wait(conf: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Follow the study until its series is at the PACS, telling each change."""
    told: list[str] = []
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        asked = [*_command(conf), "why", str(STUDY.uid("study")), "--json"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False)
        answer = json.loads(said.stdout) if said.returncode == 0 else {}
        for line in _progress(answer):
            if line not in told:
                told.append(line)
                say(line)
        if answer and any(one["state"] in ("sent", "receipted") for one in answer["deliveries"]):
            return answer
        if any(one["state"] in ("failed", "refused") for one in answer.get("jobs", [])):
            raise RuntimeError(f"the job did not end well: {answer['jobs']}")
        time.sleep(0.3)
    raise RuntimeError(f"nothing came back in {_WAIT_S:.0f} s")


def _progress(answer: dict[str, Any]) -> Iterator[str]:
    if not answer:
        return
    if answer["state"] != "receiving":
        yield f"the study is complete: {answer['evidence']}"
    for series in answer["series"]:
        if series["label"] and not series["synthetic"]:
            yield f"series {series['description']}: {series['label']}, {series['verdict']}"
    for rule in answer["rules"]:
        yield f"rule {rule['rule']}: {'fired' if rule['fired'] else '; '.join(rule['unmet'])}"
    for job in answer["jobs"]:
        yield f"job {job['id']} ({job['task']}, {job['model']['name']}): {job['state']}"
    for delivery in answer["deliveries"]:
        yield f"delivery to {delivery['destination']}: {delivery['state']}"


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as exc:
        raise SystemExit(f"Error: {exc}") from exc
