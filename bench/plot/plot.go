// Package plot is what pages with curves share, each of them one file that opens
// without a network: uPlot, vendored, and a style for light, dark and small
// screens. It draws nothing itself.
package plot

import (
	_ "embed"
	"html/template"
)

var (
	//go:embed vendor/uPlot.iife.min.js
	script string
	//go:embed vendor/uPlot.min.css
	plotStyle string
	//go:embed vendor/LICENSE
	licence string
	//go:embed style.css
	style string
)

// Script is uPlot.
func Script() template.JS { return template.JS(script) }

// Style is uPlot's and, behind it, ours.
func Style() template.CSS { return template.CSS(plotStyle + style) }

// Licence is uPlot's, MIT, which a page has to carry.
func Licence() string { return licence }
