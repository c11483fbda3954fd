"""OpenML, as scikit-learn's real fetch_openml asks it, with openml.org's answers given by a loopback server."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from nnexp.data.content import verify
from nnexp.data.mirrors import OpenML


def openml_answers(tiny) -> dict[str, bytes]:
    """What openml.org says of a dataset: search, description, features, qualities and the rows; by part of the path."""
    arrays = tiny.files().decode(tiny.content)
    rows = [
        ",".join(map(str, [*image.ravel(), label]))
        for x, y in ((arrays.x_train, arrays.y_train), (arrays.x_test, arrays.y_test))
        for image, label in zip(x, y, strict=True)
    ]
    names = [f"pixel{number}" for number in range(1, 785)]
    declared = [f"@ATTRIBUTE {name} integer" for name in names]
    header = ["@RELATION tiny", *declared, "@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}", "@DATA"]
    data = "\n".join([*header, *rows, ""]).encode()
    flags = {"is_target": "false", "is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
    features = [{"index": str(i), "name": name, "data_type": "numeric", **flags} for i, name in enumerate(names)]
    features.append({"index": "784", "name": "class", "data_type": "nominal", **flags, "is_target": "true"})
    found = {"did": 7, "name": "tiny", "version": 1, "status": "active"}
    description = {
        "id": "7",
        "name": "tiny",
        "version": "1",
        "status": "active",
        "format": "ARFF",
        "description": "",
        "default_target_attribute": "class",
        "file_id": "8",
        "url": "https://www.openml.org/data/v1/download/8/tiny.arff",
        "md5_checksum": hashlib.md5(data).hexdigest(),
    }
    return {
        "/data/list/": json.dumps({"data": {"dataset": [found]}}).encode(),
        "/features/": json.dumps({"data_features": {"feature": features}}).encode(),
        "/qualities/": json.dumps(
            {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": str(len(rows))}]}}
        ).encode(),
        "/download/": data,
        "/json/data/": json.dumps({"data_set_description": description}).encode(),
    }


@pytest.fixture
def openml(tiny):
    """openml.org, moved to this machine for urllib, through which scikit-learn asks."""
    answers = openml_answers(tiny)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = next(answer for part, answer in answers.items() if part in self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)

    class Redirect(urllib.request.HTTPSHandler):
        def https_open(self, request):
            assert request.host == "www.openml.org"
            request.host = f"127.0.0.1:{server.server_port}"
            return self.do_open(http.client.HTTPConnection, request)

    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    urllib.request.install_opener(urllib.request.build_opener(Redirect))
    yield
    urllib.request.install_opener(urllib.request.build_opener())
    server.shutdown()
    thread.join()
    server.server_close()


def test_openmls_rows_become_the_pinned_content(openml, tiny, tmp_path):
    verify(tiny.parts, OpenML("tiny", train=40).rows(tmp_path))
