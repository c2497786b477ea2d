package headless

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ivf makes a file of key frames of a size, ten in a second.
func ivf(t *testing.T, fourcc string, width, height uint16, seconds int) string {
	t.Helper()
	key := []byte{0x10, 2, 0, 0x9d, 1, 0x2a, byte(width), byte(width >> 8), byte(height), byte(height >> 8), 0, 0x47}
	if fourcc == "VP90" {
		key = []byte{0x82, 0x49, 0x83, 0x42, 0, byte((width - 1) >> 12), byte((width - 1) >> 4), byte((width-1)<<4) | byte((height-1)>>12), byte((height - 1) >> 4), byte((height - 1) << 4), 0, 0}
	}
	file := make([]byte, 32)
	copy(file, "DKIF")
	copy(file[8:], fourcc)
	binary.LittleEndian.PutUint16(file[6:], 32)
	binary.LittleEndian.PutUint16(file[12:], width)
	binary.LittleEndian.PutUint16(file[14:], height)
	binary.LittleEndian.PutUint32(file[16:], 10)
	binary.LittleEndian.PutUint32(file[20:], 1)
	for i := range 10 * seconds {
		file = binary.LittleEndian.AppendUint32(file, uint32(len(key)))
		file = binary.LittleEndian.AppendUint64(file, uint64(i))
		file = append(file, key...)
	}
	path := filepath.Join(t.TempDir(), "picture.ivf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Several files of pictures are sizes of one, in whatever order they are named.
func TestMedia_SeveralPicturesAreSizesOfOne(t *testing.T) {
	small, large := ivf(t, "VP80", 80, 60, 1), ivf(t, "VP80", 160, 120, 1)
	m, err := openMedia(Config{Publish: []string{large, small}})
	if err != nil {
		t.Fatal(err)
	}
	if layers := m.video.Config().Layers; layers != 2 || len(m.parts) != 2 || m.parts[0].Source.Name() != small {
		t.Errorf("%d layers of %d parts, the first is %s", layers, len(m.parts), m.parts[0].Source.Name())
	}
	if err := m.encrypt(newFrames(nil)); err != nil || m.sealed.video.Config().Layers != 2 {
		t.Errorf("encrypted: %v", err)
	}
	if err := m.close(); err != nil {
		t.Error(err)
	}
	for words, other := range map[string]string{
		"of one size":  ivf(t, "VP80", 160, 120, 1),
		"lasts":        ivf(t, "VP80", 320, 240, 3),
		"of one codec": ivf(t, "VP90", 320, 240, 1),
		"to be files":  "rtp://127.0.0.1:0?codec=vp8",
	} {
		if _, err := openMedia(Config{Publish: []string{large, other}}); !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), words) {
			t.Errorf("want %q, got %v", words, err)
		}
	}
}
