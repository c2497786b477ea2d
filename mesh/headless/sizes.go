package headless

import (
	"fmt"
	"slices"
	"time"

	"meshfocus/focus/transport/mediafile"
	"meshfocus/simulcast"
)

// alike is by how much files of one picture may differ in length: the shorter ones
// stand still until the longest has ended.
const alike = time.Second

// arrange puts files of one picture in order of size, and says why they cannot be that.
func arrange(pictures []mediafile.Source) error {
	if len(pictures) < 2 {
		return nil
	}
	slices.SortStableFunc(pictures, func(a, b mediafile.Source) int { return area(a) - area(b) })
	if len(pictures) > simulcast.Streams {
		return fmt.Errorf("%s: a picture has up to %d sizes, and here are %d", pictures[0].Name(), simulcast.Streams, len(pictures))
	}
	for i, picture := range pictures[1:] {
		before := pictures[i]
		a, isFile := before.(*mediafile.Clip)
		b, areFiles := picture.(*mediafile.Clip)
		switch {
		case !isFile || !areFiles:
			return fmt.Errorf("%s: it is a second source of video; several are taken for sizes of one picture, which have to be files", picture.Name())
		case a.Codec() != b.Codec():
			return fmt.Errorf("%s is %s and %s %s: sizes of one picture are of one codec", before.Name(), a.Codec(), picture.Name(), b.Codec())
		case area(before) == area(picture):
			return fmt.Errorf("%s and %s are of one size: several files of video are taken for sizes of one picture", before.Name(), picture.Name())
		case max(a.Length()-b.Length(), b.Length()-a.Length()) > alike:
			return fmt.Errorf("%s lasts %v and %s %v: several files of video are taken for sizes of one picture",
				before.Name(), a.Length().Round(time.Second/10), picture.Name(), b.Length().Round(time.Second/10))
		}
	}
	return nil
}

// area is the size of a source's pictures, 0 of what is no file.
func area(source mediafile.Source) int {
	clip, ok := source.(*mediafile.Clip)
	if !ok {
		return 0
	}
	width, height := clip.Size()
	return width * height
}
