package trace

import (
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// suffix is how the names of all our files end; others are left alone.
const suffix = ".trace.gz"

// file is a trace that is being written.
type file struct {
	file    *os.File
	packed  *gzip.Writer
	length  int64 // before packing
	settled time.Time
}

func (f *file) write(lines []byte, now time.Time) error {
	f.length += int64(len(lines))
	if _, err := f.packed.Write(lines); err != nil {
		return err
	}
	if now.Sub(f.settled) < settle {
		return nil
	}
	f.settled = now
	return f.packed.Flush()
}

func (f *file) close() error { return errors.Join(f.packed.Close(), f.file.Close()) }

// folder is where files are.
type folder struct {
	path string
	most int64
}

// create makes a file that only we can read, and room for it: the oldest go while all
// take more than they may with another one.
func (d *folder) create(name string) (*file, error) {
	if err := d.clear(); err != nil {
		return nil, err
	}
	opened, err := os.OpenFile(filepath.Join(d.path, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	packed, err := gzip.NewWriterLevel(opened, gzip.BestSpeed)
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return &file{file: opened, packed: packed}, nil
}

// packedPart is what a file takes when it is full, about: lines of numbers shrink to a
// fifth.
const packedPart = part / 4

// clear takes the oldest files away. Their names begin with when they were begun.
func (d *folder) clear() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	var names []string
	var sizes []int64
	whole := int64(packedPart)
	sort.Slice(entries, func(i, k int) bool { return entries[i].Name() < entries[k].Name() })
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasSuffix(entry.Name(), suffix) {
			continue // gone meanwhile, or not ours
		}
		names, sizes, whole = append(names, entry.Name()), append(sizes, info.Size()), whole+info.Size()
	}
	for i := 0; i < len(names) && whole > d.most; i++ {
		if err := os.Remove(filepath.Join(d.path, names[i])); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		whole -= sizes[i]
	}
	return nil
}
