"""In place of the server of Weights & Biases: `python wandb_server.py FOLDER` keeps there what `wandb sync` sends.

It prints its address, and answers on this computer until it is stopped. A folder by the id of each run has `run.json`,
what the run is made with and how it ends, the lines that are streamed, such as `wandb-history.jsonl`, and in `files`
what is uploaded. What wandb asks that it has not asked so far is answered with an error.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STORE = Path(sys.argv[1])


def tell(run: str, said: dict[str, Any]) -> None:
    """Add to what is known of a run; what is left out stays."""
    file = STORE / run / "run.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(known | {name: value for name, value in said.items() if value is not None}))


def answered(asked: str, said: dict[str, Any], address: str) -> dict[str, Any]:
    """The answer to a query of GraphQL, by its name and what it is asked with."""
    match asked:
        case "ServerFeaturesQuery":
            return {"data": {"serverInfo": {"features": []}}}
        case "UpsertBucket":
            tell(said["name"], said)
            project = {"id": said["project"], "name": said["project"], "entity": {"id": "reader", "name": "reader"}}
            bucket = {"id": said["name"], "name": said["name"], "project": project, "historyLineCount": 0}
            return {"data": {"upsertBucket": {"bucket": bucket, "inserted": True}}}
        case "CreateRunFiles":
            files = [{"name": name, "uploadUrl": f"{address}/{said['run']}/files/{name}"} for name in said["files"]]
            return {"data": {"createRunFiles": {"runID": said["run"], "uploadHeaders": [], "files": files}}}
    return {"errors": [{"message": f"{asked} is not answered here"}]}


def stream(run: str, sent: dict[str, Any]) -> None:
    """Lines of files that grow, from the line `offset` on; at the end how the run ended."""
    for name, part in sent.pop("files", {}).items():
        file = STORE / run / name
        before = file.read_text().splitlines()[: part["offset"]] if file.exists() else []
        file.write_text("".join(f"{line}\n" for line in [*before, *part["content"]]))
    tell(run, sent)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        sent = json.loads(self.body())
        if self.path == "/graphql":
            self.answer(answered(sent["operationName"], sent.get("variables", {}), f"http://{self.headers['Host']}"))
        else:  # /files/ENTITY/PROJECT/RUN/file_stream
            stream(self.path.split("/")[-2], sent)
            self.answer({})

    def do_PUT(self) -> None:
        file = STORE / self.path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.body())
        self.answer({})

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, said: dict[str, Any]) -> None:
        content = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
