package record

import (
	"context"
	"sync"
	"testing"
	"time"

	"meshfocus/focus/internal/testclip"
	"meshfocus/focus/transport"
	"meshfocus/focus/transport/mediafile"
)

// liveTime is how long clips are sent in real time.
const liveTime = 2500 * time.Millisecond

func TestFile_RecordsWhatAConnectionCarries(t *testing.T) {
	sound := testclip.Make(t, "opus.opus", 2)
	for name, codec := range map[string]string{"vp8.ivf": "vp8", "vp9.ivf": "vp9", "av1.ivf": "av1", "h264.h264": "h264"} {
		picture := testclip.Make(t, name, 2)
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			probe := testclip.Check(t, carry(t, picture, sound))
			if len(probe.Streams) != 2 {
				t.Fatalf("%d streams, want 2", len(probe.Streams))
			}
			for _, stream := range probe.Streams {
				switch stream.Type {
				case "video":
					if stream.Codec != codec || stream.Frames < 25 {
						t.Errorf("video: %+v, want %s with most of 60 frames", stream, codec)
					}
				case "audio":
					if stream.Codec != "opus" || stream.Packets < 50 {
						t.Errorf("audio: %+v, want opus with most of 125 packets", stream)
					}
				}
			}
		})
	}
}

// carry sends two clips from one connection to another and gives the
// recording.
func carry(t *testing.T, clips ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	config := transport.ConnConfig{Name: "sender"}
	var parts []mediafile.Part
	for _, path := range clips {
		clip, err := mediafile.OpenClip(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = clip.Close() })
		track, err := transport.NewLocalTrack(transport.TrackConfig{Codec: clip.Codec(), ID: clip.Codec().String(), StreamID: "stream"})
		if err != nil {
			t.Fatal(err)
		}
		if clip.Codec() == transport.Opus {
			config.Audio = track
		} else {
			config.Video = track
		}
		parts = append(parts, mediafile.Part{Source: clip, Writer: track})
	}
	sender, receiver := connect(t, ctx, config)
	defer func() { _ = sender.Close() }()

	file := NewFile(t.TempDir(), "sender", nil)
	var running sync.WaitGroup
	running.Go(func() {
		var tracks sync.WaitGroup
		for event := range receiver.Events() {
			if added, ok := event.(transport.TrackAdded); ok {
				tracks.Go(func() {
					if err := file.Record(ctx, "camera", added.Track); err != nil {
						t.Errorf("Record: %v", err)
					}
				})
			}
		}
		tracks.Wait()
	})
	playing, stop := context.WithTimeout(ctx, liveTime)
	defer stop()
	_ = mediafile.Play(playing, parts...)
	if err := receiver.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	running.Wait()
	if err := file.Close(); err != nil {
		t.Errorf("File.Close: %v", err)
	}
	return file.Path()
}

// connect makes two connections that are connected to each other.
func connect(t *testing.T, ctx context.Context, config transport.ConnConfig) (*transport.Conn, *transport.Conn) {
	t.Helper()
	sender, receiver := newConn(t, config), newConn(t, transport.ConnConfig{Name: "receiver"})
	offer, err := sender.CreateOffer(ctx, transport.OfferOptions{Gather: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := receiver.AcceptOffer(ctx, offer, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.AcceptAnswer(ctx, answer); err != nil {
		t.Fatal(err)
	}
	for sender.State() != transport.StateConnected {
		select {
		case <-sender.Events():
		case <-ctx.Done():
			t.Fatal("not connected in time")
		}
	}
	return sender, receiver
}

// newConn makes a connection on a network of its own.
func newConn(t *testing.T, config transport.ConnConfig) *transport.Conn {
	t.Helper()
	network, err := transport.Listen(transport.Config{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = network.Close() })
	conn, err := network.NewConn(config)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestFile_RecordsWhatFFmpegSendsAsRTP(t *testing.T) {
	for codec, encoder := range map[transport.Codec][]string{
		transport.VP8:  {"-f", "lavfi", "-re", "-i", "testsrc2=size=160x120:rate=25", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0", "-g", "25"},
		transport.H264: {"-f", "lavfi", "-re", "-i", "testsrc2=size=160x120:rate=25", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-g", "25"},
		transport.Opus: {"-f", "lavfi", "-re", "-i", "sine=frequency=440:sample_rate=48000", "-c:a", "libopus"},
	} {
		t.Run(codec.String(), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			source, err := mediafile.Open("rtp://127.0.0.1:0?codec=" + codec.String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = source.Close() }()
			track, err := transport.NewLocalTrack(transport.TrackConfig{Codec: codec, ID: "track", StreamID: "stream"})
			if err != nil {
				t.Fatal(err)
			}
			config := transport.ConnConfig{Audio: track}
			if codec.Kind() == transport.Video {
				config = transport.ConnConfig{Video: track}
			}
			sender, receiver := connect(t, ctx, config)
			defer func() { _ = sender.Close() }()
			playing, stop := context.WithCancel(ctx)
			var running sync.WaitGroup
			running.Go(func() { _ = mediafile.Play(playing, mediafile.Part{Source: source, Writer: track}) })
			file := NewFile(t.TempDir(), "sender", nil)
			running.Go(func() {
				for event := range receiver.Events() {
					if added, ok := event.(transport.TrackAdded); ok && added.Track.Kind() == codec.Kind() {
						if err := file.Record(ctx, "camera", added.Track); err != nil {
							t.Errorf("Record: %v", err)
						}
					}
				}
			})
			url := "rtp://" + source.(*mediafile.Input).Addr().String() + "?pkt_size=1200"
			testclip.FFmpeg(t, append(encoder, "-t", "3", "-f", "rtp", "-sdp_file", t.TempDir()+"/sdp", url)...)
			stop()
			if err := receiver.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			running.Wait()
			if err := file.Close(); err != nil {
				t.Errorf("File.Close: %v", err)
			}
			probe := testclip.Check(t, file.Path())
			if len(probe.Streams) != 1 || probe.Streams[0].Codec != codec.String() || probe.Streams[0].Packets < 40 {
				t.Errorf("%+v, want one track of %s with most of three seconds", probe.Streams, codec)
			}
		})
	}
}
