package headless

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"meshfocus/focus/transport"
	"meshfocus/focus/transport/mediafile"
	"meshfocus/signalling/message"
)

// media is what we send: at most one sound and one picture, of one stream.
// Each is encoded and cut into packets once, however many peers there are.
type media struct {
	audio, video *transport.LocalTrack
	stream       string
	parts        []mediafile.Part
}

// openMedia opens the sources of the configuration. After an error nothing is
// left open.
func openMedia(config Config) (*media, error) {
	m := &media{stream: "meshfocus-" + rand.Text()[:12]}
	sources, err := openSources(config)
	for _, source := range sources {
		if err == nil {
			err = m.add(source)
		}
	}
	if err != nil {
		for _, source := range sources {
			_ = source.Close()
		}
		return nil, fmt.Errorf("%w %w", ErrSource, err)
	}
	return m, nil
}

func openSources(config Config) (sources []mediafile.Source, err error) {
	if clip := config.Clip; clip != nil {
		for name, data := range map[string][]byte{"clip.ivf": clip.Video, "clip.ogg": clip.Audio} {
			source, err := mediafile.Read(name, bytes.NewReader(data), int64(len(data)))
			if err != nil {
				return sources, err
			}
			sources = append(sources, source)
		}
		return sources, nil
	}
	for _, argument := range config.Publish {
		source, err := mediafile.Open(argument)
		if err != nil {
			return sources, err
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// add makes the track of a source.
func (m *media) add(source mediafile.Source) error {
	kind := source.Codec().Kind()
	slot := &m.audio
	if kind == transport.Video {
		slot = &m.video
	}
	if *slot != nil {
		return fmt.Errorf("%s: it is a second source of %s; one of sound and one of picture can be sent", source.Name(), kind)
	}
	track, err := transport.NewLocalTrack(transport.TrackConfig{
		Kind: kind, Codec: source.Codec(), ID: m.stream + "-" + kind.String(), StreamID: m.stream,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", source.Name(), err)
	}
	*slot = track
	m.parts = append(m.parts, mediafile.Part{Source: source, Writer: track})
	return nil
}

// metadata says what our streams are for (MSC3077).
func (m *media) metadata() message.StreamMetadata {
	stream := m.stream
	if len(m.parts) == 0 {
		stream = transport.SilentStreamID
	}
	return message.StreamMetadata{stream: {Purpose: message.PurposeUserMedia, AudioMuted: m.audio == nil, VideoMuted: m.video == nil}}
}

// play feeds the tracks until ctx ends. Without sources it has nothing to do.
func (m *media) play(ctx context.Context) error {
	if len(m.parts) == 0 {
		return nil
	}
	return mediafile.Play(ctx, m.parts...)
}

// close closes the sources; play must have returned.
func (m *media) close() error {
	var errs []error
	for _, part := range m.parts {
		errs = append(errs, part.Source.Close())
	}
	return errors.Join(errs...)
}
