package mediafile

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"meshfocus/focus/transport"
)

// Source is what can be published: a *Clip or an *Input.
type Source interface {
	Codec() transport.Codec
	// Name is what it was opened by.
	Name() string
	Close() error
}

// Open opens what an argument names: a media file, or an RTP input such as
// rtp://127.0.0.1:5004?codec=vp8. The error is one line that says what is
// wrong with it; it wraps ErrUnknownFormat, ErrBroken or the system's.
func Open(argument string) (Source, error) {
	if strings.HasPrefix(argument, "rtp://") {
		return openInput(argument)
	}
	return OpenClip(argument)
}

// Clip is an indexed media file. It may be used by one Play at a time.
type Clip struct {
	name    string
	codec   transport.Codec
	width   int
	height  int
	file    io.ReaderAt
	close   func() error
	entries []entry       // at least one
	length  time.Duration // until the last sample has been shown
}

// entry is one sample of a clip.
type entry struct {
	at     time.Duration
	offset int64
	size   int
	data   []byte // instead of offset and size, if it is not in one piece
	key    bool
}

// maxSample is the largest sample taken: an uncompressed-looking key frame of
// 8K. A length above it means that the file is not what it claims.
const maxSample = 32 << 20

// OpenClip opens and indexes a media file.
func OpenClip(path string) (*Clip, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err // it names the file and the reason
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s: is a directory, not a media file", path)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	clip, err := Read(path, file, info.Size())
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	clip.close = file.Close
	return clip, nil
}

// Read indexes a media file of a size. The reader must stay usable as long as
// the clip is played.
func Read(name string, file io.ReaderAt, size int64) (*Clip, error) {
	head := make([]byte, 16)
	n, err := file.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	format, err := recognise(head[:n])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	clip := &Clip{name: name, file: file, close: func() error { return nil }}
	if err := format(clip, size); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := clip.finish(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return clip, nil
}

// recognise finds the reader for a file by its first bytes.
func recognise(head []byte) (func(*Clip, int64) error, error) {
	switch {
	case bytes.HasPrefix(head, []byte("DKIF")):
		return readIVF, nil
	case bytes.HasPrefix(head, []byte("OggS")):
		return readOgg, nil
	case bytes.HasPrefix(head, []byte{0, 0, 1}), bytes.HasPrefix(head, []byte{0, 0, 0, 1}):
		return readAnnexB, nil
	}
	return nil, fmt.Errorf("%w: %s; wanted is IVF (VP8, VP9, AV1), H.264 annex B or Ogg Opus", ErrUnknownFormat, describe(head))
}

// describe names what people try to publish.
func describe(head []byte) string {
	switch {
	case len(head) == 0:
		return "the file is empty"
	case bytes.HasPrefix(head, []byte{0x1a, 0x45, 0xdf, 0xa3}):
		return "this is Matroska or WebM (ffmpeg -i FILE -c:v copy -an OUT.ivf takes the picture out)"
	case len(head) >= 8 && bytes.Equal(head[4:8], []byte("ftyp")):
		return "this is MP4 (ffmpeg -i FILE -c:v copy -an -bsf:v h264_mp4toannexb OUT.h264 takes the picture out)"
	case bytes.HasPrefix(head, []byte("RIFF")):
		return "this is WAV or AVI (ffmpeg -i FILE -c:a libopus OUT.opus makes Opus of the sound)"
	case bytes.HasPrefix(head, []byte("ID3")), head[0] == 0xff:
		return "this looks like MP3 or AAC (ffmpeg -i FILE -c:a libopus OUT.opus makes Opus of it)"
	}
	return "it begins like none we know"
}

// finish checks the index and makes every sample later than the one before:
// pictures with one time would be one picture to a receiver.
func (c *Clip) finish() error {
	if len(c.entries) == 0 {
		return fmt.Errorf("%w: no %s in it", ErrBroken, c.codec)
	}
	if !c.entries[0].key {
		return fmt.Errorf("%w: the first frame is no %s key frame", ErrBroken, c.codec)
	}
	start := c.entries[0].at
	for i := range c.entries {
		c.entries[i].at -= start
		if i == 0 {
			continue
		}
		if c.entries[i].at < c.entries[i-1].at-time.Second {
			return fmt.Errorf("%w: time goes backwards at frame %d", ErrBroken, i)
		}
		c.entries[i].at = max(c.entries[i].at, c.entries[i-1].at+time.Millisecond)
	}
	last := len(c.entries) - 1
	c.length = max(c.length, c.entries[last].at+c.typical())
	return nil
}

// typical gives the usual distance of samples, for the last one.
func (c *Clip) typical() time.Duration {
	last := len(c.entries) - 1
	if last == 0 {
		return 40 * time.Millisecond
	}
	return c.entries[last].at / time.Duration(last)
}

// Name is the path of the file.
func (c *Clip) Name() string { return c.name }

// Codec says how the clip is encoded.
func (c *Clip) Codec() transport.Codec { return c.codec }

// Size gives the picture size in pixels, 0 for sound.
func (c *Clip) Size() (width, height int) { return c.width, c.height }

// Length is how long one round takes.
func (c *Clip) Length() time.Duration { return c.length }

// Samples counts what is in the clip.
func (c *Clip) Samples() int { return len(c.entries) }

// Close closes the file. The clip must not be playing.
func (c *Clip) Close() error { return c.close() }

// Sample is one of a clip.
type Sample struct {
	Data []byte
	// At is when it is due, 0 of the first and more of each after it.
	At time.Duration
	// Key: decoding can begin with it, by what its first bytes say; H.264 also
	// where parameter sets come without an IDR picture.
	Key bool
}

// Sample reads the one of a number, from 0 to Samples()-1.
func (c *Clip) Sample(index int) (Sample, error) {
	data, err := c.sample(index)
	return Sample{data, c.entries[index].at, c.entries[index].key}, err
}

// sample reads one sample.
func (c *Clip) sample(index int) ([]byte, error) {
	e := c.entries[index]
	if e.data != nil {
		return e.data, nil
	}
	data := make([]byte, e.size)
	if _, err := c.file.ReadAt(data, e.offset); err != nil {
		return nil, fmt.Errorf("%s: frame %d: %w", c.name, index, err)
	}
	return data, nil
}
