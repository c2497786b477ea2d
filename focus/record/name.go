package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// maxName is bytes of a file name without number and ending; file systems
// allow 255.
const maxName = 100

// SafeName makes a file name of a participant's name, whatever it holds:
// letters, digits, dot, dash and underscore stay, all else becomes an
// underscore, and it does not begin with a dot or a dash. Two participants
// may get the same name; see Create.
func SafeName(name string) string {
	var safe strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			safe.WriteRune(r)
		default:
			safe.WriteByte('_')
		}
		if safe.Len() >= maxName {
			break
		}
	}
	plain := strings.TrimLeft(safe.String(), "._-")
	if plain == "" {
		return "participant"
	}
	return plain
}

// createFile makes a new file in a directory, numbered if the name is taken.
// os.Root keeps it there whatever the name is.
func createFile(directory, name string) (*os.File, error) {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	const most = 10000
	for number := 1; number < most; number++ {
		path := name + ".webm"
		if number > 1 {
			path = fmt.Sprintf("%s-%d.webm", name, number)
		}
		file, err := root.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
	return nil, fmt.Errorf("%s: %d recordings of that name are there already", directory, most)
}
