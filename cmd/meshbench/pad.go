package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// pad is a file for rounds that has its name from the first of them on: until then, and
// for good if there is none, what was there under that name stays.
type pad struct {
	*os.File
	name  string
	named bool
}

// openPad says at once what could not be written.
func openPad(name string) (*pad, error) {
	if special(name) {
		file, err := os.OpenFile(name, os.O_WRONLY, 0)
		return &pad{file, name, true}, err
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a directory; --out names a file", name)
	}
	file, err := os.CreateTemp(filepath.Dir(name), ".meshbench-*")
	if err != nil {
		return nil, fmt.Errorf("%s could not be written: %w", name, err)
	}
	return &pad{File: file, name: name}, file.Chmod(0o644)
}

// take gives it its name.
func (p *pad) take() error {
	if p.named {
		return nil
	}
	p.named = true
	return os.Rename(p.File.Name(), p.name)
}

// Close ends it; without a round nothing is left of it.
func (p *pad) Close() error {
	err := p.File.Close()
	if !p.named {
		err = errors.Join(err, os.Remove(p.File.Name()))
	}
	return err
}
