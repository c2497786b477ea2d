#!/bin/sh
# Makes card.ivf and card.ogg again. Needs ffmpeg with libvpx and libopus.
# Ten seconds that loop without a seam: a key frame every two seconds, so that
# a viewer who asks for one never waits longer, and a tone that climbs once a
# second, so that a stall can be heard.
set -eu
cd "$(dirname "$0")"
ffmpeg -hide_banner -v error -y \
  -f lavfi -i "testsrc2=size=320x180:rate=15:duration=10" \
  -vf "drawtext=text='meshfocus %{pts\:hms}':x=8:y=h-24:fontsize=16:fontcolor=white:box=1:boxcolor=black@0.6" \
  -c:v libvpx -b:v 120k -g 30 -keyint_min 30 -deadline good -auto-alt-ref 0 -error-resilient 1 \
  -f ivf card.ivf
ffmpeg -hide_banner -v error -y \
  -f lavfi -i "aevalsrc='0.15*sin(2*PI*(330+110*floor(mod(t,4)))*t)*min(1,8*mod(t,1))*lt(mod(t,1),0.7)':s=48000:d=10" \
  -c:a libopus -b:a 24k -application audio card.ogg
