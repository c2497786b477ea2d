package page

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestColours_AreTheSameOnEveryPage(t *testing.T) {
	if got := colours([]string{"synapse", "ours", "elsewhere", "embedded", "further"}); !slices.Equal(got, []int{6, 0, 1, 4, 2}) {
		t.Error(got)
	}
	var many []string
	for i := range 2 * len(coloured) {
		many = append(many, fmt.Sprint(i))
	}
	for i, c := range colours(many) {
		if c < 0 || c >= len(coloured) || i < len(coloured) && c != i {
			t.Errorf("%d: %d", i, c)
		}
	}
}

// linear is a colour in linear light: red, green, blue.
type linear [3]float64

func (c linear) under(m [3]linear) (out linear) {
	for i, row := range m {
		for j, part := range row {
			out[i] += part * c[j]
		}
	}
	return out
}

func (c linear) luminance() float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }

// oklab is a colour in Ottosson's space, in which distances are those that are seen.
func (c linear) oklab() linear {
	cones := c.under([3]linear{{0.4122214708, 0.5363325363, 0.0514459929}, {0.2119034982, 0.6806995451, 0.1073969566}, {0.0883024619, 0.2817188376, 0.6299787005}})
	for i := range cones {
		cones[i] = math.Cbrt(max(cones[i], 0))
	}
	return cones.under([3]linear{{0.2104542553, 0.7936177850, -0.0040720468}, {1.9779984951, -2.4285922050, 0.4505937099}, {0.0259040371, 0.7827717662, -0.8086757660}})
}

func colourOf(t *testing.T, hex string) (c linear) {
	t.Helper()
	for i := range c {
		part, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		if v := float64(part) / 255; v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

// TestColours_AreToldApart by those who see all colours and by those who do not: the
// matrices are those of Machado, Oliveira and Fernandes 2009 for protanopia,
// deuteranopia and tritanopia. Contrast is WCAG's, 3 for graphics.
func TestColours_AreToldApart(t *testing.T) {
	const apart, contrast = 0.085, 3 // a fiftieth is just seen
	eyes := map[string][3]linear{
		"all colours": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
		"no red":      {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
		"no green":    {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
		"no blue":     {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
	}
	light, dark, _ := strings.Cut(style, "prefers-color-scheme: dark")
	for mode, page := range map[string]struct{ text, card string }{"light": {light, "ffffff"}, "dark": {dark, "1f1f1d"}} {
		found := regexp.MustCompile(`--c(\d+): #([0-9a-f]{6})`).FindAllStringSubmatch(page.text, -1)
		if len(found) != len(coloured) {
			t.Fatalf("%s: %d colours for %d", mode, len(found), len(coloured))
		}
		card := colourOf(t, page.card).luminance()
		for i, f := range found {
			one := colourOf(t, f[2])
			bright, faint := max(one.luminance(), card), min(one.luminance(), card)
			if got := (bright + 0.05) / (faint + 0.05); f[1] != fmt.Sprint(i) || got < contrast {
				t.Errorf("%s: %s has a contrast of %.2f", mode, f[0], got)
			}
			for _, other := range found[:i] {
				for who, eye := range eyes {
					a, b := one.under(eye).oklab(), colourOf(t, other[2]).under(eye).oklab()
					if got := math.Hypot(math.Hypot(a[0]-b[0], a[1]-b[1]), a[2]-b[2]); got < apart {
						t.Errorf("%s, %s: %s and %s are only %.3f apart", mode, who, f[0], other[0], got)
					}
				}
			}
		}
	}
}
