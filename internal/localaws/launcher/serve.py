"""HTTP in front of moto, with connections that stay open.

werkzeug closes each connection after one answer, because an application may have left a part of the request unread. Here
the request is read before the application runs and the answer is sent in one piece, so that a connection can go on.
"""

import io
import logging
import sys
import traceback

from werkzeug.serving import WSGIRequestHandler, make_server


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body of a request may come in two segments; waiting for the second one would take 40 ms.
    disable_nagle_algorithm = True

    def log_request(self, code="-", size="-"):
        pass

    def run_wsgi(self):
        self.environ = environ = self.make_environ()
        length = None if "HTTP_TRANSFER_ENCODING" in environ else int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        try:
            status, headers, body = answer(self.server.app, environ)
        except Exception:  # moto's own bugs; the client sees what AWS shows of its own
            logging.getLogger("moto").error("%s %s: %s", self.command, self.path, traceback.format_exc())
            status, headers, body = "500 Internal Server Error", [], b""
        self.send(int(status.split(None, 1)[0]), headers, body)

    def send(self, code, headers, body):
        self.send_response_only(code)
        sent = {name.lower() for name, _ in headers}
        for name, value in headers:
            # The answer to HEAD tells the length of what it does not hold.
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if "date" not in sent:
            self.send_header("Date", self.date_time_string())
        if self.command == "HEAD" or code < 200 or code in (204, 304):
            body = b""
            if self.command == "HEAD" and "content-length" not in sent:
                self.send_header("Content-Length", "0")
        else:
            self.send_header("Content-Length", str(len(body)))
        self._headers_buffer.append(b"\r\n")
        self.wfile.write(b"".join(self._headers_buffer) + body)
        self._headers_buffer = []


def answer(application, environ):
    """Runs a WSGI application to the end: status line, headers, body."""
    begun = []

    def start_response(status, headers, exc_info=None):
        begun[:] = [status, headers]

    parts = application(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return begun[0], begun[1], body


def listen(application, port):
    """A server on a port of loopback; 0 lets the kernel choose."""
    return make_server("127.0.0.1", port, application, threaded=True, request_handler=Handler)
