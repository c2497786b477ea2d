package link

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2/maybe"
)

// document is the file of a book.
type document struct {
	Calls []Call `json:"calls"`
}

// read fills the book from its file. A file that cannot be read is an error:
// writing over it would lose every link that was given away.
func (b *Book) read() error {
	if b.config.File == "" {
		return nil
	}
	text, err := os.ReadFile(b.config.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var d document
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", b.config.File, err)
	}
	for _, call := range d.Calls {
		if !id.MatchString(call.ID) || call.Room == "" {
			return fmt.Errorf("%s: the call %q has no link or no room", b.config.File, call.ID)
		}
		b.calls[call.ID] = &call
	}
	return nil
}

// write replaces the file as a whole or not at all; only we may read it.
func (b *Book) write() error {
	if b.config.File == "" {
		return nil
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	var d document
	b.mu.Lock()
	for _, call := range b.calls {
		d.Calls = append(d.Calls, *call)
	}
	b.mu.Unlock()
	slices.SortFunc(d.Calls, func(a, b Call) int { return cmp.Or(a.Made.Compare(b.Made), cmp.Compare(a.ID, b.ID)) })
	text, err := json.MarshalIndent(d, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(b.config.File), 0o700)
	}
	if err == nil {
		err = maybe.WriteFile(b.config.File, append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("calls cannot be kept: %w", err)
	}
	return nil
}
