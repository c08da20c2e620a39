"""A headless Chromium that is clicked, dragged and typed at, over the DevTools protocol and a pair of pipes."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
HANGS = 180  # seconds after which a browser that does not answer is ended
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35, "Tab": 9}

PLACE = """(() => {
  const part = document.querySelector(%s);
  part.scrollIntoView({block: "center"});
  const at = part.getBoundingClientRect();
  return [at.left + %s * at.width, at.top + %s * at.height];
})()"""


def find_browser():
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Browser:
    """One page.

    Attributes:
        folder: Where it may write.
        complaints: Errors and messages of the page's console since `open`.
    """

    def __init__(self, program, folder):
        self.folder = folder
        for name in ("requests", "answers"):
            os.mkfifo(folder / name)
        # Chromium reads requests from its file 3 and writes answers to its file 4.
        pipes = 'exec "$@" 3<"$0/requests" 4>"$0/answers"'
        options = [*OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={folder}/user"]
        self.process = subprocess.Popen(
            ["sh", "-c", pipes, str(folder), program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.alarm = threading.Timer(HANGS, self.process.kill)
        self.alarm.start()
        self._requests = (folder / "requests").open("wb", buffering=0)
        self._answers = (folder / "answers").open("rb")
        self._numbers, self._session, self._events = itertools.count(1), None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        self.alarm.cancel()
        self.process.kill()
        self.process.wait()
        self._requests.close()
        self._answers.close()

    def call(self, method, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        self._requests.write(
            json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode() + b"\0"
        )
        while (answer := self._next()).get("id") != number:
            self._events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self):
        message = bytearray()
        while (letter := self._answers.read(1)) != b"\0":
            assert letter, "the browser ended"
            message += letter
        return json.loads(message)

    def _await(self, event):
        while not any(message.get("method") == event for message in self._events):
            self._events.append(self._next())

    def open(self, path: Path, width=1280, height=900, dark=False):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self._await("Page.loadEventFired")

    @property
    def complaints(self):
        self.value("0")  # what was said before is heard before the answer
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [message["params"] for message in self._events if message.get("method") in kinds]

    def value(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def texts(self, selector):
        return self.value(f"[...document.querySelectorAll({json.dumps(selector)})].map(part => part.innerText.trim())")

    def place(self, selector, across=0.5, down=0.5):
        """Where a point of an element is in the window, after it was scrolled into view."""
        return self.value(PLACE % (json.dumps(selector), across, down))

    def mouse(self, kind, place, buttons=0):
        pressed = {"button": "left", "clickCount": 1} if buttons or kind == "mouseReleased" else {}
        self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], buttons=buttons, **pressed)

    def click(self, selector, across=0.5, down=0.5):
        place = self.place(selector, across, down)
        for kind, buttons in (("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)):
            self.mouse(kind, place, buttons)

    def drag(self, selector, start, stop):
        """Press the mouse at a share of an element's width and release it at another."""
        first, last = self.place(selector, start), self.place(selector, stop)
        self.mouse("mouseMoved", first)
        self.mouse("mousePressed", first, 1)
        self.mouse("mouseMoved", last, 1)
        self.mouse("mouseReleased", last)

    def key(self, name):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=KEYS[name])

    def picture(self, path: Path, height=None):
        """Write a PNG of the window, or of so many pixels from the top of the page."""
        clip = (
            {"clip": {"x": 0, "y": 0, "width": self.value("innerWidth"), "height": height, "scale": 1}}
            if height
            else {}
        )
        shown = self.call("Page.captureScreenshot", captureBeyondViewport=height is not None, **clip)
        path.write_bytes(base64.b64decode(shown["data"]))
