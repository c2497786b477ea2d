#!/bin/sh
# Makes the clips again: of each codec and size a key frame and 29 that follow it, of a
# moving test picture, as small as can be; with H.264 32, so that the numbers of frames,
# which have four bits, go on where the clip begins again. Whatever counts or adapts from
# frame to frame is off. Needs ffmpeg with libvpx, libx264 and libaom, and Chromium.
set -eu
cd "$(dirname "$0")"
for size in 320x180 640x360 1280x720; do
  make() { # FILE FRAMES OPTIONS…
    file=$1 frames=$2
    shift 2
    ffmpeg -hide_banner -v error -y -f lavfi -i "testsrc2=size=$size:rate=30:duration=2" -frames:v "$frames" -pix_fmt yuv420p -g 999 "$@" "$file"
  }
  make "vp8-$size.ivf" 30 -c:v libvpx -b:v 100k -crf 63 -qmin 60 -qmax 63 -deadline good -auto-alt-ref 0 -error-resilient 1
  make "vp9-$size.ivf" 30 -c:v libvpx-vp9 -b:v 50k -crf 63 -qmin 60 -qmax 63 -deadline good -cpu-used 2 -auto-alt-ref 0 \
    -lag-in-frames 0 -error-resilient 1
  make "h264-$size.h264" 33 -c:v libx264 -profile:v baseline -level 3.1 -preset veryslow -tune zerolatency -qp 51 \
    -x264-params keyint=999:scenecut=0:ref=1:bframes=0:weightp=0:repeat-headers=1:sliced-threads=0:slices=1:threads=1
  make "av1-$size.ivf" 30 -c:v libaom-av1 -usage realtime -cpu-used 5 -crf 63 -b:v 0 -lag-in-frames 0 \
    -aom-params frame-parallel=1:enable-order-hint=0:enable-cdef=0
done

# The layers of one stream are an encoder's of WebRTC: Chromium, which says them on its console.
chromium --headless --no-sandbox --disable-gpu --user-data-dir="$(mktemp -d)" --enable-logging=stderr "file://$PWD/layers.html" 2>&1 >/dev/null |
  sed -n 's/.*"LAYERS \([^ ]*\) LAYERS".*/\1/p;/LAYERS-END/q' | base64 -d >vp9-layers.ivf
