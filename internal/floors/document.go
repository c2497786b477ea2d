package floors

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// quoted finds what stands in single backquotes on one line.
var quoted = regexp.MustCompile("`([^`\n]+)`")

// packageLike is how this module's package paths look.
var packageLike = regexp.MustCompile(`^[a-z][a-z0-9]*(/[a-z][a-z0-9]*)*$`)

// CheckDocument compares the packages that a page names in backquotes with
// those that exist: it names each, and none that is not there. A path counts as
// a package's when a folder of packages is its first part; a single word could
// be anything and only counts as naming. Folders that exist may be named too.
func (m *Module) CheckDocument(root fs.FS, page string) []Fault {
	text, err := fs.ReadFile(root, page)
	if err != nil {
		return []Fault{{page, "cannot be read: " + err.Error()}}
	}
	var faults []Fault
	named := map[string]bool{}
	line := 0
	for content := range strings.Lines(string(text)) {
		line++
		for _, match := range quoted.FindAllStringSubmatch(content, -1) {
			name := match[1]
			named[name] = true
			if m.looksOurs(name) && !exists(root, name) {
				faults = append(faults, Fault{page + ":" + strconv.Itoa(line), "names " + name + ", which does not exist"})
			}
		}
	}
	for _, p := range m.Packages {
		if !named[p.Path] {
			faults = append(faults, Fault{page, "does not name " + p.Path + " (in backquotes)"})
		}
	}
	return faults
}

// looksOurs reports whether a name reads as a package below one of the
// module's top folders.
func (m *Module) looksOurs(name string) bool {
	top, _, deep := strings.Cut(name, "/")
	return deep && packageLike.MatchString(name) && slices.ContainsFunc(m.Packages, func(p *Package) bool {
		return within(p.Path, top)
	})
}

func exists(root fs.FS, name string) bool {
	_, err := fs.Stat(root, path.Clean(name))
	return err == nil
}
