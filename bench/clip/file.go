package clip

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/focus/transport/frame"
	"meshfocus/focus/transport/mediafile"
)

// ErrFile: a file cannot be sent. The error is a line that says which, why, and what
// would be right.
var ErrFile = errors.New("cannot be sent")

const (
	// largestFile is how many bytes are held in memory; all publishers share them.
	largestFile = 256 << 20
	// largestFrame is what publishers can send again if it is lost: 256 packets.
	largestFrame = 256 << 10
	// largestSound is what a packet has room for beside a stamp.
	largestSound = 1150
	// longest is how long a frame is shown at most: more is a slide, not a film.
	longest = 10 * time.Second
)

// Frame is one picture, or one packet of sound.
type Frame struct {
	Data []byte
	// Lasts is how long it is there until the next, by the file's times; of the last,
	// as long as they are in the mean.
	Lasts time.Duration
	// Key: decoding can begin with it.
	Key bool
}

// Film is the pictures of a file. The first is a key frame, and follows the last. It does
// not change, and any number of publishers may send it.
type Film struct {
	Codec         Codec
	Width, Height int // in pixels, of the first frame
	Frames        []Frame
}

// Sound is the packets of a file with Opus, of which the first follows the last. It does
// not change.
type Sound struct{ packets []Frame }

// At gives the packet of any number from 0 on.
func (s *Sound) At(number int) Frame { return s.packets[number%len(s.packets)] }

// Key gives the number of the next key frame, from that of a frame on: that frame itself,
// if it is one.
func (f *Film) Key(from int) int {
	if at := slices.IndexFunc(f.Frames[from:], func(one Frame) bool { return one.Key }); at >= 0 {
		return from + at
	}
	return 0
}

// OpenFilm reads IVF with VP8, VP9 or AV1, or H.264 in annex B form; what it is is known by
// its content. The error is ErrFile.
func OpenFilm(name string) (*Film, error) {
	data, err := load(name)
	if err != nil {
		return nil, err
	}
	return readFilm(name, data)
}

// OpenSound reads Ogg Opus. The error is ErrFile.
func OpenSound(name string) (*Sound, error) {
	data, err := load(name)
	if err != nil {
		return nil, err
	}
	return readSound(name, data)
}

// load reads a file, if that is wise.
func load(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFile, err) // it names the file
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is no file", ErrFile, name)
	case info.Size() > largestFile:
		return nil, fmt.Errorf("%w: %s is of %d MB: more than %d are not held in memory; a minute is enough, as it begins again", ErrFile, name, info.Size()>>20, largestFile>>20)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return data, nil
}

// pictured are the codecs of pictures.
var pictured = map[transport.Codec]Codec{transport.VP8: VP8, transport.VP9: VP9, transport.H264: H264, transport.AV1: AV1}

func readFilm(name string, data []byte) (*Film, error) {
	file, frames, err := read(name, data)
	if err != nil {
		return nil, err
	}
	f := &Film{Codec: pictured[file.Codec()], Frames: frames}
	f.Width, f.Height = file.Size()
	if f.Codec == "" {
		return nil, fmt.Errorf("%w: %s is sound; wanted is IVF (VP8, VP9, AV1) or H.264 annex B", ErrFile, name)
	}
	if f.Codec == H264 {
		begin(f.Frames)
	}
	for i, each := range f.Frames {
		switch {
		case i == 0 && !each.Key:
			return nil, fmt.Errorf("%w: %s: the first frame is no %s key frame, which it has to be", ErrFile, name, f.Codec)
		case len(each.Data) > largestFrame:
			return nil, fmt.Errorf("%w: %s: frame %d is of %d bytes: %d are the most; encode it at a lower rate", ErrFile, name, i, len(each.Data), largestFrame)
		}
	}
	return f, nil
}

func readSound(name string, data []byte) (*Sound, error) {
	file, packets, err := read(name, data)
	if err != nil {
		return nil, err
	}
	if file.Codec() != transport.Opus {
		return nil, fmt.Errorf("%w: %s is %s; wanted is Ogg Opus", ErrFile, name, file.Codec())
	}
	for i, each := range packets {
		if len(each.Data) > largestSound {
			return nil, fmt.Errorf("%w: %s: packet %d is of %d bytes: %d are the most; encode it at a lower rate, or with shorter frames", ErrFile, name, i, len(each.Data), largestSound)
		}
	}
	return &Sound{packets}, nil
}

// read takes the samples out of a file of any kind.
func read(name string, data []byte) (file *mediafile.Clip, frames []Frame, err error) {
	if file, err = mediafile.Read(name, bytes.NewReader(data), int64(len(data))); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	samples := make([]mediafile.Sample, file.Samples())
	for i := range samples {
		if samples[i], err = file.Sample(i); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrFile, err)
		}
	}
	for i, s := range samples {
		until := file.Length()
		if i+1 < len(samples) {
			until = samples[i+1].At
		}
		if until-s.At > longest {
			return nil, nil, fmt.Errorf("%w: %s: frame %d is there for %v: %v is the most", ErrFile, name, i, until-s.At, longest)
		}
		frames = append(frames, Frame{s.Data, until - s.At, s.Key})
	}
	return file, frames, nil
}

// begin has decoding begin with IDR pictures alone, and each of them with the parameter
// sets that it needs: files may have them once, and who joins later has not seen them.
// Delimiters, and what an encoder says besides, are left out.
func begin(frames []Frame) {
	var known [][]byte // the sets that came last
	for i := range frames {
		var units, sets [][]byte
		frames[i].Key = false
		complete := false
		for unit := range frame.NALs(frames[i].Data) {
			switch kind := frame.NALType(unit); kind {
			case frame.NALDelimiter, frame.NALSEI:
			case frame.NALSPS, frame.NALPPS:
				sets, complete = append(sets, unit), complete || kind == frame.NALSPS
			default:
				units, frames[i].Key = append(units, unit), frames[i].Key || kind == frame.NALIDR
			}
		}
		if complete {
			known = sets
		} else if frames[i].Key {
			sets = slices.Concat(known, sets)
		}
		frames[i].Data = nil
		for _, unit := range slices.Concat(sets, units) {
			frames[i].Data = append(append(frames[i].Data, 0, 0, 0, 1), unit...)
		}
	}
}
