#!/bin/sh
# Makes the pictures again: of each size a key frame and three that follow it, as
# small as can be. Needs ffmpeg with libvpx.
set -eu
cd "$(dirname "$0")"
for size in 160x90 320x180 640x360; do
  ffmpeg -hide_banner -v error -y -f lavfi -i "testsrc2=size=$size:rate=30:duration=0.2" \
    -vf "loop=loop=5:size=1" -frames:v 4 -c:v libvpx -b:v 60k -crf 63 -qmin 60 -qmax 63 -g 999 \
    -deadline good -auto-alt-ref 0 -error-resilient 1 -f ivf "$size.ivf"
done
