#!/bin/sh
# Makes the clips again: of each size a key frame and 29 that follow it, of a moving
# test picture, as small as can be. Needs ffmpeg with libvpx.
set -eu
cd "$(dirname "$0")"
for size in 320x180 640x360 1280x720; do
  ffmpeg -hide_banner -v error -y -f lavfi -i "testsrc2=size=$size:rate=30:duration=1" \
    -frames:v 30 -c:v libvpx -b:v 100k -crf 63 -qmin 60 -qmax 63 -g 999 \
    -deadline good -auto-alt-ref 0 -error-resilient 1 -f ivf "vp8-$size.ivf"
done
