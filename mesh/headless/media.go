package headless

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"meshfocus/focus/transport"
	"meshfocus/focus/transport/mediafile"
	"meshfocus/signalling/message"
)

// media is what we send: at most one sound and one picture, of one stream, the picture
// in one size or several. Each is encoded and cut into packets once, however many peers
// there are, and each peer gets the size that its way carries.
type media struct {
	audio, video *transport.LocalTrack
	// sealed are the same for a focus, where that gets other frames than the rest;
	// nil: it gets what all get.
	sealed struct{ audio, video *transport.LocalTrack }
	stream string
	parts  []mediafile.Part
}

// openMedia opens the sources of the configuration. After an error nothing is
// left open.
func openMedia(config Config) (*media, error) {
	m := &media{stream: "meshfocus-" + rand.Text()[:12]}
	sources, err := openSources(config)
	if err == nil {
		err = m.addAll(sources)
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

// addAll makes the tracks of the sources: those of pictures are sizes of one.
func (m *media) addAll(sources []mediafile.Source) (err error) {
	var sounds, pictures []mediafile.Source
	for _, source := range sources {
		if source.Codec().Kind() == transport.Video {
			pictures = append(pictures, source)
		} else {
			sounds = append(sounds, source)
		}
	}
	if len(sounds) > 1 {
		return fmt.Errorf("%s: it is a second source of sound; one of sound and one of picture can be sent", sounds[1].Name())
	}
	if err := arrange(pictures); err != nil {
		return err
	}
	if m.audio, err = m.add(sounds); err == nil {
		m.video, err = m.add(pictures)
	}
	return err
}

// add makes the track of sources, nil of none.
func (m *media) add(layers []mediafile.Source) (*transport.LocalTrack, error) {
	if len(layers) == 0 {
		return nil, nil
	}
	track, err := m.track(layers[0], len(layers))
	if err != nil {
		return nil, err
	}
	for i, source := range layers {
		m.parts = append(m.parts, mediafile.Part{Source: source, Writer: track.Layer(i)})
	}
	return track, nil
}

// track makes a track of a source in so many layers. Files are patient: to make a key
// frame they skip what lies before it, for everybody.
func (m *media) track(source mediafile.Source, layers int) (*transport.LocalTrack, error) {
	kind := source.Codec().Kind()
	track, err := transport.NewLocalTrack(transport.TrackConfig{
		Kind: kind, Codec: source.Codec(), ID: m.stream + "-" + kind.String(), StreamID: m.stream, Layers: layers, Patient: true,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source.Name(), err)
	}
	return track, nil
}

// encrypt lets the sources write frames that are encrypted, for all or for a
// focus alone. It is called before play. The error is ErrSource.
func (m *media) encrypt(frames *frames) error {
	for _, part := range m.parts {
		if err := canSend(part.Source); err != nil {
			return fmt.Errorf("%w %w", ErrSource, err)
		}
	}
	if !frames.everywhere {
		m.sealed.audio, m.sealed.video = m.twin(m.audio), m.twin(m.video)
	}
	for i, part := range m.parts {
		layer := part.Writer.(*transport.LocalLayer) // as add has made it
		if frames.everywhere {
			m.parts[i].Writer = frames.seal(layer)
			continue
		}
		twin := m.sealed.audio
		if layer.Track().Kind() == transport.Video {
			twin = m.sealed.video
		}
		m.parts[i].Writer = fork{layer, frames.seal(twin.Layer(layer.Index()))}
	}
	return nil
}

// twin makes another track like one; nil of nil.
func (m *media) twin(of *transport.LocalTrack) *transport.LocalTrack {
	if of == nil {
		return nil
	}
	twin, _ := transport.NewLocalTrack(of.Config()) // what was right once is
	return twin
}

// fork writes the same to two tracks, one of which encrypts it.
type fork struct {
	*transport.LocalLayer
	sealed mediafile.Writer
}

// WriteSample is mediafile.Writer's.
func (f fork) WriteSample(sample transport.Sample) error {
	return errors.Join(f.LocalLayer.WriteSample(sample), f.sealed.WriteSample(sample))
}

// WriteRTP is mediafile.Writer's. What is encrypted has none; see canSend.
func (f fork) WriteRTP(packet []byte) error { return f.sealed.WriteRTP(packet) }

// KeyFrameRequests is mediafile.Writer's: those of the track that has some.
func (f fork) KeyFrameRequests() <-chan struct{} {
	if asked := f.sealed.KeyFrameRequests(); len(asked) > 0 {
		return asked
	}
	return f.LocalLayer.KeyFrameRequests()
}

// forwarded gives what a focus gets of us.
func (m *media) forwarded() (audio, video *transport.LocalTrack) {
	return cmp.Or(m.sealed.audio, m.audio), cmp.Or(m.sealed.video, m.video)
}

// metadata says what our streams are for (MSC3077).
func (m *media) metadata() message.StreamMetadata {
	stream := m.stream
	if len(m.parts) == 0 {
		stream = transport.SilentStreamID
	}
	muted := m.muted()
	return message.StreamMetadata{stream: {Purpose: message.PurposeUserMedia, AudioMuted: muted.Audio, VideoMuted: muted.Video}}
}

// Mute says which media are muted.
type Mute struct{ Audio, Video bool }

// mute mutes what is true and unmutes the rest. What there is no source of
// stays muted.
func (m *media) mute(muted Mute) {
	for _, track := range []*transport.LocalTrack{m.audio, m.video, m.sealed.audio, m.sealed.video} {
		switch {
		case track == nil:
		case track.Kind() == transport.Audio:
			track.SetMuted(muted.Audio)
		default:
			track.SetMuted(muted.Video)
		}
	}
}

func (m *media) muted() Mute {
	return Mute{
		Audio: m.audio == nil || m.audio.Muted(),
		Video: m.video == nil || m.video.Muted(),
	}
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
