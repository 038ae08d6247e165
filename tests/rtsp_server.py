"""An RTSP server with a moving test picture, run by the system's own Python: GStreamer's is there.

Usage: python3 rtsp_server.py PORT WIDTH HEIGHT FRAMES_PER_SECOND

It serves rtsp://127.0.0.1:PORT/camera in H.264 and writes a line to standard output once it does.
"""

import sys

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found] # noqa: E402


def serve(port: str, width: str, height: str, frames_per_second: str) -> None:
    """Serves until the process is killed."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer(service=port, address="127.0.0.1")
    factory = GstRtspServer.RTSPMediaFactory(shared=True)
    # A key frame twice a second, so that whoever connects sees a picture soon.
    key_frames = int(frames_per_second) // 2
    factory.set_launch(
        "( videotestsrc is-live=true pattern=ball"
        f" ! video/x-raw,format=I420,width={width},height={height},framerate={frames_per_second}/1"
        f" ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={key_frames}"
        " ! rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
    server.get_mount_points().add_factory("/camera", factory)
    if server.attach(None) == 0:
        sys.exit("The port is in use.")
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    serve(*sys.argv[1:])
